"""A download survives what lines and servers do to it."""

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest

from sharpening.errors import TrainingError
from trainer.prepare.download import Limits, download, forget

DATA = np.random.default_rng(1).bytes(300_000)
AT_ONCE = Limits(tries=3, pause_s=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


@pytest.fixture
def url(remote) -> str:
    remote.files["file"] = DATA
    return f"{remote.url}/file"


def cut(url: str, path: Path, remote, at: int = 100_000) -> None:
    """Leave a download that was cut."""
    remote.cuts = [at]
    with pytest.raises(TrainingError, match="goes on from there"):
        download(url, path, Limits(tries=1, pause_s=0))
    assert 0 < path.stat().st_size <= at
    remote.asked.clear()


def test_the_file_arrives(url: str, path: Path) -> None:
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA


def test_what_is_there_is_not_asked_for_again(remote, url: str, path: Path) -> None:
    download(url, path, AT_ONCE)
    download(url, path, AT_ONCE)
    assert len(remote.asked) == 1


def test_a_cut_connection_is_taken_up_where_it_was_cut(remote, url: str, path: Path) -> None:
    remote.cuts = [100_000, 50_000]
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA
    assert [each.get("range") for each in remote.asked] == [
        None,
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert remote.asked[1]["if-range"].strip('"')


def test_a_later_call_goes_on_as_well(remote, url: str, path: Path) -> None:
    cut(url, path, remote)
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA
    assert [each["range"] for each in remote.asked] == ["bytes=100000-"]


def test_tries_are_bounded_and_what_came_is_kept(remote, url: str, path: Path) -> None:
    remote.cuts = [10_000] * 9
    with pytest.raises(TrainingError, match="cut 3 times"):
        download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA[:30_000]


def test_a_server_without_ranges_starts_anew(remote, url: str, path: Path) -> None:
    remote.knows_ranges = False
    cut(url, path, remote)
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("knows_if_range", [True, False])
@pytest.mark.parametrize("size", [200_000, 300_000])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
    remote, url: str, path: Path, knows_if_range: bool, size: int
) -> None:
    remote.knows_if_range = knows_if_range
    cut(url, path, remote)
    remote.files["file"] = DATA[::-1][:size]
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA[::-1][:size]


def test_without_an_etag_another_length_tells_the_change(remote, url: str, path: Path) -> None:
    remote.tells_etag = False
    cut(url, path, remote)
    remote.files["file"] = DATA[::-1][:200_000]
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA[::-1][:200_000]


def test_a_file_that_became_shorter_than_what_came_is_fetched_anew(
    remote, url: str, path: Path
) -> None:
    remote.knows_if_range = False
    cut(url, path, remote)
    remote.files["file"] = DATA[:50]
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA[:50]


def test_bytes_without_their_note_are_not_built_upon(remote, url: str, path: Path) -> None:
    path.write_bytes(b"of another file")
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA
    assert "range" not in remote.asked[0]


def test_a_busy_server_is_asked_again(remote, url: str, path: Path) -> None:
    remote.statuses = [503, 429]
    download(url, path, AT_ONCE)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(("status", "told"), [(404, "no such file"), (403, "does not give")])
def test_a_refusal_is_told_at_once(remote, url: str, path: Path, status: int, told: str) -> None:
    remote.statuses = [status]
    with pytest.raises(TrainingError, match=rf"{status}.*{told}"):
        download(url, path, AT_ONCE)
    assert len(remote.asked) == 1
    assert not path.exists()


def test_no_network_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/file"
        with pytest.raises(TrainingError, match=r"cannot reach .* check the address"):
            download(url, path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file", "no address", "http://127.0.0.1:port/"])
def test_what_is_no_address_is_told(path: Path, url: str) -> None:
    with pytest.raises(TrainingError, match="check the address"):
        download(url, path)


def test_a_file_above_the_limit_is_refused_before_it_is_written(url: str, path: Path) -> None:
    with pytest.raises(TrainingError, match="at most"):
        download(url, path, Limits(max_bytes=299_999))
    assert not path.exists()


def test_a_file_without_room_for_it_is_refused_before_it_is_written(
    remote, url: str, path: Path
) -> None:
    free = shutil.disk_usage(path.parent).free
    remote.stated_size = free + 10**9
    with pytest.raises(TrainingError, match="GB free"):
        download(url, path, Limits(max_bytes=4 * free))
    assert not path.exists()


def test_progress_off_a_terminal_is_a_line_a_tenth(
    url: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trainer")
    download(url, path, AT_ONCE)
    lines = [each.message for each in caplog.records if "downloading" in each.message]
    assert 2 <= len(lines) <= 10
    assert "100%" in lines[-1]


def test_a_forgotten_download_leaves_nothing(url: str, path: Path) -> None:
    download(url, path, AT_ONCE)
    forget(path)
    assert list(path.parent.iterdir()) == []
