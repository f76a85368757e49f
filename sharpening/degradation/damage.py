"""One concrete thing that happened to a picture on its way: a value, and the pixels it gives.

In the order of a real call: the scene is blurred, the camera shrinks it and adds noise, a codec
compresses it, and whoever looks at it enlarges it again. Between the steps are 8-bit pictures.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from sharpening.degradation.blur import Blur, DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.degradation.pixels import (
    Filter,
    Pixels,
    Value,
    check_pixels,
    resize,
    round_pixels,
)

Compression = Annotated[Jpeg | H264, Field(discriminator="codec")]


class Noise(Value):
    """White Gaussian noise of a sensor, each colour by itself; the seed is part of the value."""

    sigma_levels: float = Field(gt=0, le=64)
    """Standard deviation in grey levels of 255."""
    seed: int = Field(default=0, ge=0)

    def apply(self, pixels: Pixels) -> Pixels:
        """Return `pixels`, `(H, W, 3)` uint8, with the noise added."""
        generator = np.random.default_rng(self.seed)
        noise = generator.standard_normal(pixels.shape, np.float32)
        return round_pixels(pixels + self.sigma_levels * noise)


class Damage(Value):
    """What happened, step by step; by default nothing."""

    blur: Blur | None = None
    factor: float = Field(default=1, ge=1, le=8)
    """How many times smaller each side was on the way."""
    shrink: Filter = "bicubic"
    noise: Noise | None = None
    compression: Compression | None = None
    enlarge: Filter = "bicubic"

    def apply(self, sharp: Pixels) -> Pixels:
        """Return `sharp`, `(H, W, 3)` uint8 RGB of any size from 1x1, damaged, of the same size.

        The same picture always comes to the same pixels. Raises `ImageError` for any other array,
        and `DeviceError` where H.264 is asked for and PyAV is missing.
        """
        check_pixels(sharp)
        height, width = sharp.shape[:2]
        pixels = sharp if self.blur is None else self.blur.apply(sharp)
        small = (max(1, round(height / self.factor)), max(1, round(width / self.factor)))
        pixels = resize(pixels, small, self.shrink)
        if self.noise is not None:
            pixels = self.noise.apply(pixels)
        if self.compression is not None:
            pixels = self.compression.apply(pixels)
        return np.ascontiguousarray(resize(pixels, (height, width), self.enlarge))

    def describe(self) -> str:
        """Return the steps in words, with the values that make them."""
        steps = [_describe_blur(self.blur)] if self.blur is not None else []
        if self.factor > 1:
            steps.append(f"{self.factor:.3g}x smaller ({self.shrink}, {self.enlarge})")
        if self.noise is not None:
            steps.append(f"noise of {self.noise.sigma_levels:.3g} levels")
        if self.compression is not None:
            steps.append(_describe_compression(self.compression))
        return ", ".join(steps) or "nothing"


def _describe_blur(blur: GaussianBlur | DefocusBlur | MotionBlur) -> str:
    match blur:
        case GaussianBlur():
            return f"Gaussian of {blur.sigma_px:.3g} px"
        case DefocusBlur():
            return f"defocus of {blur.radius_px:.3g} px"
        case MotionBlur():
            return f"motion of {blur.length_px:.3g} px at {blur.angle_degrees:.3g} degrees"


def _describe_compression(compression: Jpeg | H264) -> str:
    match compression:
        case Jpeg():
            return f"JPEG {compression.quality} {compression.subsampling}"
        case H264(frames=1):
            return f"H.264 at rate factor {compression.rate_factor}, one frame"
        case H264():
            return f"H.264 at rate factor {compression.rate_factor}, frame {compression.frames}"
