"""Our networks' corrections as OpenVINO nodes, written from the tensors of a weights file.

What `forward` is in `sharpening.networks`; a test holds them against each other. Never scales,
rounds or clamps: the graph around them does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from sharpening.architectures import (
    DihedralStudentConfig,
    MirrorStudentConfig,
    StudentConfig,
    TeacherConfig,
    read_config,
)
from sharpening.errors import WeightsError
from sharpening.runtimes.openvino.operations import (
    Convolution,
    Floats,
    activate,
    convolve,
    unfold,
)
from sharpening.symmetry import (
    WAYS,
    Places,
    place_field_kernel,
    place_folded_biases,
    place_folded_kernel,
)
from sharpening.weights import Contract, Weights, check_contract, check_numbers

Adapt = Callable[[Convolution], Convolution]
Write = Callable[[openvino.Node, Adapt, Adapt], openvino.Node]
"""Writes the correction to folded pixels NCHW, its first and last convolution adapted to them."""


@dataclass(frozen=True)
class Plan:
    """A network ready to be written."""

    fold: int
    multiple_of: int
    receptive_field_px: int
    write: Write
    tile_px: int = 2048
    """A frame of Full HD is a single tile, one of 4K four; its memory is that of a student."""
    is_quicker_in_own_size: bool = True
    """Whether a graph of one size is worth its memory."""


def runs_architecture(architecture: str) -> bool:
    """Whether networks of that architecture can be written here."""
    return architecture in _PLANNERS


def plan_network(weights: Weights) -> Plan:
    """Return the network that the weights describe.

    Raises `WeightsError` for another architecture, or if tensors or contract do not fit it.
    """
    card = weights.card
    planner = _PLANNERS.get(card.architecture)
    if planner is None:
        raise WeightsError(
            f"{weights.name} has the architecture {card.architecture!r}; the runtime openvino runs "
            f"{sorted(_PLANNERS)}: choose the runtime torch or auto"
        )
    check_numbers(weights.tensors, card.precision)
    numbers = _Numbers(weights)
    plan = planner(numbers, card.config)
    numbers.check_all_taken()
    actual = Contract(
        receptive_field_px=plan.receptive_field_px,
        multiple_of=plan.multiple_of,
        parameters=sum(tensor.size for tensor in weights.tensors.values()),
    )
    check_contract(weights, actual)
    return plan


class _Numbers:
    """The tensors of a weights file, taken one by one."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._left = set(weights.tensors)

    def take(self, name: str, *shape: int) -> Floats:
        """Return a tensor in float32; raises `WeightsError` if it is not there in that shape."""
        tensor = self._weights.tensors.get(name)
        if tensor is None or tensor.shape != shape:
            found = "lacks it" if tensor is None else f"has {tensor.shape}"
            raise self._refuse(f"{name!r} should be {shape} and the file {found}")
        self._left.discard(name)
        return tensor.astype(np.float32)

    def take_layer(self, name: str, inputs: int, outputs: int, side: int = 3) -> Convolution:
        """Return a plain convolution."""
        kernels = self.take(f"{name}.weight", outputs, inputs, side, side)
        return Convolution(kernels, self.take(f"{name}.bias", outputs))

    def check_all_taken(self) -> None:
        """Raise `WeightsError` if a tensor has no place in the network."""
        if self._left:
            raise self._refuse(f"{sorted(self._left)} have no place in it")

    def _refuse(self, reason: str) -> WeightsError:
        return WeightsError(
            f"the tensors do not fit the architecture {self._weights.card.architecture!r}: "
            f"{reason}; use weights made for it"
        )


def _plan_student(numbers: _Numbers, given: Mapping[str, Any]) -> Plan:
    config = read_config(StudentConfig, "student", given)
    folded, channels = 3 * config.fold**2, config.channels
    head = numbers.take_layer("head", folded, channels)
    body = [
        numbers.take_layer(f"body.{place}", channels, channels)
        for place in range(len(config.dilations))
    ]
    tail = numbers.take_layer("tail", channels, folded)

    def write(pixels: openvino.Node, enter: Adapt, leave: Adapt) -> openvino.Node:
        features = activate(convolve(pixels, enter(head)))
        for layer, dilation in zip(body, config.dilations, strict=True):
            features = activate(convolve(features, layer, dilation=dilation))
        return convolve(features, leave(tail))

    return Plan(config.fold, config.multiple_of, config.receptive_field_px, write)


