"""A picture sharpened as a whole: what alpha hides neither changes nor shows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.codec import Image
from sharpening.engine import Engine
from sharpening.errors import ParameterError
from sharpening.networks import Network
from sharpening.picture import sharpen_image
from sharpening.runtimes.torch import TorchRuntime

Pixels = npt.NDArray[Any]


@pytest.fixture
def engine(random_network: Callable[..., Network]) -> Engine:
    return Engine(TorchRuntime(random_network("student"), "cpu"))


@pytest.fixture(params=[np.uint8, np.uint16], ids=["8 bits", "16 bits"])
def sprite(request: pytest.FixtureRequest, photograph: Pixels) -> Image:
    """A round piece of a photograph, faint at its rim, on a black that nobody sees."""
    side = 64
    rows, columns = np.mgrid[:side, :side] - side / 2
    alpha = np.clip(300 - 12 * np.hypot(rows, columns), 0, 255).astype(np.uint8)
    pixels = photograph[100 : 100 + side, 100 : 100 + side] * (alpha > 0)[..., np.newaxis]
    scale = 257 if request.param is np.uint16 else 1
    return Image(
        pixels.astype(request.param) * request.param(scale),
        alpha.astype(request.param) * request.param(scale),
        icc_profile=b"profile",
        exif=b"exif",
    )


def test_an_opaque_picture_is_what_the_engine_makes(engine: Engine, photograph: Pixels) -> None:
    image = Image(photograph[:50, :60], icc_profile=b"profile", format="webp")
    sharpened = sharpen_image(engine, image, strength=0.5)
    expected = engine.sharpen(image.pixels, strength=0.5)
    np.testing.assert_array_equal(sharpened.pixels, expected)
    assert not np.array_equal(expected, image.pixels)
    assert sharpened == image.with_pixels(sharpened.pixels)


def test_alpha_and_the_colours_under_it_and_metadata_stay(engine: Engine, sprite: Image) -> None:
    sharpened = sharpen_image(engine, sprite)
    assert sprite.alpha is not None
    hidden = sprite.alpha == 0
    assert hidden.any()
    np.testing.assert_array_equal(sharpened.alpha, sprite.alpha)
    np.testing.assert_array_equal(sharpened.pixels[hidden], sprite.pixels[hidden])
    assert not np.array_equal(sharpened.pixels[~hidden], sprite.pixels[~hidden])
    assert sharpened == sprite.with_pixels(sharpened.pixels)


def test_hidden_colours_do_not_show_in_their_surroundings(engine: Engine, sprite: Image) -> None:
    assert sprite.alpha is not None
    hidden = sprite.alpha == 0
    other = sprite.pixels.copy()
    other[hidden] = np.random.default_rng(0).integers(0, 256, (hidden.sum(), 3))
    on_black, on_noise = (
        sharpen_image(engine, sprite.with_pixels(pixels)).pixels
        for pixels in (sprite.pixels, other)
    )
    np.testing.assert_array_equal(on_black[~hidden], on_noise[~hidden])


def test_a_sprite_of_one_colour_is_sharpened_as_if_that_colour_were_everywhere(
    engine: Engine, sprite: Image
) -> None:
    assert sprite.alpha is not None
    hidden = sprite.alpha == 0
    everywhere = np.broadcast_to(np.array([200, 120, 40], sprite.pixels.dtype), sprite.pixels.shape)
    on_black = np.where(hidden[..., np.newaxis], 0, everywhere).astype(sprite.pixels.dtype)
    sharpened = sharpen_image(engine, sprite.with_pixels(on_black)).pixels
    np.testing.assert_array_equal(
        sharpened[~hidden], engine.sharpen(np.ascontiguousarray(everywhere))[~hidden]
    )


def test_what_is_hidden_everywhere_stays(engine: Engine, sprite: Image) -> None:
    nothing = Image(sprite.pixels, np.zeros_like(sprite.pixels[..., 0]))
    np.testing.assert_array_equal(sharpen_image(engine, nothing).pixels, sprite.pixels)


def test_strength_0_returns_the_pixels_of_the_picture(engine: Engine, sprite: Image) -> None:
    same = sharpen_image(engine, sprite, strength=0)
    np.testing.assert_array_equal(same.pixels, sprite.pixels)


def test_a_strength_out_of_range_is_refused(engine: Engine, sprite: Image) -> None:
    with pytest.raises(ParameterError):
        sharpen_image(engine, sprite, strength=2.1)
