"""`sharpen video`: a video file sharpened into another, with all that goes with it."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from service.cli.frames import add_model_options, open_workers
from service.cli.report import FrameReport
from service.cli.signals import stop_on_signals
from service.video.pipeline import Outcome, sharpen_video
from service.video.source import open_source
from service.video.span import Span
from service.video.target import Encoding
from sharpening.errors import ParameterError
from sharpening.files import replace_when_done

_DESCRIPTION = """Sharpen a video of any kind that FFmpeg reads. Times, sound, subtitles, chapters
and colours stay as they are. Ctrl-C ends it early, and what was done until then can be played."""


def run(arguments: Sequence[str]) -> int:
    """Sharpen the video; returns 130 if it was told to stop before the end."""
    options = _build_parser().parse_args(arguments)
    _check_output(options.input, options.output, force=options.force)
    # SVT-AV1 prints its settings otherwise, right through the bar
    os.environ.setdefault("SVT_LOG", "1")
    with (
        open_source(options.input, Span(options.start, options.duration)) as source,
        open_workers(options) as workers,
        stop_on_signals() as stopped,
        replace_when_done(options.output, keep_suffix=True) as temporary,
        FrameReport(source.estimate_frames(), "sharpening") as report,
    ):
        outcome = sharpen_video(
            source,
            temporary,
            Encoding(options.codec, options.quality),
            workers,
            watcher=report,
            stopped=stopped,
        )
    print(_summarise(outcome, options.output, stopped.is_set()), file=sys.stderr)
    return 128 + signal.SIGINT if stopped.is_set() else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sharpen video", description=_DESCRIPTION)
    parser.add_argument("input", type=Path, metavar="IN", help="a video")
    parser.add_argument("output", type=Path, metavar="OUT", help="its name says its kind: .mp4 …")
    parser.add_argument(
        "--start", type=float, default=0.0, metavar="S", help="seconds to leave out"
    )
    parser.add_argument("--duration", type=float, metavar="S", help="seconds to do (default: all)")
    parser.add_argument(
        "--codec", help="as FFmpeg calls it (default: the source's, or what fits OUT)"
    )
    parser.add_argument(
        "--quality", type=int, metavar="N", help="0 is best; x264 has up to 51 and 18 by default"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    add_model_options(parser)
    return parser


def _check_output(source: Path, output: Path, *, force: bool) -> None:
    if output.resolve() == source.resolve():
        raise ParameterError(f"{output} would replace the video itself: choose another name")
    if output.is_dir():
        raise ParameterError(f"{output} is a folder: give the name of a file")
    if output.exists() and not force:
        raise ParameterError(f"{output} is there already: --force replaces it")


def _summarise(outcome: Outcome, output: Path, is_stopped: bool) -> str:
    lines = [f"{outcome.frames} frames in {output}"]
    if outcome.broken:
        lines.append(f"{outcome.broken} of them damaged, passed on as they came")
    if outcome.lost:
        lines.append(f"{outcome.lost} of them lost: the frame before is shown in their place")
    if outcome.moved:
        lines.append(f"{outcome.moved} of them not at their time: {output.suffix} cannot say it")
    if outcome.cut_short is not None:
        lines.append(f"the video ends before it should ({outcome.cut_short})")
    if is_stopped:
        lines.append("stopped before the end")
    return "; ".join(lines)
