"""How good a network is while it is trained, on photographs that it is not trained on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharpening.degradation import Degradation
from sharpening.engine import Engine
from sharpening.evaluation import Sharpener, evaluate, summarise
from sharpening.metrics import psnr
from sharpening.networks import Network
from sharpening.runtimes.torch import TorchRuntime
from trainer.store import Picture

_UNCHANGED_DB = 100.0
"""What an answer counts as that is the picture itself: the mean stays a number."""


@dataclass(frozen=True)
class Validator:
    """Judges networks on the same pictures, or middles of them, as the service would."""

    pictures: Sequence[Picture]
    device: str
    degradation: Degradation

    def measure(self, network: Network) -> dict[str, float]:
        """Return the mean PSNR in dB and SSIM over the pictures.

        For a degradation that is to leave sharp pictures alone they are over the pictures that it
        changed, and beside them stands `sharp_psnr`: that of the answers to the sharp pictures
        against those, each at most 100 dB.
        """
        engine = Engine(TorchRuntime(network, self.device))
        keeps_sharp = self.degradation.keeps_sharp
        scores = [
            evaluate(each["sharp"], each["blurred"], {"network": engine})[0].models["network"]
            for each in self.pictures
            if not keeps_sharp or not np.array_equal(each["sharp"], each["blurred"])
        ]
        figures = {
            "psnr": summarise([each.psnr for each in scores]).mean or 0.0,
            "ssim": summarise([each.ssim for each in scores]).mean or 0.0,
        }
        if keeps_sharp:
            figures["sharp_psnr"] = self._measure_faithfulness(engine)
        return figures

    def _measure_faithfulness(self, sharpener: Sharpener) -> float:
        """Return the mean PSNR of the answers to sharp pictures, each picture asked once."""
        distinct = {each["sharp"].tobytes(): each["sharp"] for each in self.pictures}.values()
        answers = [psnr(sharp, sharpener.sharpen(sharp)) for sharp in distinct]
        return statistics.fmean(min(each, _UNCHANGED_DB) for each in answers)
