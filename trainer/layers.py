"""What a network's inner layers give while it runs, by their names."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from sharpening.errors import TrainingError


class Recorder:
    """Keeps what the named layers put out for as long as it is open.

    Raises `TrainingError` for a name that the network does not have.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        self._layers = {name: find_layer(network, name) for name in names}
        self._outputs: dict[str, Tensor] = {}
        self._hooks = ExitStack()

    def __getitem__(self, name: str) -> Tensor:
        return self._outputs[name]

    def __enter__(self) -> Self:
        for name, layer in self._layers.items():
            handle = layer.register_forward_hook(partial(self._keep, name))
            self._hooks.callback(handle.remove)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._hooks.close()

    def _keep(self, name: str, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        self._outputs[name] = output


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """Return the layer of that name; a network split over processes is looked through.

    Raises `TrainingError` with the names that there are.
    """
    inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
    layers: dict[str, nn.Module] = dict(inner.named_modules())
    if not name or name not in layers:
        raise TrainingError(
            f"{type(inner).__name__} has no layer {name!r}; expected one of "
            f"{', '.join(sorted(filter(None, layers)))}"
        )
    return layers[name]
