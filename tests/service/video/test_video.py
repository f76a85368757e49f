"""`sharpen video` on real files: what is sharper, and all that has to stay as it was."""

import io
import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image as PillowImage

from benchmarks.clips import (
    BT709,
    UNTAGGED,
    Clip,
    pan,
    read_frames,
    read_pictures,
    read_times,
    write_clip,
)
from service.video.colour import Colour
from sharpening.degradation import PaperDegradation
from sharpening.metrics import psnr, ssim

Sharpen = Callable[..., int]
MakeClip = Callable[..., Path]

LOSSLESS = ("--strength", "0", "--codec", "ffv1")
BT601_FULL = Colour(matrix=5, range=2, primaries=5, transfer=6)
BT2020 = Colour(matrix=9, range=1, primaries=9, transfer=14)


def read_packets(path: Path, kind: str) -> list[tuple[bytes, Fraction]]:
    """Return what the packets of the first stream of that kind hold, and when."""
    with av.open(str(path)) as container:
        (stream,) = (each for each in container.streams if each.type == kind)
        return [
            (bytes(packet), packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.size > 2  # between two subtitles MP4 has empty ones, of two bytes
        ]


def read_length_s(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def read_planes(frame: av.VideoFrame) -> list[np.ndarray]:
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].astype(int)
        for plane in frame.planes
    ]


def test_a_blurred_video_becomes_sharper_by_far(tmp_path: Path, sharpen: Sharpen) -> None:
    sharp = list(pan(160, 96, 8))
    blurred, out = tmp_path / "blurred.mp4", tmp_path / "out.mp4"
    # the student of `paper` takes a codec's faults for the picture's own: there are hardly any
    write_clip(blurred, map(PaperDegradation().apply, sharp), Clip(options={"crf": "1"}))

    assert sharpen(blurred, out) == 0

    before, after = read_pictures(blurred), read_pictures(out)
    assert len(before) == len(after) == len(sharp)
    for original, was, became in zip(sharp, before, after, strict=True):
        assert psnr(original, became) > psnr(original, was) + 2.5
        assert ssim(original, became) > ssim(original, was) + 0.02


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_times_sound_and_length_stay(
    suffix: str, tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen
) -> None:
    source, out = make_clip(f"in{suffix}"), tmp_path / f"out{suffix}"

    assert sharpen(source, out) == 0

    begin = read_times(source)[0] - read_times(out)[0]  # MPEG-TS counts from anywhere
    assert [time + begin for time in read_times(out)] == read_times(source)
    sound = [(data, time + begin) for data, time in read_packets(out, "audio")]
    assert sound == read_packets(source, "audio")


@pytest.mark.parametrize(
    "steps",
    [
        [512, 100, 1900, 513, 512, 7, 3000, 512, 1, 40, 900],
        [612, 612, 312, 612, 612, 312, 612, 612, 312, 612, 612],
    ],
)
def test_variable_times_stay_and_so_does_the_length(
    steps: list[int], tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen
) -> None:
    source = make_clip(stamps=list(itertools.accumulate(steps, initial=0)))
    out = tmp_path / "out.mp4"

    assert sharpen(source, out) == 0

    assert read_times(out) == read_times(source)
    assert read_length_s(out) == pytest.approx(read_length_s(source), abs=0.001)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".mkv", "subrip")])
