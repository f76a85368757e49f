"""The blind degradation of real pictures and video calls: what may happen, and how often.

A description of ranges and shares, all of it data: each generator draws one concrete `Damage`.
"""

from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, Field

from sharpening.degradation.blur import Blur, DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.degradation.damage import Compression, Damage, Noise
from sharpening.degradation.pixels import Filter, Pixels, Value, check_pixels

Item = TypeVar("Item")


def _check_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from {ends[0]} to {ends[1]}: give the lower end first")
    return ends


Range = Annotated[tuple[float, float], AfterValidator(_check_order)]
"""From the mild end to the bad one; both may be drawn."""

TYPICAL = Damage(
    blur=GaussianBlur(sigma_px=0.8),
    factor=1.5,
    shrink="bilinear",
    noise=Noise(sigma_levels=1.5),
    compression=Jpeg(quality=60),
)
"""A call that is neither good nor bad. JPEG stands for the codec, so that it needs no PyAV."""


class CallDegradation(Value):
    """Random blur, a smaller picture, light noise and a codec, each of them or none.

    Of choices in a tuple each is as likely; one that stands there twice is twice as likely.
    """

    profile: Literal["call"] = "call"
    untouched_share: float = Field(default=0.15, ge=0, le=1)
    """How often nothing at all happens, so that sharp pictures are left alone."""
    mildness: float = Field(default=1.6, ge=1)
    """A number evenly drawn from 0 to 1 is raised to this power: mild damage is more frequent."""
    blurs: tuple[Literal["none", "gaussian", "defocus", "motion"], ...] = Field(
        default=("none", "none", "none", "gaussian", "gaussian", "gaussian", "defocus", "motion"),
        min_length=1,
    )
    gaussian_sigma_px: Range = (0.3, 2.5)
    defocus_radius_px: Range = (0.6, 3.5)
    motion_length_px: Range = (1.5, 10)
    shrunk_share: float = Field(default=0.4, ge=0, le=1)
    factor: Range = (1, 3)
    shrink_filters: tuple[Filter, ...] = Field(
        default=("box", "bilinear", "hamming", "bicubic", "lanczos"), min_length=1
    )
    enlarge_filters: tuple[Filter, ...] = Field(
        default=("bicubic", "bicubic", "bicubic", "bilinear", "lanczos"), min_length=1
    )
    noisy_share: float = Field(default=0.4, ge=0, le=1)
    noise_sigma_levels: Range = (0.5, 5)
    compressions: tuple[Literal["none", "jpeg", "h264"], ...] = Field(
        default=("none", "jpeg", "jpeg", "h264"), min_length=1
    )
    jpeg_coarseness: Range = (5, 80)
    """100 less the quality: from quality 95 down to 20."""
    jpeg_subsamplings: tuple[Literal["4:2:0", "4:4:4"], ...] = Field(
        default=("4:2:0", "4:2:0", "4:4:4"), min_length=1
    )
    h264_rate_factor: Range = (20, 38)
    h264_frames: tuple[int, ...] = Field(default=(1, 2, 3, 4, 6), min_length=1)
    h264_pan_px: Range = (0, 2)
    """How far the scene moves from frame to frame, each way, in either direction."""
    typical: Damage = TYPICAL
    """What happens where no generator is given, as in the service's `/evaluate`."""

    @property
    def is_random(self) -> bool:
        """Whether two generators may give two results."""
        return True

    @property
    def keeps_sharp(self) -> bool:
        """Whether who undoes it has to leave a sharp picture alone."""
        return self.untouched_share > 0

    def apply(self, sharp: Pixels, generator: np.random.Generator | None = None) -> Pixels:
        """Return `sharp`, `(H, W, 3)` uint8 RGB of any size from 1x1, damaged, of the same size.

        The generator decides what happens; without one it is `typical`. Raises what
        `Damage.apply` raises.
        """
        check_pixels(sharp)
        return (self.typical if generator is None else self.draw(generator)).apply(sharp)

    def draw(self, generator: np.random.Generator) -> Damage:
        """Return one concrete damage; the same state of the generator gives the same one."""
        if generator.random() < self.untouched_share:
            return Damage()
        shrunk = generator.random() < self.shrunk_share
        noisy = generator.random() < self.noisy_share
        return Damage(
            blur=self._draw_blur(generator),
            factor=self._draw_from(self.factor, generator) if shrunk else 1,
            shrink=_choose(self.shrink_filters, generator),
            noise=self._draw_noise(generator) if noisy else None,
            compression=self._draw_compression(generator),
            enlarge=_choose(self.enlarge_filters, generator),
        )

    def _draw_blur(self, generator: np.random.Generator) -> Blur | None:
        match _choose(self.blurs, generator):
            case "none":
                return None
            case "gaussian":
                return GaussianBlur(sigma_px=self._draw_from(self.gaussian_sigma_px, generator))
            case "defocus":
                return DefocusBlur(radius_px=self._draw_from(self.defocus_radius_px, generator))
            case "motion":
                length_px = self._draw_from(self.motion_length_px, generator)
                return MotionBlur(length_px=length_px, angle_degrees=generator.uniform(0, 180))

    def _draw_noise(self, generator: np.random.Generator) -> Noise:
        sigma_levels = self._draw_from(self.noise_sigma_levels, generator)
        return Noise(sigma_levels=sigma_levels, seed=int(generator.integers(2**32)))

    def _draw_compression(self, generator: np.random.Generator) -> Compression | None:
        match _choose(self.compressions, generator):
            case "none":
                return None
            case "jpeg":
                quality = 100 - round(self._draw_from(self.jpeg_coarseness, generator))
                subsampling = _choose(self.jpeg_subsamplings, generator)
                return Jpeg(quality=quality, subsampling=subsampling)
            case "h264":
                return H264(
                    rate_factor=round(self._draw_from(self.h264_rate_factor, generator)),
                    frames=_choose(self.h264_frames, generator),
                    pan_px=(self._draw_pan(generator), self._draw_pan(generator)),
                )

    def _draw_pan(self, generator: np.random.Generator) -> float:
        direction = 1 if generator.random() < 0.5 else -1
        return direction * self._draw_from(self.h264_pan_px, generator)

    def _draw_from(self, ends: tuple[float, float], generator: np.random.Generator) -> float:
        mild, bad = ends
        return float(mild + (bad - mild) * generator.random() ** self.mildness)


def _choose(items: tuple[Item, ...], generator: np.random.Generator) -> Item:
    return items[int(generator.integers(len(items)))]
