"""Live pictures: a camera, or a file in its place, and the virtual camera that others can select.

Frames that come while one is being sharpened are dropped but for the newest: the picture may be
less smooth, never late. PyVirtualCam is imported only when a virtual camera is opened.
"""

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.stream import VideoStream

from service.video.colour import FrameReader, Pixels
from service.video.orientation import read_orientation
from sharpening.errors import VideoError

_LOOK_S = 0.2
_USUAL_RATE = Fraction(30)

_REMEDIES = {
    "linux": "install v4l2loopback (Debian: apt install v4l2loopback-dkms), then "
    "`sudo modprobe v4l2loopback exclusive_caps=1 card_label=Sharpened`",
    "darwin": "install OBS Studio and start its virtual camera once",
    "win32": "install OBS Studio, which brings a virtual camera",
}
_INSTALL = 'install it with `pip install "sharpening-service[camera]"`'


@dataclass(frozen=True)
class Wish:
    """What to ask a camera for; None is what it gives by itself."""

    size: str | None = None
    """Such as `1280x720`."""
    rate: int | None = None


class Sink(Protocol):
    """Where sharpened pictures go; `pyvirtualcam.Camera` is one."""

    @property
    def device(self) -> str:
        """The name to select in other programs."""

    def send(self, frame: Pixels) -> None:
        """Show `(H, W, 3)` RGB uint8."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> object: ...


@dataclass(frozen=True)
class Camera:
    """An open camera, or a file in its place, which starts again at its end."""

    container: InputContainer
    video: VideoStream
    is_file: bool

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return self.video.average_rate or self.video.guessed_rate or _USUAL_RATE

    def read(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Pixels]:
        """Yield upright `(H, W, 3)` RGB uint8; of a file when their time has come, for ever.

        Raises `VideoError` if there is none, or no more.
        """
        reader = FrameReader()
        while True:
            begun_s, count = clock(), 0
            for frame in self._decode():
                if self.is_file:
                    sleep(max(0.0, begun_s + count / float(self.rate) - clock()))
                count += 1
                yield _make_shallow(read_orientation(frame).turn(reader.read(frame)))
            if not self.is_file or not count:
                raise VideoError("no more frames come: is the camera still there?")
            self.container.seek(0)

    def _decode(self) -> Iterator[VideoFrame]:
        """Yield what can be decoded: a camera's frame may be broken, and the next one is not."""
        try:
            for packet in self.container.demux(self.video):
                with suppress(InvalidDataError):
                    yield from packet.decode()
        except FFmpegError as error:
            raise VideoError(f"no more frames come: {error.strerror}") from error


@contextmanager
def open_camera(name: str, wish: Wish, *, platform: str = sys.platform) -> Iterator[Camera]:
    """Open the camera of that name or number, or the file of that name.

    Raises `VideoError` for what is neither.
    """
    is_file = Path(name).is_file()
    try:
        container = av.open(name) if is_file else _open_device(name, wish, platform)
    except (FFmpegError, ValueError) as error:
        raise VideoError(
            f"{name} is neither a camera that can be opened nor a video: "
            f"{getattr(error, 'strerror', error)}"
        ) from error
    with container:
        if not container.streams.video:
            raise VideoError(f"{name} has no picture")
        yield Camera(container, container.streams.video[0], is_file)


def _open_device(name: str, wish: Wish, platform: str) -> InputContainer:
    options = {}
    if wish.size is not None:
        options["video_size"] = wish.size
    if wish.rate is not None:
        options["framerate"] = str(wish.rate)
    match platform:
        case "win32":
            return av.open(f"video={name}", format="dshow", options=options)
        case "darwin":
            return av.open(name, format="avfoundation", options=options)
        case _:
            path = f"/dev/video{name}" if name.isdecimal() else name
            return av.open(path, format="v4l2", options=options)


def open_virtual_camera(
    width: int, height: int, rate: float, device: str | None, *, platform: str = sys.platform
) -> Sink:
    """Open the virtual camera called `device`, or the first there is.

    Raises `VideoError`, which says what to install, if there is none.
    """
    try:
        import pyvirtualcam
    except ImportError as error:
        raise VideoError(f"PyVirtualCam is not there: {_INSTALL}") from error
    try:
        sink: Sink = pyvirtualcam.Camera(width, height, rate, device=device)
    except RuntimeError as error:
        remedy = _REMEDIES.get(platform, "PyVirtualCam knows none for this system")
        reasons = " ".join(str(error).split())
        raise VideoError(f"there is no virtual camera to send to ({reasons}): {remedy}") from error
    return sink


@dataclass(frozen=True)
class Live:
    """The newest frame, `(H, W, 3)` RGB uint8, and how many were dropped for it."""

    pixels: Pixels
    dropped: int


def read_latest(frames: Iterator[Pixels], stopped: threading.Event) -> Generator[Live, None, None]:
    """Yield the newest frame whenever there is one that was not yielded yet, until `stopped`.

    The frames are read by a thread of their own; what it raises is raised here.
    """
    latest = _Latest()

    def read() -> None:
        try:
            for frame in frames:
                latest.put(frame)
                if stopped.is_set():
                    return
        except Exception as error:
            latest.fail(error)

    thread = threading.Thread(target=read, name="camera", daemon=True)
    thread.start()
    try:
        while not stopped.is_set():
            live = latest.take(timeout_s=_LOOK_S)
            if live is not None:
                yield live
    finally:
        stopped.set()
        thread.join()


class _Latest:
    """Room for one frame: a newer one takes the place of what nobody took."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pixels: Pixels | None = None
        self._dropped = 0
        self._error: Exception | None = None

    def put(self, pixels: Pixels) -> None:
        with self._changed:
            self._dropped += self._pixels is not None
            self._pixels = pixels
            self._changed.notify()

    def fail(self, error: Exception) -> None:
        with self._changed:
            self._error = error
            self._changed.notify()

    def take(self, *, timeout_s: float) -> Live | None:
        """Return the newest frame, or None if none came for so long; raises what `fail` was told.

        The wait has an end because a signal is seen only between waits on some systems.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pixels is not None or self._error, timeout_s)
            if self._pixels is None:
                if self._error is not None:
                    raise self._error
                return None
            live = Live(self._pixels, self._dropped)
            self._pixels, self._dropped = None, 0
            return live


def _make_shallow(pixels: Pixels) -> Pixels:
    """Return eight bits a colour, which is what virtual cameras take."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
