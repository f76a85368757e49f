"""The runtime: graphs compiled when a size is met, and requests to them.

Never knows what network it runs.
"""

from collections import OrderedDict
from functools import cache
from math import prod
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino

from sharpening.runtimes.base import ONE_RUN, Batch, ComputePrecision, Threads
from sharpening.runtimes.openvino.graph import view_folded, write_graph
from sharpening.runtimes.openvino.networks import plan_network
from sharpening.weights import Weights

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_MOST_NUMBERS = 3 * 4_200_000
"""Of all pictures whose sizes have graphs of their own: two frames of Full HD, or a tile of the
largest; with them goes the memory, some 36 bytes a pixel of a student in float32."""

_MOST_MET = 64

_KERNELS = 32
"""Kept by a graph of any size for those met last; OpenVINO's thousands take a megabyte for each
few."""

_Size = tuple[str, tuple[int, ...]]


class OpenVinoRuntime:
    """Runs one of our networks on the CPU."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        weights: Weights,
        *,
        precision: ComputePrecision = "float32",
        threads: Threads = ONE_RUN,
    ) -> None:
        """`bfloat16` is quick where the processor multiplies matrices in it, and inexact.

        What it costs is printed by `python -m benchmarks.engine`. Pictures of 16 bits are always
        run in float32. Raises `WeightsError` for another architecture, or tensors that do not fit.
        """
        self._plan = plan_network(weights)
        self._precision = precision
        self._threads = threads
        self._lock, self._any_size_lock = Lock(), Lock()
        self._of_any_size: dict[str, _Compiled] = {}
        self._of_one_size: OrderedDict[_Size, _Compiled] = OrderedDict()
        self._met: dict[_Size, None] = {}
        self._begun: set[_Size] = set()

    @property
    def precision(self) -> ComputePrecision:
        return self._precision

    @property
    def receptive_field_px(self) -> int:
        return self._plan.receptive_field_px

    @property
    def multiple_of(self) -> int:
        return self._plan.multiple_of

    @property
    def tile_px(self) -> int:
        return self._plan.tile_px

    def run(self, batch: Batch) -> Batch:
        # OpenVINO wants memory it may write to, though it only reads it
        plain = np.require(batch, requirements=["C", "W"])
        blurred = view_folded(plain, self._plan.fold)
        sharpened = np.empty_like(blurred)
        self._find(blurred.dtype, blurred.shape).run(blurred, sharpened)
        return sharpened.reshape(batch.shape)

    def free_memory(self) -> None:
        with self._lock:
            self._of_one_size.clear()
        with self._any_size_lock:
            self._of_any_size.clear()

    def _find(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> "_Compiled":
        """Return a graph for the shape: its own from the second time on that it is met.

        One that takes any size is slower, but compiling one costs more than it gains once.
        """
        size = (dtype.str, shape)
        with self._lock:
            if size in self._of_one_size:
                self._of_one_size.move_to_end(size)
                return self._of_one_size[size]
            begins = self._is_worth_its_own(size) and size not in self._begun
            self._begun.update({size} if begins else ())
            self._meet(size)
        if not begins:
            return self._find_for_any(dtype)
        try:
            compiled = self._compile(dtype, shape)  # while others use the graph of any size
        finally:
            with self._lock:
                self._begun.discard(size)
        with self._lock:
            self._of_one_size[size] = compiled
            self._forget_oldest()
        return compiled

    def _is_worth_its_own(self, size: _Size) -> bool:
        quicker = self._plan.is_quicker_in_own_size and prod(size[1]) <= _MOST_NUMBERS
        return quicker and size in self._met

    def _meet(self, size: _Size) -> None:
        self._met[size] = None
        if len(self._met) > _MOST_MET:
            del self._met[next(iter(self._met))]

    def _find_for_any(self, dtype: np.dtype[Any]) -> "_Compiled":
        with self._any_size_lock:
            if dtype.str not in self._of_any_size:
                self._of_any_size[dtype.str] = self._compile(dtype)
            return self._of_any_size[dtype.str]

    def _forget_oldest(self) -> None:
        """Keep the sizes met last, as far as the memory of their graphs allows."""
        while sum(prod(shape) for _, shape in self._of_one_size) > _MOST_NUMBERS:
            self._of_one_size.popitem(last=False)

    def _compile(self, dtype: np.dtype[Any], shape: tuple[int, ...] | None = None) -> "_Compiled":
        precision = self._precision if dtype == np.uint8 else "float32"
        return _Compiled(write_graph(self._plan, dtype, shape), precision, self._threads)


class _Compiled:
    """A compiled graph, and requests to it: one for each thread that asks at the same time."""

    def __init__(
        self, model: openvino.Model, precision: ComputePrecision, threads: Threads
    ) -> None:
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": threads.runs,
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "CPU_RUNTIME_CACHE_CAPACITY": _KERNELS,
            "ENABLE_CPU_PINNING": False,  # whoever decodes and encodes wants the cores too
        }
        if threads.each:
            settings["INFERENCE_NUM_THREADS"] = threads.runs * threads.each
        self._model = _get_core().compile_model(model, "CPU", settings)
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()

    def run(self, source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
        """Fill `target`, without a copy on either side."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        request.set_input_tensor(openvino.Tensor(source, shared_memory=True))
        request.set_output_tensor(openvino.Tensor(target, shared_memory=True))
        request.infer()
        self._idle.put(request)


@cache
def _get_core() -> openvino.Core:
    """Return the process's only core: with its last one goes the signal stack it registered."""
    return openvino.Core()
