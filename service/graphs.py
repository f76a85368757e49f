"""The ONNX graphs beside the weights, for who runs a network elsewhere: a browser, mostly.

Never reads a graph but to hand it out, and hands out none of other weights.
"""

from contextlib import suppress

from service.errors import MissingGraphError
from service.models import Model, ModelStore


def read_graph(store: ModelStore, model: Model) -> bytes:
    """Return the ONNX file of the model, as the trainer exported it.

    Raises `MissingGraphError` if none lies beside its weights, or only one of other weights: its
    metadata name those it was made from.
    """
    for path, source in store.sources.items():
        if source.model is not None and source.model.sha256 == model.sha256:
            with suppress(FileNotFoundError):
                graph = path.with_suffix(".onnx").read_bytes()
                if model.sha256.encode() in graph:
                    return graph
    raise MissingGraphError(
        f"no ONNX graph of {model.name} lies beside its weights: ask for a student, or export it"
    )
