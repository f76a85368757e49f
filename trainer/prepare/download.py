"""Downloading an archive that takes hours, over a line that may be cut; never looks into it.

What has come stays on the disk beside a note of what it is part of, so that the next call asks for
the rest alone (RFC 9110, sections 13 and 14).
"""

import itertools
import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import BaseModel, ValidationError
from tqdm.auto import tqdm

from sharpening.errors import TrainingError
from sharpening.files import write_atomically

logger = logging.getLogger(__name__)

_TIMEOUT_S = 30.0
_LONGEST_PAUSE_S = 60.0
_HOPELESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects)
_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


@dataclass(frozen=True)
class Limits:
    """How large a download may be and how often it is tried."""

    max_bytes: int = 16 * 2**30
    tries: int = 8
    pause_s: float = 1.0
    """After the first cut; twice as long after each further one, up to a minute."""


class _Remote(BaseModel):
    """What the server said of the file when its first byte was asked for."""

    etag: str | None = None
    last_modified: str | None = None
    size: int | None = None

    @property
    def validator(self) -> str | None:
        """What `If-Range` takes: a strong ETag or, without one, the date."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return strong or self.last_modified

    def differs(self, other: "_Remote") -> bool:
        """Whether the two cannot be the same file: each property that both have must be equal."""
        pairs = (
            (self.etag, other.etag),
            (self.last_modified, other.last_modified),
            (self.size, other.size),
        )
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)


class _CutError(Exception):
    """The connection ended early, or the file changed under way: worth another try."""


def download(url: str, path: Path, limits: Limits | None = None) -> None:
    """Fetch `url` into `path`, going on where an earlier call was cut; nothing if all is there.

    A note beside it, `path` with `.json` at its end, tells what `path` is part of; a file that
    changed meanwhile, or a server that knows no ranges, starts anew. Raises `TrainingError` for a
    server that cannot be reached or refuses, a file above the limit or the disk's free space, and
    when the last try is cut.
    """
    limits = limits or Limits()
    headers = {"Accept-Encoding": "identity"}  # positions count bytes as they lie on the server
    with httpx.Client(headers=headers, follow_redirects=True, timeout=_TIMEOUT_S) as client:
        for tried in itertools.count(1):
            try:
                _fetch(client, url, path, limits)
                return
            except _HOPELESS as error:
                raise TrainingError(f"cannot fetch {url}: {error}: check the address") from error
            except (_CutError, httpx.TransportError) as error:
                _check_worth_another_try(error, url, tried, limits)
                logger.warning("%s was cut (%s): going on", url, error)
            time.sleep(min(limits.pause_s * 2 ** (tried - 1), _LONGEST_PAUSE_S))


def forget(path: Path) -> None:
    """Remove a download and its note."""
    path.unlink(missing_ok=True)
    _note_of(path).unlink(missing_ok=True)


def _check_worth_another_try(error: Exception, url: str, tried: int, limits: Limits) -> None:
    if tried == 1 and isinstance(error, _UNREACHABLE):
        raise TrainingError(
            f"cannot reach {url} ({error}): check the address and the network"
        ) from error
    if tried >= limits.tries:
        raise TrainingError(
            f"{url} was cut {tried} times, the last time by: {error}. What has come is kept; the "
            "same command goes on from there"
        ) from error


def _fetch(client: httpx.Client, url: str, path: Path, limits: Limits) -> None:
    known = _read_note(path)
    present = path.stat().st_size if known and path.exists() else 0
    if known and known.size == present:
        return
    headers = {}
    if present and known:
        headers["Range"] = f"bytes={present}-"
        if known.validator:
            headers["If-Range"] = known.validator
    with client.stream("GET", url, headers=headers) as response:
        _check_status(response, url)
        start, remote = _read_headers(response)
        changed = known is not None and start > 0 and known.differs(remote)
        if changed or start not in {0, present} or response.status_code == 416:
            forget(path)
            raise _CutError("the file on the server has changed")
        _check_size(url, path, remote.size, start, limits)
        _write(response, url, path, start, remote, limits)


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in {200, 206, 416}:
        return
    if status == 429 or status >= 500:
        raise _CutError(f"the server answers {status} {response.reason_phrase}")
    what = "there is no such file" if status == 404 else "it does not give the file"
    raise TrainingError(
        f"{url}: the server answers {status} {response.reason_phrase}, {what}: check the address"
    )


def _read_headers(response: httpx.Response) -> tuple[int, _Remote]:
    """Return where the answer's bytes begin in the file, and what the file is."""
    headers = response.headers
    start, size = 0, headers.get("Content-Length")
    if response.status_code == 206:
        ranged = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if ranged is None:
            raise _CutError("the server does not say which part it sends")
        start, size = int(ranged[1]), None if ranged[2] == "*" else ranged[2]
    remote = _Remote(
        etag=headers.get("ETag"),
        last_modified=headers.get("Last-Modified"),
        size=int(size) if size and size.isdecimal() else None,
    )
    return start, remote


def _check_size(url: str, path: Path, size: int | None, start: int, limits: Limits) -> None:
    if size is None:
        return
    if size > limits.max_bytes:
        raise TrainingError(
            f"{url} has {size / 1e9:.2f} GB; expected {limits.max_bytes / 1e9:.2f} GB at most: "
            "check the address"
        )
    needed, free = 2 * size - start, shutil.disk_usage(path.parent).free
    if needed > free:
        raise TrainingError(
            f"{path.parent} has {free / 1e9:.2f} GB free; {url} takes {needed / 1e9:.2f} GB, as "
            "much again for what is in it included: free some, or choose another folder"
        )


def _write(
    response: httpx.Response, url: str, path: Path, start: int, remote: _Remote, limits: Limits
) -> None:
    """Append the answer's bytes from `start` on, and note how many there are once all came."""
    name = url.rsplit("/", 1)[-1]
    arrived = start
    with path.open("ab" if start else "wb") as file:
        # only now that the file is as the note says: empty, or what came before
        write_atomically(_note_of(path), remote.model_dump_json().encode())
        for chunk in _show(response.iter_raw(), f"downloading {name}", start, remote.size):
            arrived += len(chunk)
            if arrived > limits.max_bytes:
                raise TrainingError(
                    f"{url} goes on after {limits.max_bytes / 1e9:.2f} GB: check the address"
                )
            file.write(chunk)
    if remote.size not in {None, arrived}:
        raise _CutError(f"{arrived} of {remote.size} bytes came")
    complete = remote.model_copy(update={"size": arrived})
    write_atomically(_note_of(path), complete.model_dump_json().encode())


def _show(chunks: Iterable[bytes], doing: str, start: int, size: int | None) -> Iterator[bytes]:
    """Pass the chunks on; a bar on a terminal, elsewhere a line for each tenth."""
    with tqdm(
        desc=doing, total=size, initial=start, unit="B", unit_scale=True, disable=None
    ) as bar:
        arrived = start
        for chunk in chunks:
            before, arrived = arrived, arrived + len(chunk)
            yield chunk
            bar.update(len(chunk))
            if bar.disable and size and 10 * before // size < 10 * arrived // size:
                logger.info("%s: %d%% of %.0f MB", doing, 100 * arrived // size, size / 1e6)


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _read_note(path: Path) -> _Remote | None:
    try:
        return _Remote.model_validate_json(_note_of(path).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
