"""What the networks declare is what they are: size, reach and grid."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from sharpening.errors import WeightsError
from sharpening.networks import (
    ARCHITECTURES,
    Network,
    build_network,
    count_macs_per_px,
    count_parameters,
)

Build = Callable[..., Network]

NARROW: list[tuple[str, dict[str, Any]]] = [
    ("student", {}),
    ("student", {"channels": 12, "dilations": [1, 1, 1, 1, 1, 1, 1]}),
    ("student", {"channels": 4, "dilations": []}),
    ("mirror-student", {}),
    ("mirror-student", {"channels": 4, "dilations": []}),
    ("dihedral-student", {}),
    ("dihedral-student", {"fields": 1, "dilations": [2, 1]}),
    ("dihedral-student", {"fields": 2, "dilations": []}),
    ("teacher", {"channels": [2, 2, 2]}),
    (
        "teacher",
        {"channels": [2, 3, 4], "blocks_down": [1, 2], "blocks_middle": 1, "blocks_up": [2, 1]},
    ),
    ("luminous-student", {}),
    ("luminous-teacher", {}),
]
"""Every kind of network, narrow where width does not matter, as deep as those that serve."""


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [("student", 12_764), ("mirror-student", 12_182), ("dihedral-student", 12_717)],
)
def test_student_keeps_below_the_13000_parameters_allowed(
    architecture: str, parameters: int
) -> None:
    assert count_parameters(build_network(architecture, {})) == parameters <= 13_000


def test_a_mirrored_picture_has_a_mirrored_answer(random_network: Build) -> None:
    """Left and right; top and bottom are not tied."""
    network = random_network("mirror-student").double()
    blurred = torch.rand(1, 3, 18, 22, dtype=torch.float64)
    with torch.inference_mode():
        answer, mirrored = network(blurred), network(blurred.flip(3))
        upside_down = network(blurred.flip(2))
    torch.testing.assert_close(mirrored, answer.flip(3))
    assert (upside_down - answer.flip(2)).abs().max() > 1e-3


@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_laid_any_way_has_its_answer_laid_so(
    quarter_turns: int, mirrored: bool, random_network: Build
) -> None:
    network = random_network("dihedral-student", {"fields": 3, "dilations": [1, 2]}).double()

    def lay(pictures: torch.Tensor) -> torch.Tensor:
        turned = pictures.rot90(quarter_turns, (2, 3))
        return turned.flip(3) if mirrored else turned

    blurred = torch.rand(1, 3, 20, 28, dtype=torch.float64)
    with torch.inference_mode():
        answer, laid = network(blurred), network(lay(blurred))
    torch.testing.assert_close(laid, lay(answer))
    assert (answer - blurred).abs().max() > 1e-3


def test_teacher_has_more_than_2500000_parameters() -> None:
    assert count_parameters(build_network("teacher", {})) > 2_500_000


@pytest.mark.parametrize(
    ("architecture", "parameters"), [("luminous-student", 13_571), ("luminous-teacher", 2_561_187)]
)
def test_reference_network_has_its_published_size(architecture: str, parameters: int) -> None:
    assert count_parameters(build_network(architecture, {})) == parameters


@pytest.mark.parametrize(
    ("architecture", "macs"),
    [
        ("student", (12 * 16 + 4 * 16 * 16 + 16 * 12) * 9 / 4),
        ("mirror-student", (12 * 16 + 9 * 16 * 16 + 16 * 12) * 9 / 4),
        ("dihedral-student", (48 * 32 + 8 * 32 * 32 + 32 * 48) * 9 / 16),
        ("luminous-student", 3 * 128 * 9 + 128 * 64 + 64 * 3 * 9),
    ],
)
def test_multiplications_are_counted_for_a_px_of_the_full_size(
    architecture: str, macs: float
) -> None:
    assert count_macs_per_px(build_network(architecture, {})) == macs


def test_multiplications_of_the_teacher_count_at_the_size_where_they_are_done() -> None:
    config = {"channels": [2, 3, 4], "blocks_down": [1, 1], "blocks_middle": 1, "blocks_up": [1, 1]}
    half = 12 * 2 * 9 + 2 * 2 * (2 * 2 * 9) + 2 * 12 * 9
    quarter = 2 * 3 * 4 + 2 * 2 * (3 * 3 * 9) + 3 * 8
    eighth = 3 * 4 * 4 + 2 * (4 * 4 * 9) + 4 * 12
    expected = half / 4 + quarter / 16 + eighth / 64
    assert count_macs_per_px(build_network("teacher", config)) == expected


def test_every_architecture_is_built_by_the_name_it_carries() -> None:
    ours = {"student", "mirror-student", "dihedral-student", "teacher"}
    assert set(ARCHITECTURES) == ours | {"luminous-student", "luminous-teacher"}
    for name in ARCHITECTURES:
        assert build_network(name, {}).architecture == name


@pytest.mark.parametrize(("architecture", "config"), NARROW)
def test_output_has_the_shape_of_the_input(
    architecture: str, config: dict[str, Any], random_network: Build
) -> None:
    network = random_network(architecture, config)
    step = network.multiple_of
    blurred = torch.rand(2, 3, 3 * step, 5 * step)
    with torch.inference_mode():
        assert network(blurred).shape == blurred.shape


@pytest.mark.parametrize(
    ("architecture", "multiple_of"),
    [("student", 2), ("mirror-student", 2), ("dihedral-student", 4), ("teacher", 8)],
)
def test_network_needs_the_multiple_it_declares(
    architecture: str, multiple_of: int, small_teacher: dict[str, Any]
) -> None:
    network = build_network(architecture, small_teacher if architecture == "teacher" else {})
    assert network.multiple_of == multiple_of
    with pytest.raises(RuntimeError), torch.inference_mode():
        network(torch.rand(1, 3, multiple_of + multiple_of // 2, multiple_of))


@pytest.mark.parametrize(("architecture", "config"), NARROW)
def test_receptive_field_is_a_true_bound_and_a_tight_one(
    architecture: str, config: dict[str, Any], random_network: Build
) -> None:
    network = random_network(architecture, config)
    farthest = max(measure_reach_px(network, phase) for phase in range(network.multiple_of))
    assert farthest <= network.receptive_field_px
    assert farthest >= network.receptive_field_px - network.multiple_of


def measure_reach_px(network: Network, phase: int) -> int:
    """Return how far along an axis the output px at `phase` of the grid depends on the input.

    With positive parameters and input no two paths cancel, so the gradient is above zero exactly
    where a path leads. Strips, one for each axis, show as much as a square and cost far less.
    """
    step = network.multiple_of
    margin = -(-(network.receptive_field_px + 2 * step) // step) * step
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    at, reach = margin + phase, 0
    for shape in ((step, 2 * margin + step), (2 * margin + step, step)):
        blurred = torch.rand(1, 3, *shape, dtype=torch.float64, requires_grad=True)
        sharpened = network.double()(blurred)
        (sharpened[..., at] if shape[0] == step else sharpened[..., at, :]).sum().backward()
        assert blurred.grad is not None
        touched = torch.nonzero(blurred.grad[0].sum(0))[:, 1 if shape[0] == step else 0]
        reach = max(reach, int((touched - at).abs().max()))
    return reach


@pytest.mark.parametrize(
    "architecture", ["student", "mirror-student", "dihedral-student", "teacher"]
)
def test_fresh_network_hardly_changes_a_picture(architecture: str) -> None:
    torch.manual_seed(0)
    blurred = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        correction = build_network(architecture, {})(blurred) - blurred
    assert 0 < correction.abs().mean() < 0.1


def test_unknown_architecture_is_refused_with_those_known() -> None:
    with pytest.raises(WeightsError, match=r"'unet'.*expected one of.*student.*use weights made"):
        build_network("unet", {})


@pytest.mark.parametrize(
    "config",
    [{"chanels": 16}, {"channels": "many"}, {"channels": 0}, {"dilations": [0]}],
    ids=["unknown key", "not a number", "too few", "negative"],
)
def test_configuration_that_does_not_fit_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="'student' does not take the configuration"):
        build_network("student", config)
