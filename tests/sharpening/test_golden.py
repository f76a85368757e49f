"""A golden pair comes back as saved, holds for its own model and for no other."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sharpening.errors import WeightsError
from sharpening.golden import (
    TOLERANCE,
    Golden,
    encode_golden,
    largest_difference,
    load_golden,
    name_golden,
)
from sharpening.networks import Network
from sharpening.runtimes.torch import TorchRuntime

Build = Callable[..., Network]


@pytest.fixture
def golden(photograph: npt.NDArray[np.uint8], random_network: Build) -> Golden:
    blurred = photograph[:48, :64]
    sharpened = TorchRuntime(random_network("student"), "cpu").run(blurred[np.newaxis])[0]
    return Golden(blurred, sharpened.astype(np.uint8), "0123456789abcdef" * 4)


@pytest.fixture
def saved(golden: Golden, tmp_path: Path) -> Path:
    path = tmp_path / "paper-student.golden.npz"
    path.write_bytes(encode_golden(golden))
    return path


def test_pair_lies_beside_its_weights() -> None:
    weights = Path("weights/paper-student.safetensors")
    assert name_golden(weights) == Path("weights/paper-student.golden.npz")


def test_pair_comes_back_as_it_was_saved(golden: Golden, saved: Path) -> None:
    loaded = load_golden(saved)
    np.testing.assert_array_equal(loaded.blurred, golden.blurred)
    np.testing.assert_array_equal(loaded.sharpened, golden.sharpened)
    assert loaded.sha256 == golden.sha256


def test_same_pair_gives_the_same_bytes(golden: Golden, saved: Path) -> None:
    assert encode_golden(load_golden(saved)) == encode_golden(golden) == saved.read_bytes()


def test_pair_holds_for_the_network_that_made_it(golden: Golden, random_network: Build) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    assert largest_difference(golden, runtime) <= TOLERANCE


def test_largest_difference_counts_both_ways(golden: Golden, random_network: Build) -> None:
    runtime = TorchRuntime(random_network("student"), "cpu")
    for level in (0, 255):
        other = golden.sharpened.copy()
        other[47, 63, 2] = level
        expected = abs(level - int(golden.sharpened[47, 63, 2]))
        assert largest_difference(replace(golden, sharpened=other), runtime) == expected


def test_one_broken_weight_shows(golden: Golden, random_network: Build) -> None:
    network = random_network("student")
    parameter = network.get_parameter("body.1.weight")
    parameter.data.view(-1)[int(parameter.abs().argmax())] *= -1
    assert largest_difference(golden, TorchRuntime(network, "cpu")) > TOLERANCE


class TestRefusals:
    """Each message names the file and the remedy."""

    def refused(self, path: Path, what: str) -> None:
        with pytest.raises(WeightsError, match=what) as caught:
            load_golden(path)
        assert str(path) in str(caught.value)
        assert "export" in str(caught.value)

    def test_missing_file(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none.golden.npz", "there is no golden pair")

    def test_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "not a complete golden pair")

    @pytest.mark.parametrize("length", [0, 3, 100, 10_000, -1])
    def test_truncated_file(self, saved: Path, length: int) -> None:
        saved.write_bytes(saved.read_bytes()[:length])
        self.refused(saved, "not a complete golden pair")

    def test_flipped_bit_in_a_picture(self, saved: Path) -> None:
        data = bytearray(saved.read_bytes())
        data[5_000] ^= 1
        saved.write_bytes(data)
        self.refused(saved, "not a complete golden pair.*CRC")

    def test_array_alone(self, saved: Path, golden: Golden) -> None:
        with saved.open("wb") as file:
            np.save(file, golden.blurred)
        self.refused(saved, "not a complete golden pair")

    def test_pickle(self, saved: Path) -> None:
        with saved.open("wb") as file:
            np.savez(file, blurred=np.array([{}]), sharpened=np.zeros(1), sha256=np.array(""))
        self.refused(saved, "not a complete golden pair.*[Oo]bject arrays")

    def test_missing_entry(self, saved: Path, golden: Golden) -> None:
        with saved.open("wb") as file:
            np.savez(file, blurred=golden.blurred, sharpened=golden.sharpened)
        self.refused(saved, "not a complete golden pair.*sha256")

    def test_pictures_of_two_sizes(self, saved: Path, golden: Golden) -> None:
        saved.write_bytes(encode_golden(replace(golden, sharpened=golden.sharpened[1:])))
        self.refused(saved, r"\(48, 64, 3\) uint8 and \(47, 64, 3\) uint8; expected two")

    @pytest.mark.parametrize("shape", [(), (48, 64), (48, 64, 4), (1, 48, 64, 3)])
    def test_arrays_that_are_no_pictures(
        self, saved: Path, golden: Golden, shape: tuple[int, ...]
    ) -> None:
        array = np.zeros(shape, np.uint8)
        saved.write_bytes(encode_golden(replace(golden, blurred=array, sharpened=array)))
        self.refused(saved, "expected two")

    def test_another_dtype(self, saved: Path, golden: Golden) -> None:
        wide = golden.sharpened.astype(np.uint16)
        saved.write_bytes(encode_golden(replace(golden, blurred=wide, sharpened=wide)))  # type: ignore[arg-type]
        self.refused(saved, "uint16; expected two")

    def test_no_digest(self, saved: Path, golden: Golden) -> None:
        saved.write_bytes(encode_golden(replace(golden, sha256="latest")))
        self.refused(saved, "'latest'; expected a SHA-256")
