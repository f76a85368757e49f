"""The `sharpen` command line. The only module of the service that configures logging."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from pydantic import ValidationError

from service.app import create_app
from service.logs import make_handler
from service.server import Server
from service.settings import Settings, name_variables
from sharpening.memory import keep_freed_memory, share_arenas

_ARENAS = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments (default: the process's own) name."""
    options = _build_parser().parse_args(arguments)
    match options.command:
        case "serve":
            settings = _read_settings(host=options.host, port=options.port)
            configure_logging(settings)
            keep_freed_memory()
            share_arenas(_ARENAS)
            serve(settings)


def configure_logging(settings: Settings) -> None:
    """Log to standard error, Python's warnings too, and never what is in a file."""
    logging.basicConfig(
        level=settings.log_level.upper(), handlers=[make_handler(settings.log_format)]
    )
    logging.captureWarnings(True)
    pillow = logging.getLogger("PIL")  # whose debug lines are the values of a picture's tags
    pillow.setLevel(max(logging.INFO, logging.getLogger().level))


def serve(settings: Settings) -> None:
    """Serve over HTTP until told to stop; exit 0 on SIGTERM, 1 if there are no models to serve."""
    gave_up = False

    def give_up() -> None:
        nonlocal gave_up
        gave_up = server.should_exit = True

    server = Server(create_app(settings, give_up=give_up), settings)
    signal.signal(signal.SIGHUP, server.handle_hangup)
    # uvicorn stops gracefully on SIGTERM and then raises it once more, to whoever was there before
    signal.signal(signal.SIGTERM, _exit)
    with suppress(KeyboardInterrupt):
        server.run()
    if gave_up:
        sys.exit(1)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen", description="Sharpen photographs.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve_parser = commands.add_parser(
        "serve",
        help="serve over HTTP",
        description="Serve over HTTP. All other settings come from the environment: "
        + ", ".join(name_variables()),
    )
    serve_parser.add_argument("--host", help="address to listen on (SHARPEN_HOST)")
    serve_parser.add_argument("--port", type=int, help="port to listen on (SHARPEN_PORT)")
    return parser


def _read_settings(*, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        sys.exit(f"sharpen: the settings do not fit: {_explain(error)}")


def _explain(error: ValidationError) -> str:
    """Say in one line which settings do not fit, without pydantic's own wording around it."""
    return "; ".join(
        ": ".join([*map(str, entry["loc"]), entry["msg"].removeprefix("Value error, ")])
        for entry in error.errors()
    )


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
