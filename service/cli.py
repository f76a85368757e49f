"""The `sharpen` command line. The only module of the service that configures logging."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import uvicorn
from pydantic import ValidationError

from service.app import create_app
from service.models import ModelStore, load_models
from service.settings import Settings
from sharpening.errors import SharpeningError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments (default: the process's own) name."""
    options = _build_parser().parse_args(arguments)
    match options.command:
        case "serve":
            serve(_read_settings(host=options.host, port=options.port))


def serve(settings: Settings) -> None:
    """Serve over HTTP until told to stop; exit 0 on SIGTERM, 1 if there are no models to serve."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # uvicorn stops gracefully on SIGTERM and then raises it once more, to whoever was there before
    signal.signal(signal.SIGTERM, _exit)
    models = _load_models(settings)
    uvicorn.run(
        create_app(settings, load=lambda _: models),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
    )


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen", description="Sharpen photographs.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve_parser = commands.add_parser(
        "serve",
        help="serve over HTTP",
        description="Serve over HTTP. All other settings come from the environment: "
        + ", ".join(f"SHARPEN_{name.upper()}" for name in Settings.model_fields),
    )
    serve_parser.add_argument("--host", help="address to listen on (SHARPEN_HOST)")
    serve_parser.add_argument("--port", type=int, help="port to listen on (SHARPEN_PORT)")
    return parser


def _read_settings(*, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        sys.exit(f"sharpen: the settings do not fit: {error}")


def _load_models(settings: Settings) -> ModelStore:
    """Load before the server starts, which would answer an error with a page of its own calls."""
    try:
        return load_models(settings)
    except SharpeningError as error:
        sys.exit(f"sharpen: cannot start: {error}")


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