def test_subtitles_names_and_chapters_stay(
    suffix: str, codec: str, tmp_path: Path, sharpen: Sharpen
) -> None:
    source, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    write_clip(source, pan(160, 96, 12), Clip(subtitles=codec))
    described = _describe(source, tmp_path / f"described{suffix}")

    assert sharpen(described, out) == 0

    assert read_packets(out, "subtitle") == read_packets(described, "subtitle")
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "A dog"
        assert container.streams.audio[0].language == "fin"
        chapters = container.chapters()
    with av.open(str(described)) as container:
        assert chapters == container.chapters()
    assert [chapter["metadata"]["title"] for chapter in chapters] == ["The middle"]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_filmed_sideways_is_written_upright(
    degrees: int, tmp_path: Path, sharpen: Sharpen
) -> None:
    upright = list(pan(160, 96, 3))
    stored = [np.rot90(picture, -degrees // 90) for picture in upright]
    source, out = tmp_path / "in.mp4", tmp_path / "out.mkv"
    write_clip(source, stored, Clip(rotation_degrees=degrees))

    assert sharpen(source, out, "--strength", "0") == 0

    frames = read_frames(out)
    assert [frame.rotation for frame in frames] == [0, 0, 0]
    for expected, picture in zip(upright, read_pictures(out), strict=True):
        assert psnr(expected, picture) > 30


@pytest.mark.parametrize(
    ("colour", "layout"),
    [
        (BT709, "yuv420p"),
        (BT601_FULL, "yuv420p"),
        (BT2020, "yuv420p"),
        (UNTAGGED, "yuv420p"),
        (BT709, "yuv444p"),
        (BT601_FULL, "yuv422p"),
    ],
)
def test_colours_and_what_they_mean_stay(
    colour: Colour, layout: str, tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen
) -> None:
    source = make_clip("in.mkv", colour=colour, layout=layout, codec="ffv1", options={})
    out = tmp_path / "out.mkv"

    assert sharpen(source, out, "--strength", "0") == 0

    for before, after in zip(read_frames(source), read_frames(out), strict=True):
        assert after.format.name == layout
        assert Colour.of(after) == Colour.of(before)
        differences = [b - a for a, b in zip(*map(read_planes, (before, after)), strict=True)]
        assert np.abs(differences[0]).max() <= 1
        for chroma in differences[1:]:
            assert np.abs(chroma).max() <= 3
            assert abs(chroma.mean()) < 0.6  # half a level: swscale rounds full range downwards


def test_colour_tags_reach_an_mp4(tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen) -> None:
    source, out = make_clip(colour=BT2020), tmp_path / "out.mp4"

    assert sharpen(source, out) == 0

    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert Colour.of(context) == BT2020


def test_ten_bits_stay_ten(tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen) -> None:
    source = make_clip("in.mkv", layout="yuv420p10le", codec="ffv1", options={})

    assert sharpen(source, tmp_path / "out.mkv", "--strength", "0") == 0

    before, after = read_pictures(source)[0], read_pictures(tmp_path / "out.mkv")[0]
    assert after.dtype == np.uint16
    assert len(np.unique(after >> 6)) > 256
    assert np.abs(after.astype(int) - before).mean() < 65536 / 1024 * 2


def test_a_part_begins_at_0_with_its_sound(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen
) -> None:
    # one key frame alone: all before the part has to be decoded
    source, out = make_clip("in.mkv", options={"g": "100"}), tmp_path / "out.mkv"

    assert sharpen(source, out, "--start", "0.16", "--duration", "0.2", *LOSSLESS) == 0

    assert read_times(out) == read_times(source)[:5]
    for before, after in zip(read_pictures(source)[4:9], read_pictures(out), strict=True):
        assert psnr(before, after) > 45
    whole, part = (dict(read_packets(path, "audio")) for path in (source, out))
    assert len(part) in (9, 10)  # of 21 ms each
    assert {whole[data] - time for data, time in part.items()} == {Fraction(16, 100)}


def test_a_part_after_the_end_is_refused(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sharpen(make_clip(), tmp_path / "out.mp4", "--start", "7") == 1

    assert "there is no frame in that part" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("index", [0, 5, 11])
def test_a_frame_that_cannot_be_decoded_is_counted_and_its_place_filled(
    index: int,
    tmp_path: Path,
    make_clip: MakeClip,
    sharpen: Sharpen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = make_clip("in.mkv", codec="mjpeg", layout="yuv420p", colour=BT601_FULL, options={})
    source, out = tmp_path / "damaged.mkv", tmp_path / "out.mkv"
    _rewrite(whole, source, {index: b"no JPEG"})

    assert sharpen(source, out, "--strength", "0") == 0

    pictures = read_pictures(out)
    if index == 0:  # there is nothing to show before it
        assert len(pictures) == 11
        return
    assert "1 of them lost" in capsys.readouterr().err
    assert read_times(out) == read_times(whole)
    assert psnr(pictures[index], pictures[index - 1]) > 45
    assert psnr(pictures[index - 1], pictures[index - 2]) < 35


def test_a_frame_decoded_with_errors_is_passed_on_as_it_is(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_clip("in.mkv", options={"bf": "0", "crf": "8"})
    source, out = tmp_path / "damaged.mkv", tmp_path / "out.mkv"
    with av.open(str(whole)) as container:
        data = bytearray(list(container.demux(video=0))[11])
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    _rewrite(whole, source, {11: bytes(data)})

    assert sharpen(source, out, "--codec", "ffv1") == 0
    assert "1 of them damaged, passed on as they came" in capsys.readouterr().err
    assert sharpen(source, tmp_path / "as-it-was.mkv", *LOSSLESS) == 0

    assert read_times(out) == read_times(whole)
    before, after = read_pictures(tmp_path / "as-it-was.mkv"), read_pictures(out)
    assert [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [
        *[False] * 11,
        True,
    ]


def test_of_a_file_that_was_cut_off_comes_what_can_be_read(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen
) -> None:
    whole = make_clip("in.mkv", codec="ffv1", options={}, sound=None)
    source, out = tmp_path / "cut.mkv", tmp_path / "out.mkv"
    data = whole.read_bytes()
    source.write_bytes(data[: len(data) * 2 // 3])

    assert sharpen(source, out, "--strength", "0") == 0

    assert 6 <= len(read_frames(out)) <= 9
    assert read_times(out) == read_times(whole)[: len(read_frames(out))]


def test_what_the_container_cannot_hold_is_named(
    tmp_path: Path, sharpen: Sharpen, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out.webm"
    write_clip(source, pan(160, 96, 3), Clip(subtitles="mov_text"))

    assert sharpen(source, out) == 0

    told = capsys.readouterr().err
    assert "stream 1, audio (aac), is left out: webm cannot hold it" in told
    assert "stream 2, subtitle (mov_text), is left out" in told
    with av.open(str(out)) as container:
        assert [stream.codec_context.codec.canonical_name for stream in container.streams] == [
            "vp9"
        ]


@pytest.mark.parametrize(
    ("codec", "canonical", "suffix"),
    [
        ("libx265", "hevc", ".mp4"),
        ("av1", "av1", ".mkv"),
        ("vp9", "vp9", ".webm"),
        ("mpeg4", "mpeg4", ".mov"),
        ("mjpeg", "mjpeg", ".mkv"),
        ("h264", "h264", ".avi"),
        ("prores", "prores", ".mov"),
    ],
)
def test_codec_and_quality_can_be_chosen(
    codec: str,
    canonical: str,
    suffix: str,
    tmp_path: Path,
    make_clip: MakeClip,
    sharpen: Sharpen,
) -> None:
    source = make_clip("in.mkv", sound=None)
    qualities = ("2", "31") if canonical != "prores" else ("",)
    sizes = []
    for quality in qualities:
        out = tmp_path / f"out{quality}{suffix}"
        chosen = ("--quality", quality) if quality else ()
        assert sharpen(source, out, "--codec", codec, "--strength", "0", *chosen) == 0
        with av.open(str(out)) as container:
            assert container.streams.video[0].codec_context.codec.canonical_name == canonical
        pictures = read_pictures(out)
        assert len(pictures) == 12
        sizes.append(out.stat().st_size)
        if quality != "31":
            for before, after in zip(read_pictures(source), pictures, strict=True):
                shallow = (after >> 8).astype(np.uint8) if after.dtype == np.uint16 else after
                assert psnr(before, shallow) > 32
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("words", "name", "message"),
    [
        (("--codec", "libx2645"), "out.mp4", "no video encoder is called 'libx2645'"),
        (("--codec", "aac"), "out.mp4", "no video encoder is called 'aac'"),
        (("--codec", "libx264"), "out.webm", "webm cannot hold libx264"),
        (("--codec", "libsvtav1"), "out.mov", "libsvtav1 in mov cannot hold this video"),
        (("--quality", "70"), "out.mp4", "quality is 70; libx264 has 0 (best) to 51"),
        (("--codec", "ffv1", "--quality", "1"), "out.mkv", "ffv1 has no quality to set"),
        (("--strength", "2.5"), "out.mp4", "strength is 2.5; expected 0 to 2"),
        (("--start", "-1"), "out.mp4", "the start is -1.0 s; expected 0 or more"),
        (("--duration", "0"), "out.mp4", "the duration is 0.0 s; expected more than 0"),
        (("--model", "nobody"), "out.mp4", "no model is called 'nobody'"),
        ((), "out.docx", ".docx says no kind of video"),
        ((), "out.wav", ".wav holds no video"),
        ((), "in.mp4", "in.mp4 would replace the video itself"),
        (("--force",), "in.mp4", "in.mp4 would replace the video itself"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_written(
    words: tuple[str, ...],
    name: str,
    message: str,
    tmp_path: Path,
    make_clip: MakeClip,
    sharpen: Sharpen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = make_clip()
    before = source.read_bytes()

    assert sharpen(source, tmp_path / name, *words) == 1

    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert source.read_bytes() == before


def test_what_is_no_video_is_said(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen, capsys: pytest.CaptureFixture[str]
) -> None:
    text, sound = tmp_path / "text.mp4", tmp_path / "sound.mp4"
    text.write_text("no video")
    with av.open(str(make_clip())) as opened, av.open(str(sound), "w") as container:
        copy = container.add_stream_from_template(opened.streams.audio[0])
        for packet in opened.demux(audio=0):
            if packet.size:
                packet.stream = copy
                container.mux(packet)

    for source, message in (
        (text, "text.mp4 is not a video that FFmpeg can read"),
        (sound, "sound.mp4 has no video stream, only audio"),
        (tmp_path / "nowhere.mp4", "No such file"),
    ):
        assert sharpen(source, tmp_path / "out.mp4") == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_file_that_is_there_is_replaced_only_when_told(
    tmp_path: Path, make_clip: MakeClip, sharpen: Sharpen, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    out.write_text("precious")

    assert sharpen(make_clip(), out) == 1
    assert "out.mp4 is there already: --force replaces it" in capsys.readouterr().err
    assert out.read_text() == "precious"

    assert sharpen(tmp_path / "in.mp4", out, "--force") == 0
    assert len(read_frames(out)) == 12


def test_a_cover_picture_and_attached_files_stay(tmp_path: Path, sharpen: Sharpen) -> None:
    plain, album, film = tmp_path / "in.mp4", tmp_path / "album.mp4", tmp_path / "film.mkv"
    write_clip(plain, pan(160, 96, 4))
    cover = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(cover, "png")
    _copy(plain, album, cover=cover.getvalue())
    _copy(plain, film, attached=b"letters")

    for source in (album, film):
        out = tmp_path / f"out{source.suffix}"
        assert sharpen(source, out, "--start", "0.04") == 0
        with av.open(str(source)) as before, av.open(str(out)) as after:
            assert [each.type for each in after.streams] == [each.type for each in before.streams]
    with av.open(str(tmp_path / "out.mp4")) as container:
        (kept,) = (bytes(each) for each in container.demux(container.streams[2]) if each.size)
        assert kept == cover.getvalue()
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.attachments[0].data == b"letters"


def _copy(
    source: Path, target: Path, *, cover: bytes | None = None, attached: bytes | None = None
) -> None:
    """Copy a video and add a PNG picture for its cover, or a font."""
    with av.open(str(source)) as opened, av.open(str(target), "w") as container:
        copies: list[Any] = [container.add_stream_from_template(each) for each in opened.streams]
        if attached is not None:
            container.add_attachment("letters.ttf", "font/ttf", attached)
        if cover is not None:
            picture = container.add_mux_stream("png", width=8, height=8)
            picture.disposition = Disposition.attached_pic
            packet = av.Packet(cover)
            packet.stream, packet.time_base = picture, Fraction(1, 1000)
            packet.pts = packet.dts = 0
            container.mux(packet)
        for packet in opened.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                container.mux(packet)


def _rewrite(source: Path, target: Path, replaced: dict[int, bytes]) -> None:
    """Copy the video stream with other bytes in some of its packets."""
    with av.open(str(source)) as opened, av.open(str(target), "w") as container:
        copy: Any = container.add_stream_from_template(opened.streams.video[0])
        for index, packet in enumerate(opened.demux(video=0)):
            if packet.size:
                changed = av.Packet(replaced.get(index, bytes(packet)))
                changed.pts, changed.dts = packet.pts, packet.dts
                changed.time_base, changed.is_keyframe = packet.time_base, packet.is_keyframe
                changed.stream = copy
                container.mux(changed)


def _describe(source: Path, target: Path) -> Path:
    """Copy a video, with a title, a language and a chapter added."""
    with av.open(str(source)) as opened, av.open(str(target), "w") as container:
        container.metadata["title"] = "A dog"
        container.set_chapters(
            [
                {
                    "id": 1,
                    "start": 100,
                    "end": 300,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": "The middle"},
                }
            ]
        )
        copies: list[Any] = [container.add_stream_from_template(each) for each in opened.streams]
        copies[1].metadata["language"] = "fin"
        for packet in opened.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                container.mux(packet)
    return target
