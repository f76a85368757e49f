"""`sharpen video` as a process: told to stop in the middle, it leaves a film that plays."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from benchmarks.clips import Clip, pan, read_frames, write_clip

REPOSITORY = Path(__file__).parents[2]
FRAMES = 200
ENDS_S = 120

PROGRAM = "import sys; from service.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_what_was_done_when_told_to_stop_can_be_played(
    told: signal.Signals, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, pan(160, 96, FRAMES), Clip(sound="aac"))
    # the teacher takes many times as long as it takes to stop
    words = ["video", str(source), str(out), "--model", "paper/teacher"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline_s = time.monotonic() + ENDS_S
        while not list(tmp_path.glob(".out.mp4.*")) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        process.send_signal(told)
        _, said = process.communicate(timeout=ENDS_S)

    assert process.returncode == 130, said
    assert "stopped before the end" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    frames = read_frames(out)
    assert 1 <= len(frames) < FRAMES
    assert f"{len(frames)} frames in {out}" in said
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
