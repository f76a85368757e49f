"""A whole picture sharpened, with all that it carries: what service and command line both do.

Never decodes or encodes, and changes nothing but the colours that show.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from sharpening.codec import Image
from sharpening.engine import Engine, go_on
from sharpening.transparency import fill_hidden


def sharpen_image(
    engine: Engine,
    image: Image,
    *,
    strength: float = 1.0,
    before_tile: Callable[[], None] = go_on,
) -> Image:
    """Return the sharpened picture: alpha, metadata and the colours under alpha 0 as they were.

    What alpha hides does not show in its surroundings either: the network sees the colours of
    visible neighbours there. `strength` 0 returns the picture's own pixels. Raises as
    `Engine.sharpen` does.
    """
    sharpen = partial(engine.sharpen, strength=strength, before_tile=before_tile)
    if image.alpha is None or strength == 0:
        return image.with_pixels(sharpen(image.pixels))
    hidden = image.alpha == 0
    sharpened = sharpen(fill_hidden(image.pixels, hidden))
    np.copyto(sharpened, image.pixels, where=hidden[..., np.newaxis])
    return image.with_pixels(sharpened)
