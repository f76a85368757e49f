"""The table of a video's stages comes out of its command."""

import sys

import pytest

from benchmarks import video


def test_every_stage_has_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--width", "64", "--height", "48", "--frames", "3"]
    monkeypatch.setattr(sys, "argv", ["video", *small])

    video.main()

    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "| 64x48 px, student | frames/s |"
    assert [row.split()[1].rstrip(":") for row in rows[2:]] == [
        "reading",
        "sharpening",
        "writing",
        "all",
    ]
