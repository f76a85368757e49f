"""OpenVINO, on a CPU: our networks from their weights files, without PyTorch.

docs/decisions/0026-openvino-on-cpus.md says why it is the CPU's runtime.
"""

from sharpening.runtimes.openvino.networks import runs_architecture
from sharpening.runtimes.openvino.runtime import OpenVinoRuntime

__all__ = ["OpenVinoRuntime", "runs_architecture"]