def _plan_mirror_student(numbers: _Numbers, given: Mapping[str, Any]) -> Plan:
    config = read_config(MirrorStudentConfig, "mirror-student", given)
    folded, channels, halves = 3 * config.fold**2, config.channels, config.channels // 2
    head = _mirror(numbers.take_layer("head", folded, halves))
    body = [
        _mirror(numbers.take_layer(f"body.{place}", channels, halves))
        for place in range(len(config.dilations))
    ]
    tail = _mirror(numbers.take_layer("tail", channels, folded // 2))
    return _plan_with_skips(config, head, body, tail)


def _mirror(stored: Convolution) -> Convolution:
    """Return all kernels: each of those stored, then its mirror's."""
    halves, inputs = stored.kernels.shape[:2]
    pairs = stored.kernels.reshape(halves, inputs // 2, 2, 3, 3)
    mirrored = pairs[:, :, ::-1, :, ::-1].reshape(stored.kernels.shape)
    kernels = np.stack((stored.kernels, mirrored), axis=1).reshape(-1, inputs, 3, 3)
    return Convolution(kernels, np.repeat(stored.biases, 2))


def _plan_dihedral_student(numbers: _Numbers, given: Mapping[str, Any]) -> Plan:
    config = read_config(DihedralStudentConfig, "dihedral-student", given)
    folded, fields = 3 * config.fold**2, config.fields
    of_pixels, of_fields = place_folded_kernel(config.fold), place_field_kernel(fields)
    head = _lay(numbers.take_layer("head", folded, fields), of_pixels)
    body = [
        _lay(numbers.take_layer(f"body.{place}", fields * WAYS, fields), of_fields)
        for place in range(len(config.dilations))
    ]
    return _plan_with_skips(config, head, body, _take_unfolding(numbers, fields, config.fold))


def _plan_with_skips(
    config: MirrorStudentConfig | DihedralStudentConfig,
    head: Convolution,
    body: Sequence[Convolution],
    tail: Convolution,
) -> Plan:
    def write(pixels: openvino.Node, enter: Adapt, leave: Adapt) -> openvino.Node:
        features = activate(convolve(pixels, enter(head)))
        for layer, dilation in zip(body, config.dilations, strict=True):
            answer = activate(convolve(features, layer, dilation=dilation))
            features = ops.add(features, answer)
        return convolve(features, leave(tail))

    return Plan(config.fold, config.multiple_of, config.receptive_field_px, write)


def _take_unfolding(numbers: _Numbers, fields: int, fold: int) -> Convolution:
    bias_places = place_folded_biases(fold)
    stored = numbers.take("tail.weight", bias_places.size, fields, 3, 3)
    biases = numbers.take("tail.bias", int(bias_places.max()) + 1)[bias_places]
    laid = _lay_kernels(stored.swapaxes(0, 1), place_folded_kernel(fold))
    return Convolution(laid.swapaxes(0, 1), biases)


def _lay(stored: Convolution, places: Places) -> Convolution:
    return Convolution(_lay_kernels(stored.kernels, places), np.repeat(stored.biases, WAYS))


def _lay_kernels(stored: Floats, places: Places) -> Floats:
    """Return all kernels `(fields * 8, inputs, 3, 3)` of the stored `(fields, inputs, 3, 3)`."""
    fields, *kernel = stored.shape
    return stored.reshape(fields, -1)[:, places].reshape(-1, *kernel)


def _plan_teacher(numbers: _Numbers, given: Mapping[str, Any]) -> Plan:
    config = read_config(TeacherConfig, "teacher", given)
    half, quarter, eighth = config.channels
    folded, down, up = 3 * config.fold**2, config.blocks_down, config.blocks_up

    def take_blocks(name: str, channels: int, blocks: int) -> list[tuple[Convolution, Convolution]]:
        def take(place: int, part: str) -> Convolution:
            return numbers.take_layer(f"{name}.{place}.{part}", channels, channels)

        return [(take(place, "first"), take(place, "second")) for place in range(blocks)]

    head = numbers.take_layer("head", folded, half)
    half_down = take_blocks("half_down", half, down[0])
    to_quarter = numbers.take_layer("to_quarter", half, quarter, 2)
    quarter_down = take_blocks("quarter_down", quarter, down[1])
    to_eighth = numbers.take_layer("to_eighth", quarter, eighth, 2)
    middle = take_blocks("middle", eighth, config.blocks_middle)
    from_eighth = numbers.take_layer("from_eighth", eighth, quarter * 4, 1)
    quarter_up = take_blocks("quarter_up", quarter, up[1])
    from_quarter = numbers.take_layer("from_quarter", quarter, half * 4, 1)
    half_up = take_blocks("half_up", half, up[0])
    tail = numbers.take_layer("tail", half, folded)

    def write(pixels: openvino.Node, enter: Adapt, leave: Adapt) -> openvino.Node:
        at_half = _add_blocks(convolve(pixels, enter(head)), half_down)
        at_quarter = _add_blocks(convolve(at_half, to_quarter, stride=2), quarter_down)
        at_eighth = _add_blocks(convolve(at_quarter, to_eighth, stride=2), middle)
        grown = ops.add(at_quarter, unfold(convolve(at_eighth, from_eighth), 2))
        at_quarter = _add_blocks(grown, quarter_up)
        grown = ops.add(at_half, unfold(convolve(at_quarter, from_quarter), 2))
        return convolve(_add_blocks(grown, half_up), leave(tail))

    return Plan(
        config.fold,
        config.multiple_of,
        config.receptive_field_px,
        write,
        tile_px=512,
        is_quicker_in_own_size=False,
    )


def _add_blocks(
    features: openvino.Node, blocks: list[tuple[Convolution, Convolution]]
) -> openvino.Node:
    """Add residual blocks: two convolutions, and what entered."""
    for first, second in blocks:
        answer = convolve(activate(convolve(features, first)), second)
        features = ops.add(features, answer)
    return features


_PLANNERS: Mapping[str, Callable[[_Numbers, Mapping[str, Any]], Plan]] = MappingProxyType(
    {
        "student": _plan_student,
        "mirror-student": _plan_mirror_student,
        "dihedral-student": _plan_dihedral_student,
        "teacher": _plan_teacher,
    }
)
