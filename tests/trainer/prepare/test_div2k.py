"""Fetching DIV2K, from a server of this machine that has a little of it."""

import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from sharpening.errors import TrainingError
from trainer.cli import main
from trainer.prepare import Source, fetch_div2k
from trainer.prepare.div2k import PARTS, find_missing
from trainer.prepare.download import Limits

TRAIN, VALID = "DIV2K_train_HR", "DIV2K_valid_HR"
AT_ONCE = Limits(tries=3, pause_s=0)


def draw(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (100, 120, 3), np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zip_up(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


PICTURES = {
    TRAIN: {f"{TRAIN}/{number:04}.png": draw(number) for number in (1, 2, 3)},
    VALID: {f"{VALID}/{number:04}.png": draw(number) for number in (801, 802)},
}
ARCHIVES = {f"{name}.zip": zip_up(files) for name, files in PICTURES.items()}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in ARCHIVES.items()}


@pytest.fixture
def source(remote) -> Source:
    remote.files |= ARCHIVES
    return Source(remote.url, DIGESTS, AT_ONCE)


def pictures_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_both_sets_are_there_with_their_records_and_no_archives(
    source: Source, tmp_path: Path
) -> None:
    fetch_div2k(tmp_path, source)
    assert pictures_in(tmp_path) == PICTURES[TRAIN] | PICTURES[VALID]
    assert {path.name for path in tmp_path.iterdir()} == {
        TRAIN, VALID, f"{TRAIN}.json", f"{VALID}.json"
    }  # fmt: skip
    record = json.loads((tmp_path / f"{TRAIN}.json").read_text())
    assert record["sha256"] == DIGESTS[f"{TRAIN}.zip"]
    assert record["url"] == f"{source.url}/{TRAIN}.zip"


def test_a_second_call_asks_for_nothing_and_writes_nothing(
    remote, source: Source, tmp_path: Path
) -> None:
    fetch_div2k(tmp_path, source)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    remote.asked.clear()
    fetch_div2k(tmp_path, source)
    assert remote.asked == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_cut_connection_is_taken_up(remote, source: Source, tmp_path: Path) -> None:
    remote.cuts = [20_000]
    fetch_div2k(tmp_path, source)
    assert pictures_in(tmp_path) == PICTURES[TRAIN] | PICTURES[VALID]
    assert remote.asked[1]["range"] == "bytes=20000-"


def test_what_is_missing_or_changed_is_mended_and_the_rest_left(
    source: Source, tmp_path: Path
) -> None:
    fetch_div2k(tmp_path, source)
    whole = tmp_path / TRAIN / "0001.png"
    before = whole.stat().st_mtime_ns
    (tmp_path / TRAIN / "0002.png").unlink()
    with (tmp_path / TRAIN / "0003.png").open("r+b") as file:
        file.write(b"changed")
    fetch_div2k(tmp_path, source)
    assert pictures_in(tmp_path) == PICTURES[TRAIN] | PICTURES[VALID]
    assert whole.stat().st_mtime_ns == before


def test_unpacking_that_was_stopped_goes_on_without_the_network(
    remote, source: Source, tmp_path: Path
) -> None:
    (tmp_path / TRAIN / "0003.png").mkdir(parents=True)  # where a file should go: unpacking stops
    with pytest.raises(OSError, match=r"0003\.png"):
        fetch_div2k(tmp_path, source)
    first = tmp_path / TRAIN / "0001.png"
    before = first.stat().st_mtime_ns
    (tmp_path / TRAIN / "0003.png").rmdir()
    remote.asked.clear()
    fetch_div2k(tmp_path, source)
    assert pictures_in(tmp_path) == PICTURES[TRAIN] | PICTURES[VALID]
    assert first.stat().st_mtime_ns == before
    assert [each["path"] for each in remote.asked] == [f"/{VALID}.zip"]


def test_an_archive_that_is_there_is_used_and_left(remote, source: Source, tmp_path: Path) -> None:
    for name, data in ARCHIVES.items():
        (tmp_path / name).write_bytes(data)
    fetch_div2k(tmp_path, source)
    assert remote.asked == []
    assert pictures_in(tmp_path) == PICTURES[TRAIN] | PICTURES[VALID]
    assert {name: (tmp_path / name).read_bytes() for name in ARCHIVES} == ARCHIVES


def test_another_archive_of_the_users_is_refused_and_left(source: Source, tmp_path: Path) -> None:
    (tmp_path / f"{TRAIN}.zip").write_bytes(b"something else")
    with pytest.raises(TrainingError, match=r"not a zip archive.*expected"):
        fetch_div2k(tmp_path, source)
    assert (tmp_path / f"{TRAIN}.zip").read_bytes() == b"something else"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<html>try later</html>", "is not a zip archive: it has the SHA-256"),
        (zip_up({f"{TRAIN}/0001.png": b"other"}), "zip.part has the SHA-256"),
    ],
)
def test_what_has_another_digest_is_refused_and_not_built_upon(
    remote, source: Source, tmp_path: Path, data: bytes, told: str
) -> None:
    remote.files[f"{TRAIN}.zip"] = data
    with pytest.raises(TrainingError, match=told):
        fetch_div2k(tmp_path, source)
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_another_archive_is_refused(source: Source, tmp_path: Path) -> None:
    fetch_div2k(tmp_path, source)
    other = Source(source.url, {**DIGESTS, f"{TRAIN}.zip": "0" * 64}, AT_ONCE)
    with pytest.raises(TrainingError, match="comes from an archive of SHA-256"):
        fetch_div2k(tmp_path, other)


