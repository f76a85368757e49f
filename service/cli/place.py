"""Where a command's work is done: in this process, or by the service at `--url`.

Both are asked in the same way. What is needed for one of them is imported only for that one.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Unpack

from service.client import (
    BatchLine,
    Evaluation,
    ModelDescription,
    Pair,
    SharpenClient,
    Sharpened,
    SharpenOptions,
)
from service.client.calls import Source

API_KEY_VARIABLE = "SHARPEN_API_KEY"
_REMOTE_JOBS = 4


class Service(Protocol):
    """What sharpens and judges; `SharpenClient` is one."""

    def sharpen(self, image: Source, **options: Unpack[SharpenOptions]) -> Sharpened:
        """See `SharpenClient.sharpen`."""

    def evaluate(self, reference: Source, image: Source | None = None) -> Evaluation:
        """See `SharpenClient.evaluate`."""

    def evaluate_batch(self, pictures: Sequence[Pair]) -> Iterator[BatchLine]:
        """See `SharpenClient.evaluate_batch`."""

    def models(self) -> list[ModelDescription]:
        """See `SharpenClient.models`."""


@dataclass(frozen=True)
class Place:
    """A service, how many pictures to give it at once, and what to call it."""

    service: Service
    jobs: int
    description: str


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say where the work is to be done."""
    group = parser.add_argument_group("where the work is done")
    group.add_argument("--url", help="ask the service there, instead of working in this process")
    group.add_argument(
        "--api-key",
        default=os.environ.get(API_KEY_VARIABLE),
        help=f"the service's key, if it wants one (default: ${API_KEY_VARIABLE})",
    )
    group.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="without --url: the folder of weights (default: SHARPEN_WEIGHTS_DIR)",
    )
    group.add_argument(
        "--jobs", type=_positive, metavar="N", help="pictures at once (default: as fits the place)"
    )


@contextmanager
def open_place(options: argparse.Namespace) -> Iterator[Place]:
    """Open the place that the options name, and close it in the end."""
    if options.url is not None:
        with SharpenClient(options.url, api_key=options.api_key) as client:
            yield Place(client, options.jobs or _REMOTE_JOBS, f"asked at {options.url}")
        return
    from service.cli.environment import read_settings
    from service.cli.local import open_local

    given = {} if options.weights is None else {"weights_dir": options.weights}
    with open_local(read_settings(given)) as local:
        yield Place(local, options.jobs or local.jobs, local.description)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
