"""The damages that the blind profile is judged on: one of each kind, mild and bad.

No draw of the profile is exactly one of them.
"""

from sharpening.degradation import CallDegradation, Damage, Degradation
from sharpening.degradation.blur import DefocusBlur, GaussianBlur, MotionBlur
from sharpening.degradation.compression import H264, Jpeg
from sharpening.degradation.damage import Noise

SOFT = GaussianBlur(sigma_px=0.8)

GRID: dict[str, Damage] = {
    "soft": Damage(blur=SOFT),
    "softer": Damage(blur=GaussianBlur(sigma_px=1.8)),
    "out of focus": Damage(blur=DefocusBlur(radius_px=2.5)),
    "shaken": Damage(blur=MotionBlur(length_px=6, angle_degrees=30)),
    "half size": Damage(factor=2),
    "third size": Damage(factor=3),
    "JPEG, good": Damage(compression=Jpeg(quality=90)),
    "JPEG, middling": Damage(compression=Jpeg(quality=60)),
    "JPEG, poor": Damage(compression=Jpeg(quality=30)),
    "video, middling": Damage(compression=H264(rate_factor=28)),
    "video, poor": Damage(compression=H264(rate_factor=35)),
    "noise": Damage(noise=Noise(sigma_levels=3)),
    "soft photograph, saved": Damage(blur=GaussianBlur(sigma_px=1.2), compression=Jpeg(quality=80)),
    "call": Damage(
        blur=SOFT,
        factor=1.5,
        shrink="bilinear",
        noise=Noise(sigma_levels=1.5),
        compression=H264(rate_factor=26),
    ),
    "call, poor connection": Damage(
        factor=2,
        shrink="bilinear",
        noise=Noise(sigma_levels=2),
        compression=H264(rate_factor=32, pan_px=(1.3, 0.4)),
    ),
}

PAPER = "the paper's: 2x smaller, Pillow's blur of radius 1.5, 2x larger"
NOTHING = "nothing: the sharp picture, against itself"


def always(damage: Damage) -> Degradation:
    """Return a degradation that does just this to every picture."""
    return CallDegradation(typical=damage)
