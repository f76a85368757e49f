"""The networks, by the architecture name that a weights file carries."""

from typing import Any

from sharpening.architectures import read_config
from sharpening.errors import WeightsError
from sharpening.networks.base import (
    Network,
    count_macs_per_px,
    count_parameters,
    move_network,
)
from sharpening.networks.dihedral import DihedralStudent
from sharpening.networks.luminous import LuminousStudent, LuminousTeacher
from sharpening.networks.mirror import MirrorStudent
from sharpening.networks.student import Student
from sharpening.networks.teacher import Teacher

__all__ = [
    "ARCHITECTURES",
    "DihedralStudent",
    "LuminousStudent",
    "LuminousTeacher",
    "MirrorStudent",
    "Network",
    "Student",
    "Teacher",
    "build_network",
    "count_macs_per_px",
    "count_parameters",
    "move_network",
]

ARCHITECTURES: dict[str, type[Network]] = {
    network.architecture: network
    for network in (
        DihedralStudent,
        MirrorStudent,
        Student,
        Teacher,
        LuminousStudent,
        LuminousTeacher,
    )
}


def build_network(architecture: str, config: dict[str, Any]) -> Network:
    """Return the named network with fresh parameters.

    Raises `WeightsError` for an unknown name or a configuration that the network does not take.
    """
    network = ARCHITECTURES.get(architecture)
    if network is None:
        raise WeightsError(
            f"unknown architecture {architecture!r}; expected one of {sorted(ARCHITECTURES)}: "
            "use weights made by this version"
        )
    return network(read_config(network.config_type, architecture, config))
