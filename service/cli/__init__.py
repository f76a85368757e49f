"""The `sharpen` command line: one module a verb, imported only when it is the one asked for.

So `sharpen --help` is quick, and what asks a service by `--url` never loads PyTorch.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from sharpening.errors import SharpeningError

VERBS = {
    "serve": "serve over HTTP",
    "image": "sharpen pictures and folders of them",
    "evaluate": "score the models on pictures whose sharp originals are known",
    "batch": "sharpen a folder of any size, here or in object storage, or score two",
    "video": "sharpen a video file",
    "camera": "sharpen a webcam into a virtual camera",
    "bench": "measure how fast each model is",
    "health": "ask a service whether it is ready",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb that the arguments (default: the process's own) name; returns the exit status.

    That is 0, 1 where something failed, 2 for a command that makes no sense, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    verb: str = _build_parser().parse_args(words[:1]).verb
    try:
        return _run(verb, words[1:])
    except (SharpeningError, OSError) as error:
        print(f"sharpen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sharpen: stopped", file=sys.stderr)
        return 128 + signal.SIGINT


def _build_parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {verb:10} {summary}" for verb, summary in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="sharpen",
        description="Sharpen photographs and videos: here, or photographs by asking a service.",
        epilog=f"verbs:\n{listed}\n\n`sharpen VERB --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="one of those below")
    return parser


def _run(verb: str, arguments: Sequence[str]) -> int:
    match verb:
        case "serve":
            from service.cli import serve

            return serve.run(arguments)
        case "image":
            from service.cli import image

            return image.run(arguments)
        case "evaluate":
            from service.cli import evaluate

            return evaluate.run(arguments)
        case "batch":
            from service.cli import batch

            return batch.run(arguments)
        case "video":
            from service.cli import video

            return video.run(arguments)
        case "camera":
            from service.cli import camera

            return camera.run(arguments)
        case "health":
            from service.cli import health

            return health.run(arguments)
        case _:
            from service.cli import bench

            return bench.run(arguments)
