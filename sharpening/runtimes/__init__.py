"""The ways to run a network, side by side behind one protocol, and the short chooser.

A runtime never knows tiles, HTTP, or files other than the weights handed to it.
"""

from sharpening.runtimes.base import Runtime
from sharpening.runtimes.chooser import RuntimeName, choose_runtime

__all__ = ["Runtime", "RuntimeName", "choose_runtime"]
