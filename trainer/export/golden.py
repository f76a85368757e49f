"""A golden pair: the drawn picture as its profile blurs it, and what a model makes of it."""

import numpy as np

from sharpening.drawing import draw_picture
from sharpening.golden import Golden
from sharpening.runtimes.torch import TorchRuntime, restore_network
from sharpening.weights import Weights


def make_golden(weights: Weights) -> Golden:
    """Return the drawn picture as the profile blurs it, and the answer in float32 on the CPU."""
    sharp = draw_picture(weights.card.contract.multiple_of)
    blurred = weights.card.degradation.apply(sharp)
    sharpened = TorchRuntime(restore_network(weights), "cpu").run(blurred[np.newaxis])[0]
    return Golden(blurred, sharpened.astype(np.uint8), weights.sha256)
