"""PyTorch turns integers into integers by way of the network, and refuses what is not there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from sharpening.errors import DeviceError, WeightsError
from sharpening.networks import Network, build_network
from sharpening.runtimes.torch import (
    TorchRuntime,
    choose_device,
    describe_contract,
    restore_tensors,
)

Build = Callable[..., Network]


def make_batch(dtype: Any) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(0)
    return generator.integers(0, np.iinfo(dtype).max + 1, (2, 24, 32, 3), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_batch_is_scaled_run_rounded_and_clamped(dtype: Any, random_network: Build) -> None:
    network = random_network("student")
    batch = make_batch(dtype)
    largest = np.iinfo(dtype).max
    with torch.inference_mode():
        scaled = torch.from_numpy(batch.astype(np.float64) / largest).permute(0, 3, 1, 2)
        sharpened = network.double()(scaled).permute(0, 2, 3, 1).numpy() * largest
    assert sharpened.min() < 0  # else the clamp would not be tested
    assert sharpened.max() > largest
    result = TorchRuntime(network.float(), "cpu").run(batch)
    assert result.dtype == dtype
    assert np.abs(result - np.clip(sharpened, 0, largest)).max() < (0.51 if largest < 256 else 0.6)


def test_low_precision_runs_the_same_network_less_exactly(random_network: Build) -> None:
    network, batch = random_network("student"), make_batch(np.uint8)
    exact = TorchRuntime(network, "cpu").run(batch).astype(int)
    rough = TorchRuntime(network, "cpu", low_precision=True).run(batch).astype(int)
    assert 0 < np.abs(rough - exact).mean() < 1
    deep = make_batch(np.uint16)
    np.testing.assert_array_equal(
        TorchRuntime(network, "cpu", low_precision=True).run(deep),
        TorchRuntime(network, "cpu").run(deep),
    )


def test_batch_of_two_equals_its_pictures_one_by_one(random_network: Build) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    batch = make_batch(np.uint8)
    for index, result in enumerate(runtime.run(batch)):
        alone = runtime.run(batch[index : index + 1])[0]
        assert np.abs(result.astype(int) - alone).max() <= 1


def test_batch_is_left_as_it_was_and_no_gradient_is_kept(random_network: Build) -> None:
    batch = make_batch(np.uint8)
    before = batch.copy()
    result = TorchRuntime(random_network("student"), "cpu").run(batch)
    np.testing.assert_array_equal(batch, before)
    assert not np.shares_memory(result, batch)


def test_batch_that_cannot_be_written_to_gives_the_same(random_network: Build) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    batch = make_batch(np.uint8)
    expected = runtime.run(batch)
    batch.flags.writeable = False
    np.testing.assert_array_equal(runtime.run(batch), expected)


def test_runtime_declares_what_its_network_does(random_network: Build) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    assert (runtime.name, runtime.device) == ("torch", "cpu")
    assert (runtime.receptive_field_px, runtime.multiple_of) == (17, 2)
    assert runtime.precision == "float32"


def test_a_run_has_so_many_threads_and_other_threads_keep_theirs(random_network: Build) -> None:
    def measure(threads: int) -> int:
        TorchRuntime(random_network("student"), "cpu", threads=threads).run(make_batch(np.uint8))
        return torch.get_num_threads()

    here = torch.get_num_threads()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(measure, 3).result() == 3
    assert torch.get_num_threads() == here


def test_contract_says_what_the_network_is() -> None:
    contract = describe_contract(build_network("student", {}))
    assert (contract.parameters, contract.receptive_field_px, contract.multiple_of) == (
        12_764,
        17,
        2,
    )


def test_tensors_of_another_network_are_refused(random_network: Build) -> None:
    state = random_network("student").state_dict()
    tensors = {name: tensor.numpy() for name, tensor in state.items()}
    with pytest.raises(WeightsError, match="do not fit the architecture 'luminous-student'"):
        restore_tensors(build_network("luminous-student", {}), tensors)


class TestDevice:
    def test_auto_is_cuda_where_there_is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for there, expected in ((True, "cuda"), (False, "cpu")):
            monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
            assert choose_device("auto").type == expected

    def test_cuda_device_that_is_not_there_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        assert choose_device("cuda").type == choose_device("cuda:0").type == "cuda"
        with pytest.raises(DeviceError, match=r"'cuda:1' is not there.*sees 1 CUDA devices"):
            choose_device("cuda:1")

    @pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:-1", "mps", "meta"])
    def test_other_names_are_refused_with_those_that_are_taken(self, name: str) -> None:
        with pytest.raises(DeviceError, match=r"expected auto, cpu or cuda\[:N\]"):
            choose_device(name)
