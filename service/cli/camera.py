"""`sharpen camera`: a webcam, sharpened, as a camera that other programs can select."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from service.cli.frames import add_model_options, open_workers
from service.cli.report import FrameReport
from service.cli.signals import stop_on_signals
from service.video.camera import Wish, open_camera, open_virtual_camera, read_latest

_DESCRIPTION = """Sharpen a webcam, or a video over and over, into a virtual camera that meeting
software can select. Where there is no such camera it says what to install. Ctrl-C ends it."""


def run(arguments: Sequence[str]) -> int:
    """Sharpen until told to stop, which is how it ends well."""
    options = _build_parser().parse_args(arguments)
    with (
        open_camera(options.input, Wish(options.size, options.rate)) as camera,
        open_workers(options) as workers,
        stop_on_signals() as stopped,
        closing(read_latest(camera.read(), stopped)) as frames,
    ):
        first = next(frames, None)
        if first is None:  # told to stop by now
            return 0
        height, width = first.pixels.shape[:2]
        rate = float(camera.rate)
        with (
            open_virtual_camera(width, height, rate, options.device) as sink,
            FrameReport(None, "sharpening") as report,
        ):
            report.warn(f"select the camera {sink.device}: {width}x{height} px; Ctrl-C ends it")
            dropped = 0
            for live in frames:
                sink.send(workers.threads.submit(workers.sharpen, live.pixels).result())
                dropped += live.dropped
                report.count()
    print(f"{report.done} frames shown, {dropped} dropped to keep up", file=sys.stderr)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen camera", description=_DESCRIPTION)
    parser.add_argument(
        "--input",
        default="0",
        metavar="NAME",
        help="a number, /dev/video0, a camera's name on Windows, or a video (default: %(default)s)",
    )
    parser.add_argument("--size", metavar="WxH", help="to ask the camera for, such as 1280x720")
    parser.add_argument("--rate", type=int, metavar="N", help="frames a second to ask it for")
    parser.add_argument(
        "--device", metavar="NAME", help="the virtual camera (default: the first that there is)"
    )
    add_model_options(parser)
    return parser
