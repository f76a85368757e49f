"""How a sharp picture becomes a blurred one: typed descriptions and the pixels they give.

Never draws randomness but from the generator given, never knows files, patches or losses.
"""

from typing import Annotated

from pydantic import Field

from sharpening.degradation.call import CallDegradation
from sharpening.degradation.damage import Damage
from sharpening.degradation.paper import PaperDegradation

__all__ = ["PROFILES", "CallDegradation", "Damage", "Degradation", "PaperDegradation"]

Degradation = Annotated[PaperDegradation | CallDegradation, Field(discriminator="profile")]

PROFILES: dict[str, PaperDegradation | CallDegradation] = {
    "paper": PaperDegradation(),
    "call": CallDegradation(),
}
