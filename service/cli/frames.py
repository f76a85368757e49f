"""What `sharpen video` and `sharpen camera` share: a model, and threads that run it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from service.cli.environment import read_settings
from service.cli.local import open_threads
from service.models import load_models
from service.video.pipeline import Workers


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say what sharpens the frames, and how much."""
    parser.add_argument(
        "--model", default="student", help="student (default), teacher, profile/role or role@digest"
    )
    parser.add_argument(
        "--strength", type=float, default=1.0, help="0 (nothing) to 2 (default: %(default)g)"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="weights (default: SHARPEN_WEIGHTS_DIR)"
    )


@contextmanager
def open_workers(options: argparse.Namespace) -> Iterator[Workers]:
    """Load what the options name; raises what `load_models` raises and `UnknownModelError`."""
    settings = read_settings({} if options.weights is None else {"weights_dir": options.weights})
    engine = load_models(settings).get(options.model).engine
    with open_threads(settings) as threads:
        sharpen = partial(engine.sharpen, strength=options.strength)
        yield Workers(sharpen, threads, settings.inference_workers)
