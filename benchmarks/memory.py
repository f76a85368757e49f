"""How much memory a real server process takes: after many requests, and for one large picture.

    python -m benchmarks.memory

Sends pictures of mixed sizes, formats and models, prints what the process holds after each tenth of
them, then what one large picture takes at its peak over that. Linux only.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.server import Server, add_settings, start_server

_PATIENCE_S = 600
_FORMATS = ("jpeg", "png", "webp", "tiff")
_LEAST_PX = 16
_TEACHERS_SHARE = 0.02
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Order:
    """A request: its path, its picture and where that lies in it."""

    path: str
    picture: bytes
    field: str | None


def main() -> None:
    """Print the figures."""
    options = _parse()
    settings = {"max_wait_s": str(_PATIENCE_S), **dict(options.setting)}
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server(Path(folder) / "log", **settings) as server,
    ):
        print(f"idle: {_format(server.read_memory())}")
        for sent, held in send_mixed(server, options.requests, options.largest_px):
            print(f"after {sent} requests: {_format(held)}", flush=True)
        print(measure_large(server, options.megapixels))


def send_mixed(
    server: Server, count: int, largest_px: int, *, parts: int = 10, clients: int = 4
) -> Iterator[tuple[int, int]]:
    """Send `count` requests, always the same; yield the bytes held after each of the `parts`."""
    orders = list_orders(count, largest_px)
    with ThreadPoolExecutor(clients) as threads, httpx.Client(timeout=_PATIENCE_S) as client:
        for part in range(1, parts + 1):
            some = [next(orders) for _ in range(count // parts)]
            list(threads.map(lambda order: _send(client, server.url, order), some))
            yield part * (count // parts), server.read_memory()


def list_orders(count: int, largest_px: int) -> Iterator[Order]:
    """Yield requests of all sorts, drawn from a fixed seed."""
    generator = np.random.default_rng(0)
    for _ in range(count):
        height, width = (int(side) for side in generator.integers(_LEAST_PX, largest_px, 2))
        pixels = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture = _to_file(
            pixels.repeat(8, axis=0).repeat(8, axis=1)[:height, :width],
            str(generator.choice(_FORMATS)),
        )
        match generator.choice(4):
            case 0:
                yield Order("/evaluate", picture, "reference")
            case 1:
                yield Order("/sharpen?format=webp", picture, "image")
            case _ if generator.random() < _TEACHERS_SHARE:
                yield Order("/sharpen?model=teacher", picture, None)
            case _:
                yield Order("/sharpen", picture, None)


def measure_large(server: Server, megapixels: float) -> str:
    """Send one large JPEG and say what the process held at its peak over what it held before."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    down, right = np.mgrid[:height, :width].astype(np.uint16)
    pixels = np.stack([down % 256, right % 256, (down + right) % 256], axis=-1).astype(np.uint8)
    picture = _to_file(pixels, "jpeg")
    before = server.read_memory()
    server.forget_peak()
    with httpx.Client(timeout=_PATIENCE_S) as client:
        _send(client, server.url, Order("/sharpen", picture, None))
    peak, after = server.read_memory("VmHWM"), server.read_memory()
    return (
        f"a picture of {width}x{height}: peak {_format(peak - before)} over the "
        f"{_format(before)} before it, {_format(after)} after it"
    )


def _send(client: httpx.Client, url: str, order: Order) -> None:
    if order.field is None:
        answer = client.post(url + order.path, content=order.picture)
    else:
        answer = client.post(url + order.path, files={order.field: order.picture})
    answer.raise_for_status()


def _to_file(pixels: npt.NDArray[np.uint8], format_: str) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, format_)
    return buffer.getvalue()


def _format(count: int) -> str:
    return f"{count / _MEBIBYTE:.0f} MiB"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--largest-px", type=int, default=256, help="largest side of the mixed")
    parser.add_argument("--megapixels", type=float, default=50.0, help="of the large picture")
    add_settings(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
