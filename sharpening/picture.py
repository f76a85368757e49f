"""A whole picture sharpened, with all that it carries: what service and command line both do.

Never decodes or encodes, and changes nothing but the colours that show.
"""

import numpy as np

from sharpening.codec import Image
from sharpening.engine import Engine
from sharpening.transparency import fill_hidden


def sharpen_image(engine: Engine, image: Image, *, strength: float = 1.0) -> Image:
    """Return the sharpened picture: alpha, metadata and the colours under alpha 0 as they were.

    What alpha hides does not show in its surroundings either: the network sees the colours of
    visible neighbours there. `strength` 0 returns the picture's own pixels. Raises as
    `Engine.sharpen` does.
    """
    if image.alpha is None or strength == 0:
        return image.with_pixels(engine.sharpen(image.pixels, strength=strength))
    hidden = image.alpha == 0
    sharpened = engine.sharpen(fill_hidden(image.pixels, hidden), strength=strength)
    np.copyto(sharpened, image.pixels, where=hidden[..., np.newaxis])
    return image.with_pixels(sharpened)
