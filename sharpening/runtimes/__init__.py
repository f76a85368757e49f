"""The ways to run a network, side by side behind one protocol, and the short chooser.

A runtime never knows tiles, HTTP, or files other than the weights handed to it.
"""

from sharpening.runtimes.base import ComputePrecision, Runtime, Threads
from sharpening.runtimes.chooser import (
    Precision,
    RuntimeName,
    choose_runtime,
    multiplies_bfloat16,
)

__all__ = [
    "ComputePrecision",
    "Precision",
    "Runtime",
    "RuntimeName",
    "Threads",
    "choose_runtime",
    "multiplies_bfloat16",
]
