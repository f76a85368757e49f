"""What several tests of the core need: networks that use their whole reach, cards, photographs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from torch import nn

from sharpening.degradation import PaperDegradation
from sharpening.networks import Network, build_network
from sharpening.runtimes.torch import describe_contract
from sharpening.weights import Card, Training

SMALL_TEACHER = {
    "channels": [6, 8, 10],
    "blocks_down": [1, 1],
    "blocks_middle": 1,
    "blocks_up": [1, 1],
}

CORRECTION_STD = 0.15
"""About 40 grey levels: enough to see a seam, too little to hide one in clamping."""


@pytest.fixture(scope="session")
def photograph() -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.chelsea())


@pytest.fixture
def random_network() -> Callable[..., Network]:
    """Build a network none of whose parameters is zero; fresh residual blocks are the identity."""

    def build(architecture: str, config: dict[str, Any] | None = None) -> Network:
        generator = torch.Generator().manual_seed(0)
        network = build_network(architecture, config or {})
        convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        for layer in convolutions:
            nn.init.kaiming_normal_(layer.weight, a=0.1, generator=generator)
            assert layer.bias is not None
            nn.init.normal_(layer.bias, std=0.05, generator=generator)
        with torch.no_grad():
            noise = torch.rand(1, 3, 96, 96, generator=generator)
            last = convolutions[-1]
            last.weight *= CORRECTION_STD / (network(noise) - noise).std()
        return network.eval()

    return build


@pytest.fixture
def make_card() -> Callable[[Network], Card]:
    """Describe a network as a trainer would."""

    def make(network: Network) -> Card:
        return Card(
            role="student",
            architecture=network.architecture,
            config=network.config.model_dump(mode="json"),
            profile="paper",
            contract=describe_contract(network),
            degradation=PaperDegradation(),
            training=Training(
                recipe={"preset": "test", "rates": [1e-3, None]},
                steps=10,
                images_seen=160,
                minutes=0.5,
                data_hash="0" * 64,
                photographs=3,
                seed=7,
                hardware="a CPU",
                code_revision="unknown",
                versions={"torch": "2"},
            ),
            metrics={"validation": {"psnr": 30.5, "definition": "dB"}},
            teacher=None,
            created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            licence="CC0-1.0",
        )

    return make


@pytest.fixture
def small_teacher() -> dict[str, Any]:
    return dict(SMALL_TEACHER)
