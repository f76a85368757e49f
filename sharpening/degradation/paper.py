"""The paper's degradation.

Pillow's `GaussianBlur` is three box passes each way, every one rounded to 8 bits, so a network
that is to undo it has to be trained on Pillow's own output; nothing here imitates it.
"""

from typing import Literal

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFilter
from pydantic import Field

from sharpening.degradation.pixels import Pixels, Value, check_pixels


class PaperDegradation(Value):
    """The paper's fixed pipeline: shrink by two, blur, enlarge by two, all on 8-bit RGB.

    On a 256x256 patch: bicubic resize to 128x128, `GaussianBlur(radius=1.5)`, bicubic resize back.
    """

    profile: Literal["paper"] = "paper"
    factor: Literal[2] = 2
    resample: Literal["bicubic"] = "bicubic"
    blur_radius_px: float = Field(default=1.5, ge=0)

    @property
    def is_random(self) -> bool:
        """Whether two generators may give two results."""
        return False

    @property
    def keeps_sharp(self) -> bool:
        """Whether who undoes it has to leave a sharp picture alone."""
        return False

    def apply(self, sharp: Pixels, generator: np.random.Generator | None = None) -> Pixels:
        """Return `sharp`, `(H, W, 3)` uint8 RGB of any size from 1x1, blurred to the same size.

        An odd side is halved downwards, to one at least. `generator` is not used: nothing here is
        random. Raises `ImageError` for any other array.
        """
        check_pixels(sharp)
        height, width = sharp.shape[:2]
        half = (max(1, width // self.factor), max(1, height // self.factor))
        bicubic = PillowImage.Resampling.BICUBIC
        small = PillowImage.fromarray(np.ascontiguousarray(sharp)).resize(half, bicubic)
        soft = small.filter(ImageFilter.GaussianBlur(radius=self.blur_radius_px))
        return np.asarray(soft.resize((width, height), bicubic))
