"""`sharpen health`: whether a service is ready, for whatever runs it, such as a container.

Imports next to nothing where it is told the URL: it is run every few seconds.
"""

import argparse
import json
import urllib.request
from collections.abc import Sequence
from urllib.error import HTTPError, URLError

_PATIENCE_S = 4.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on that are none to call, and what to call instead."""


def run(arguments: Sequence[str]) -> int:
    """Ask once and say in a line what was answered; returns 0 only if the service is ready."""
    options = _build_parser().parse_args(arguments)
    url = (options.url or _find_url()).rstrip("/")
    status, line = _ask(f"{url}/health/{'live' if options.live else 'ready'}")
    print(line)
    return 0 if status == 200 else 1


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sharpen health", description="Ask a service whether it takes pictures now."
    )
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="default: on this machine, where SHARPEN_HOST and SHARPEN_PORT say",
    )
    parser.add_argument("--live", action="store_true", help="only whether the process answers")
    return parser


def _ask(url: str) -> tuple[int | None, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_PATIENCE_S) as answer:
            return answer.status, str(json.load(answer)["status"])
    except HTTPError as error:
        with error:
            return error.code, _read_problem(error)
    except (URLError, OSError, ValueError, KeyError) as error:
        return None, f"no answer from {url}: {error}"


def _read_problem(error: HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError):
        return str(error)


def _find_url() -> str:
    from service.cli.environment import read_settings

    settings = read_settings({})
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