def test_a_damaged_record_is_told(source: Source, tmp_path: Path) -> None:
    (tmp_path / f"{TRAIN}.json").write_text("{")
    with pytest.raises(TrainingError, match="damaged: delete it"):
        fetch_div2k(tmp_path, source)


def test_an_unsafe_archive_leaves_nothing_outside(remote, tmp_path: Path) -> None:
    evil = zip_up({f"{TRAIN}/0001.png": b"", f"{TRAIN}/../../evil.png": b"harm"})
    remote.files[f"{TRAIN}.zip"] = evil
    digests = {f"{TRAIN}.zip": hashlib.sha256(evil).hexdigest()}
    with pytest.raises(TrainingError, match="leads out"):
        fetch_div2k(tmp_path / "data", Source(remote.url, digests, AT_ONCE))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert not (tmp_path / "data" / TRAIN).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told(source: Source, tmp_path: Path) -> None:
    (tmp_path / f"{TRAIN}.zip.part").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match="no space is left"):
        fetch_div2k(tmp_path, source)


def test_a_file_in_place_of_the_folder_is_told(source: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="is not a folder"):
        fetch_div2k(tmp_path / "file", source)


def test_a_digest_for_no_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"DIV2K_train_HR\.zip or DIV2K_valid_HR\.zip"):
        fetch_div2k(tmp_path, Source(sha256={"DIV2K.zip": "0" * 64}))


def test_the_parts_are_the_800_and_the_100() -> None:
    assert [(each.pictures[0], each.pictures[-1], len(each.pictures)) for each in PARTS] == [
        ("0001.png", "0800.png", 800),
        ("0801.png", "0900.png", 100),
    ]


def test_missing_pictures_are_named(source: Source, tmp_path: Path) -> None:
    fetch_div2k(tmp_path, source)
    missing = find_missing(tmp_path)
    assert missing[TRAIN] == [f"{number:04}.png" for number in range(4, 801)]
    assert missing[VALID] == [f"{number:04}.png" for number in range(803, 901)]
    assert list(find_missing(tmp_path / VALID)) == [VALID]


def test_of_a_part_given_by_a_relative_path_only_its_own_are_missing(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_div2k(tmp_path, source)
    monkeypatch.chdir(tmp_path / VALID)
    assert list(find_missing(Path())) == [VALID]


def test_a_folder_of_other_photographs_lacks_nothing(photographs: Path) -> None:
    assert find_missing(photographs) == {}


def test_the_command_fetches_and_its_check_tells_what_is_missing(
    source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = [part for name in DIGESTS for part in ("--sha256", f"{name}={DIGESTS[name]}")]
    assert main(["prepare", "div2k", str(tmp_path), "--url", f"{source.url}/", *digests]) == 0
    assert main(["prepare", "check", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert f"missing of {TRAIN}: 797 of 800: 0004.png, 0005.png" in printed.out
    assert f"missing of {VALID}: 98 of 100: 0803.png" in printed.out
    assert "and 777 more" in printed.out
    assert "is missing or broken" in printed.err


def test_the_command_refuses_other_pictures_than_the_known_ones(
    source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", "div2k", str(tmp_path), "--url", source.url]) == 1
    assert PARTS[0].sha256 in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_digest_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["prepare", "div2k", "data", "--sha256", "abc"])
    assert "ARCHIVE=HEX" in capsys.readouterr().err
