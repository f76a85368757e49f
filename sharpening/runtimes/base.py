"""What the engine needs of a runtime."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Batch = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class Runtime(Protocol):
    """Runs one network on batches of pictures."""

    @property
    def name(self) -> str:
        """The runtime's own name, such as `torch`."""

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""

    @property
    def receptive_field_px(self) -> int:
        """See `Network.receptive_field_px`."""

    @property
    def multiple_of(self) -> int:
        """Height and width of a batch must be multiples of this."""

    def run(self, batch: Batch) -> Batch:
        """Return the sharpened batch, `(N, H, W, 3)`, rounded and clamped to the same dtype."""
