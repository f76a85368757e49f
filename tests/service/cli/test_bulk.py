"""`sharpen batch IN OUT` on this machine and on a real server of object storage."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from service.cli import main
from service.cli.bulk import Bulk, Errand, Plan
from service.cli.storage import Folder, open_folder
from service.client import SharpenOptions
from sharpening.errors import ImageError, ParameterError

Run = Callable[..., int]

BUCKET = "photographs"


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def _storage() -> Iterator[str]:
    """A server of object storage, by its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(_storage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, which the command line finds as it would find a real one."""
    for name, text in {
        "AWS_ENDPOINT_URL": _storage,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, text)
    bucket = boto3.resource("s3").create_bucket(Bucket=BUCKET)
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def expected(run: Run, blurred_dir: Path, tmp_path: Path) -> dict[str, bytes]:
    """What `sharpen image` makes of the pictures."""
    assert run("image", blurred_dir, "-o", tmp_path / "expected") == 0
    return list_files(tmp_path / "expected")


def put_all(bucket: Any, folder: Path, prefix: str) -> None:
    for name, data in list_files(folder).items():
        bucket.put_object(Key=f"{prefix}/{name}", Body=data)


def get_all(bucket: Any, prefix: str) -> dict[str, bytes]:
    return {
        entry.key.removeprefix(f"{prefix}/"): entry.get()["Body"].read()
        for entry in bucket.objects.filter(Prefix=f"{prefix}/")
    }


def test_a_folder_becomes_what_image_makes_of_it(
    run: Run, blurred_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    assert run("batch", blurred_dir, tmp_path / "out") == 0
    assert list_files(tmp_path / "out") == expected


def test_object_storage_becomes_what_image_makes_of_it(
    run: Run, blurred_dir: Path, bucket: Any, expected: dict[str, bytes]
) -> None:
    put_all(bucket, blurred_dir, "in")

    assert run("batch", f"s3://{BUCKET}/in", f"s3://{BUCKET}/out") == 0

    assert get_all(bucket, "out") == expected
    assert get_all(bucket, "in") == list_files(blurred_dir)


def test_from_storage_to_a_folder_below_a_bucket_itself(
    run: Run, blurred_dir: Path, bucket: Any, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    put_all(bucket, blurred_dir, "in")

    assert run("batch", f"s3://{BUCKET}", tmp_path / "out") == 0

    assert list_files(tmp_path / "out" / "in") == expected


def test_what_is_there_already_is_left_alone_unless_forced(
    run: Run, blurred_dir: Path, bucket: Any, expected: dict[str, bytes], capsys: Any
) -> None:
    put_all(bucket, blurred_dir, "in")
    bucket.put_object(Key="out/below/b.png", Body=b"of an earlier run")
    words = ("batch", f"s3://{BUCKET}/in/", f"s3://{BUCKET}/out/")

    assert run(*words) == 0
    assert "1 sharpened, 1 already there" in capsys.readouterr().err
    assert get_all(bucket, "out") == expected | {"below/b.png": b"of an earlier run"}

    assert run(*words, "--force") == 0
    assert get_all(bucket, "out") == expected


def test_bad_pictures_are_listed_and_the_others_done(
    run: Run, blurred_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (blurred_dir / "text.png").write_text("not a picture")
    (blurred_dir / "below/empty.jpg").touch()

    assert run("batch", blurred_dir, tmp_path / "out", "--format", "webp") == 1

    assert list(list_files(tmp_path / "out")) == ["a.webp", "below/b.webp"]
    told = capsys.readouterr().err
    assert told.count(f"failed: {blurred_dir}/text.png: ") == 1
    _, _, listed = told.partition("2 failed:\n")
    assert [line.split(": ")[0].strip() for line in listed.splitlines()] == [
        f"{blurred_dir}/below/empty.jpg",
        f"{blurred_dir}/text.png",
    ]


def test_a_picture_that_goes_away_fails_alone(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.png cannot be read"):
        Folder(str(tmp_path)).read("a.png")


def test_output_below_the_input_is_not_taken_for_input(
    run: Run, blurred_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for already_there in (0, 2):
        assert run("batch", blurred_dir, blurred_dir / "out") == 0
        assert f"{already_there} already there" in capsys.readouterr().err
    assert sorted(list_files(blurred_dir / "out")) == ["a.png", "below/b.png"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["{in}", "{in}"], "holds the pictures themselves"),
        (["{in}/below", "{in}"], "holds the pictures themselves"),
        (["nowhere://x", "out"], "nowhere://x cannot be used"),
        (["{in}", "{out}", "--format", "webp"], "would both become"),
        (["{in}/none", "{out}"], "No such file"),
    ],
)
def test_what_makes_no_sense_is_an_error_and_replaces_nothing(
    run: Run,
    blurred_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    reason: str,
) -> None:
    (blurred_dir / "a.jpg").write_bytes((blurred_dir / "a.png").read_bytes())
    before = list_files(blurred_dir)
    places = {"{in}": str(blurred_dir), "{out}": str(tmp_path / "out")}
    for name, path in places.items():
        words = [word.replace(name, path) for word in words]

    assert run("batch", *words) == 1

    assert reason in capsys.readouterr().err
    assert list_files(blurred_dir) == before


def test_an_output_that_cannot_be_written_ends_it(
    run: Run, blurred_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").touch()

    assert run("batch", blurred_dir, tmp_path / "out") == 1

    assert capsys.readouterr().err.startswith("sharpen: ")


def test_pictures_are_looked_for_only_as_fast_as_they_are_sharpened(tmp_path: Path) -> None:
    """Of a tree without end, nothing beyond what is asked for is read."""
    for index in range(20):
        (tmp_path / "in" / f"{index:02}").mkdir(parents=True)
        (tmp_path / "in" / f"{index:02}" / "a.png").touch()
    source, target = open_folder(str(tmp_path / "in")), open_folder(str(tmp_path / "out"))
    errands = iter(Plan(Bulk(source, target, None, SharpenOptions())))

    first = next(errands)
    (tmp_path / "in" / "19" / "late.png").touch()

    assert first == Errand("00/a.png", "00/a.png", "png")
    assert [errand.source for errand in errands][-2:] == ["19/a.png", "19/late.png"]


def test_two_places_of_work_are_one_too_many() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["batch", "in", "out", "--ray", "--url", "http://127.0.0.1:1"])


def test_storage_that_is_not_installed_is_named() -> None:
    with pytest.raises(ParameterError, match="gcsfs"):
        open_folder("gs://bucket/in")
