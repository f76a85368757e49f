"""A picture drawn by code, on which new weights must show that they sharpen."""

from sharpening.drawing import draw_picture
from sharpening.engine import Engine
from sharpening.errors import WeightsError
from sharpening.metrics import psnr
from sharpening.weights import Card

_ENLARGEMENT = 4
"""Without it the drawing is finer than anything that a network could bring back."""


def measure_gain(engine: Engine, card: Card) -> float:
    """Return by how many dB of PSNR the model improves the picture that its profile blurred.

    Raises `WeightsError` if it cannot be run or gives back something else than such a picture.
    """
    sharp = draw_picture(card.contract.multiple_of, enlargement=_ENLARGEMENT)
    blurred = card.degradation.apply(sharp)
    try:
        sharpened = engine.sharpen(blurred)
    except (RuntimeError, ValueError) as error:
        raise WeightsError(f"the model cannot be run ({error}): export it again") from error
    return psnr(sharp, sharpened) - psnr(sharp, blurred)


def check_gain(engine: Engine, card: Card, *, least_db: float) -> None:
    """Raise `WeightsError` unless the model gains at least `least_db` on that picture."""
    gain_db = measure_gain(engine, card)
    if not gain_db >= least_db:
        raise WeightsError(
            f"on the drawn picture, blurred as in the profile {card.profile!r}, the model gains "
            f"{gain_db:.2f} dB; expected at least {least_db:g} dB: train it longer or look at what "
            "it makes of pictures"
        )
