"""The picture of the README: one photograph blurred, restored by each model, and as it was.

    python -m benchmarks.before_after weights/*.safetensors --sharp examples/dog.png \\
        --output docs/before-after.png
"""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from sharpening.codec import decode
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener, evaluate
from sharpening.files import write_atomically
from sharpening.metrics import Score
from sharpening.runtimes import choose_runtime
from sharpening.weights import load_weights

Pixels = npt.NDArray[np.uint8]

_ENLARGEMENT = 2
_GAP_PX = 8
_TITLE_PX = 30


def main() -> None:
    """Write the picture."""
    options = _parse()
    models = {(weights := load_weights(path)).card.role: weights for path in options.weights}
    models = {role: models[role] for role in sorted(models)}
    degradation = next(iter(models.values())).card.degradation
    sharp: Pixels = decode(options.sharp.read_bytes()).pixels
    blurred = degradation.apply(sharp)
    engines: dict[str, Sharpener] = {
        role: Engine(choose_runtime(weights)) for role, weights in models.items()
    }
    evaluation, sharpened = evaluate(sharp, blurred, engines)
    panels = [(_title("blurred", evaluation.input), blurred)]
    panels += [(_title(role, evaluation.models[role]), sharpened[role]) for role in models]
    panels.append(("original", sharp))
    buffer = io.BytesIO()
    _draw(panels, options.crop).save(buffer, "PNG", optimize=True)
    write_atomically(options.output, buffer.getvalue())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before_after", description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--sharp", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--crop", type=int, nargs=4, default=(120, 90, 360, 330),
        metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
    )  # fmt: skip
    return parser.parse_args()


def _title(name: str, score: Score) -> str:
    return f"{name}: {score.psnr:.2f} dB | {score.ssim:.4f}"


def _draw(panels: Sequence[tuple[str, Pixels]], crop: Sequence[int]) -> PillowImage.Image:
    left, top, right, bottom = crop
    width, height = (right - left) * _ENLARGEMENT, (bottom - top) * _ENLARGEMENT
    columns = 2
    rows = -(-len(panels) // columns)
    size = (columns * (width + _GAP_PX) - _GAP_PX, rows * (height + _TITLE_PX))
    sheet = PillowImage.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for index, (title, pixels) in enumerate(panels):
        x = index % columns * (width + _GAP_PX)
        y = index // columns * (height + _TITLE_PX)
        piece = PillowImage.fromarray(pixels[top:bottom, left:right])
        enlarged = piece.resize((width, height), PillowImage.Resampling.NEAREST)
        pen.text((x, y + 4), title, fill="black", font=font)
        sheet.paste(enlarged, (x, y + _TITLE_PX))
    return sheet


if __name__ == "__main__":
    main()
