"""What several rooms' tests need, and options for the checks whose data the project does not ship.

Networks that use their whole reach, and cards for them.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from torch import nn

from sharpening.degradation import PaperDegradation
from sharpening.networks import Network, build_network
from sharpening.runtimes.torch import describe_contract
from sharpening.weights import Card, Training, Weights, encode_weights

SMALL_TEACHER = {
    "channels": [6, 8, 10],
    "blocks_down": [1, 1],
    "blocks_middle": 1,
    "blocks_up": [1, 1],
}

CORRECTION_STD = 0.15
"""About 40 grey levels: enough to see a seam, too little to hide one in clamping."""


hypothesis.settings.register_profile(
    "project", derandomize=True, deadline=None, database=None, print_blob=False
)
hypothesis.settings.load_profile("project")
"""The same examples every time, however slow the machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reference", "published weights and test pictures, given by path")
    group.addoption(
        "--reference-weights",
        type=Path,
        metavar="FILE",
        help="the published weights of luminous-student, a .safetensors file",
    )
    group.addoption(
        "--reference-pictures",
        type=Path,
        metavar="DIR",
        help="a folder with the folders Set14, gb82, CID22_val and CLIC2025_val of PNG pictures",
    )


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


@pytest.fixture
def make_weights(
    random_network: Callable[..., Network], make_card: Callable[[Network], Card]
) -> Callable[..., Weights]:
    """Build the weights of a random network, as read; `entries` replace those of its card."""

    def make(architecture: str, config: dict[str, Any] | None = None, **entries: Any) -> Weights:
        network = random_network(architecture, config)
        card = make_card(network).model_copy(update=entries)
        state = network.state_dict()
        tensors = {name: tensor.numpy().astype(card.precision) for name, tensor in state.items()}
        sha256 = hashlib.sha256(encode_weights(tensors, card)).hexdigest()
        return Weights(card, tensors, sha256)

    return make
