"""`sharpen serve`. The only module of the service that configures logging."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from types import FrameType

from service.app import create_app
from service.cli.environment import read_settings
from service.logs import make_handler
from service.server import Server
from service.settings import Settings, name_variables
from sharpening.memory import keep_freed_memory, share_arenas

logger = logging.getLogger(__name__)

_ARENAS = 2
_LAST_WAIT_S = 1.0


def run(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit status is 0, or the process ends with another."""
    options = _build_parser().parse_args(arguments)
    given = {"host": options.host, "port": options.port}
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    prepare_process(settings)
    serve(settings)
    return 0


def prepare_process(settings: Settings) -> None:
    """Set what holds for the whole process: where it logs to and how it keeps memory."""
    configure_logging(settings)
    keep_freed_memory()
    share_arenas(_ARENAS)


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

    before = set(threading.enumerate())
    server = Server(create_app(settings, give_up=give_up), settings)
    signal.signal(signal.SIGHUP, server.handle_hangup)
    # uvicorn stops gracefully on SIGTERM and then raises it once more, to whoever was there before
    signal.signal(signal.SIGTERM, _exit)
    try:
        with suppress(KeyboardInterrupt):
            server.run()
    finally:
        leave_threads_behind(before, 1 if gave_up else 0)
    if gave_up:
        sys.exit(1)


def leave_threads_behind(before: Collection[threading.Thread], status: int) -> None:
    """End the process here if threads that are not of `before` are still at work.

    Python would wait for them, however long a picture takes to be decoded.
    """
    threads = [thread for thread in threading.enumerate() if thread not in before]
    for thread in threads:
        thread.join(0 if thread.daemon else _LAST_WAIT_S)
    working = [thread.name for thread in threads if thread.is_alive() and not thread.daemon]
    if working:
        logger.warning("ending before the work in %s is done", ", ".join(working))
        logging.shutdown()
        os._exit(status)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sharpen serve",
        description="Serve over HTTP. All other settings come from the environment: "
        + ", ".join(name_variables()),
    )
    parser.add_argument("--host", help="address to listen on (SHARPEN_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (SHARPEN_PORT)")
    return parser


def _exit(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
