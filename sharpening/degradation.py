"""How a sharp picture becomes a blurred one: typed descriptions and the pixels they give.

Never draws randomness but from the generator given, never knows files, patches or losses.

Pillow's `GaussianBlur` is three box passes each way, every one rounded to 8 bits, so a network
that is to undo it has to be trained on Pillow's own output; nothing here imitates it.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageFilter
from pydantic import BaseModel, ConfigDict, Field

from sharpening.errors import ImageError

Pixels = npt.NDArray[np.uint8]


class PaperDegradation(BaseModel):
    """The paper's fixed pipeline: shrink by two, blur, enlarge by two, all on 8-bit RGB.

    On a 256x256 patch: bicubic resize to 128x128, `GaussianBlur(radius=1.5)`, bicubic resize back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["paper"] = "paper"
    factor: Literal[2] = 2
    resample: Literal["bicubic"] = "bicubic"
    blur_radius_px: float = Field(default=1.5, ge=0)

    def apply(self, sharp: Pixels, generator: np.random.Generator | None = None) -> Pixels:
        """Return `sharp`, `(H, W, 3)` uint8 RGB of any size from 1x1, blurred to the same size.

        An odd side is halved downwards, to one at least. `generator` is not used: nothing here is
        random.
        """
        if sharp.dtype != np.uint8 or sharp.ndim != 3 or sharp.shape[2] != 3:
            raise ImageError(
                f"a degradation takes (H, W, 3) uint8; got {sharp.shape} {sharp.dtype}: "
                "convert the picture to 8-bit RGB first"
            )
        height, width = sharp.shape[:2]
        half = (max(1, width // self.factor), max(1, height // self.factor))
        bicubic = PillowImage.Resampling.BICUBIC
        small = PillowImage.fromarray(np.ascontiguousarray(sharp)).resize(half, bicubic)
        soft = small.filter(ImageFilter.GaussianBlur(radius=self.blur_radius_px))
        return np.asarray(soft.resize((width, height), bicubic))


# A profile is data: `call` joins this alias as a union that `profile` tells apart.
Degradation = PaperDegradation

PROFILES: dict[str, Degradation] = {"paper": PaperDegradation()}
