"""What the engine needs of a runtime, and what a runtime may be given."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Batch = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

ComputePrecision = Literal["float32", "bfloat16"]
"""What convolutions multiply in; sums are always float32."""


@dataclass(frozen=True)
class Threads:
    """How many runs may go on at once, and how many CPU threads each has; 0 takes all cores."""

    runs: int = 1
    each: int = 0


ONE_RUN = Threads()
"""One run at a time, on all cores."""


class Runtime(Protocol):
    """Runs one network on batches of pictures. May be asked by several threads at once."""

    @property
    def name(self) -> str:
        """The runtime's own name, such as `torch`."""

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""

    @property
    def precision(self) -> ComputePrecision:
        """What it multiplies in."""

    @property
    def receptive_field_px(self) -> int:
        """See `Network.receptive_field_px`."""

    @property
    def multiple_of(self) -> int:
        """Height and width of a batch must be multiples of this."""

    @property
    def tile_px(self) -> int:
        """The side of the largest picture that it should be given at once, for its memory's sake;
        a network that looks far may be given more."""

    def run(self, batch: Batch) -> Batch:
        """Return the sharpened batch, `(N, H, W, 3)`, rounded and clamped to the same dtype."""

    def free_memory(self) -> None:
        """Give back what is kept between runs to make the next one quick."""
