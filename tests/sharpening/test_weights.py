"""A weights file comes back as it was saved, and every kind of mismatch is refused by name."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from sharpening.degradation import CallDegradation, Damage
from sharpening.errors import WeightsError
from sharpening.networks import Network, build_network
from sharpening.runtimes.torch import restore_network, restore_tensors
from sharpening.weights import (
    Card,
    Weights,
    convert_tensors,
    encode_weights,
    load_tensors,
    load_weights,
    save_weights,
)

REMEDY = r"export (it|the weights) again|copy or|check the path|python -m trainer|use weights"


@pytest.fixture
def saved(
    tmp_path: Path, random_network: Callable[..., Network], make_card: Callable[[Network], Card]
) -> Path:
    network = random_network("student")
    path = tmp_path / "student.safetensors"
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    save_weights(path, tensors, make_card(network))
    return path


def read_parts(path: Path) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Return tensors and metadata by reading the format itself, not the code under test."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return safetensors.numpy.load(data), header["__metadata__"]


def rewrite(
    path: Path,
    *,
    tensors: dict[str, np.ndarray[Any, Any]] | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    old_tensors, old_metadata = read_parts(path)
    parts = old_tensors if tensors is None else tensors
    path.write_bytes(safetensors.numpy.save(parts, old_metadata if metadata is None else metadata))


def change_entry(path: Path, entry: str, **changes: Any) -> None:
    _, metadata = read_parts(path)
    rewrite(path, metadata={**metadata, entry: json.dumps(json.loads(metadata[entry]) | changes)})


def test_card_and_tensors_come_back_as_saved(
    tmp_path: Path, random_network: Callable[..., Network], make_card: Callable[[Network], Card]
) -> None:
    network = random_network("student")
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    card = make_card(network).model_copy(update={"teacher": "a" * 64})
    sha256 = save_weights(tmp_path / "new" / "weights.safetensors", tensors, card)
    weights = load_weights(tmp_path / "new" / "weights.safetensors")
    assert weights.card == card
    assert weights.sha256 == sha256
    assert weights.name == f"student@{sha256[:12]}"
    assert set(weights.tensors) == set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(weights.tensors[name], tensor)
        assert weights.tensors[name].dtype == np.float32


def test_every_entry_of_a_random_degradation_comes_back(saved: Path) -> None:
    weights = load_weights(saved)
    call = CallDegradation(untouched_share=0.3, typical=Damage(factor=2))
    card = weights.card.model_copy(update={"profile": "call", "degradation": call})
    save_weights(saved, weights.tensors, card)
    assert load_weights(saved).card.degradation == call


def test_tensors_in_another_memory_order_are_saved_right(
    tmp_path: Path, random_network: Callable[..., Network], make_card: Callable[[Network], Card]
) -> None:
    tensor = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"layer": tensor}, make_card(random_network("student")))
    np.testing.assert_array_equal(load_weights(path).tensors["layer"], tensor)


def test_restored_network_has_the_saved_parameters(
    saved: Path, random_network: Callable[..., Network]
) -> None:
    restored = restore_network(load_weights(saved)).state_dict()
    for name, tensor in random_network("student").state_dict().items():
        assert restored[name].equal(tensor)


def test_same_content_gives_the_same_bytes(saved: Path) -> None:
    weights = load_weights(saved)
    assert save_weights(saved, weights.tensors, weights.card) == weights.sha256


class TestHalfPrecision:
    """Tensors of float16 take half the room and are run in float32."""

    @pytest.fixture
    def halved(self, saved: Path) -> Weights:
        """The saved weights, stored as float16 beside them."""
        weights = load_weights(saved)
        card = weights.card.model_copy(update={"precision": "float16"})
        path = saved.with_name("half.safetensors")
        save_weights(path, convert_tensors(weights.tensors, "float16"), card)
        return load_weights(path)

    def test_file_is_half_as_large_and_says_so(self, saved: Path, halved: Weights) -> None:
        path = saved.with_name("half.safetensors")
        spared = saved.stat().st_size - path.stat().st_size
        assert spared == pytest.approx(2 * halved.card.contract.parameters, abs=100)
        assert read_parts(path)[1]["precision"] == "float16"
        assert halved.card.precision == "float16"

    def test_network_has_the_nearest_numbers_in_float32(self, saved: Path, halved: Weights) -> None:
        exact = load_weights(saved).tensors
        for name, tensor in restore_network(halved).state_dict().items():
            assert tensor.numpy().dtype == np.float32
            np.testing.assert_array_equal(tensor, exact[name].astype(np.float16))

    def test_file_of_float32_does_not_mention_it(self, saved: Path) -> None:
        assert "precision" not in read_parts(saved)[1]
        assert load_weights(saved).card.precision == "float32"

    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_another_precision_than_the_declared_one_is_refused(
        self, halved: Weights, tmp_path: Path, precision: str
    ) -> None:
        path = tmp_path / "half.safetensors"
        rewrite(path, metadata={**read_parts(path)[1], "precision": precision})
        with pytest.raises(WeightsError, match=r"expected finite float32|precision"):
            restore_network(load_weights(path))

    def test_float16_that_is_not_declared_is_refused(self, saved: Path) -> None:
        rewrite(saved, tensors=dict(convert_tensors(load_weights(saved).tensors, "float16")))
        with pytest.raises(WeightsError, match=r"float16 or not finite; expected finite float32"):
            restore_network(load_weights(saved))

    def test_both_kinds_in_one_file_are_refused(self, halved: Weights, saved: Path) -> None:
        mixed = {**halved.tensors, "head.bias": halved.tensors["head.bias"].astype(np.float32)}
        for precision in ("float16", "float32"):
            card = halved.card.model_copy(update={"precision": precision})
            saved.write_bytes(encode_weights(mixed, card))
            with pytest.raises(WeightsError, match=f"expected finite {precision}"):
                restore_network(load_weights(saved))
        with pytest.raises(WeightsError, match="expected finite float32"):
            restore_tensors(build_network("student", {}), mixed)

    def test_number_too_large_for_float16_is_named(self) -> None:
        with pytest.raises(WeightsError, match=r"'layer' holds 70000\.0; float16 .*65504"):
            convert_tensors({"layer": np.array([1, 7e4], np.float32)}, "float16")


def test_digest_changes_with_a_byte(saved: Path) -> None:
    before = load_weights(saved)
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)
    after = load_weights(saved)
    assert after.sha256 != before.sha256
    assert after.name != before.name


def test_file_replaced_while_it_is_read_is_not_mixed(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = saved.read_bytes()
    other = data.replace(b"CC0-1.0", b"CC0-9.9")
    assert other != data

    def read_then_replace(path: Path) -> bytes:
        path.write_bytes(other)
        return data

    monkeypatch.setattr(Path, "read_bytes", read_then_replace)
    assert load_weights(saved).card.licence == "CC0-1.0"


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path, saved: Path) -> None:
    weights = load_weights(saved)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match=r"cannot write.*file"):
        save_weights(tmp_path / "file" / "weights.safetensors", weights.tensors, weights.card)


class TestRefusals:
    """Each message names the file, what is wrong with which value, and the remedy."""

    def refused(self, path: Path, what: str) -> None:
        with pytest.raises(WeightsError, match=what) as caught:
            load_weights(path)
        assert str(path) in str(caught.value)
        assert re.search(REMEDY, str(caught.value))

    def test_missing_file(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none.safetensors", "cannot read .*No such file")

    def test_folder_instead_of_a_file(self, tmp_path: Path) -> None:
        self.refused(tmp_path, "cannot read .*directory")

    @pytest.mark.parametrize("length", [0, 4, 8, 200, 3000, -1])
    def test_truncated_file(self, saved: Path, length: int) -> None:
        saved.write_bytes(saved.read_bytes()[:length])
        self.refused(saved, "not a complete safetensors file")

    def test_other_bytes(self, saved: Path) -> None:
        saved.write_bytes(np.random.default_rng(0).bytes(4000))
        self.refused(saved, "not a complete safetensors file")

    def test_no_metadata_at_all(self, saved: Path) -> None:
        saved.write_bytes(safetensors.numpy.save(read_parts(saved)[0]))
        self.refused(saved, "has format None; expected 'sharpening-weights/1'")

    def test_another_format(self, saved: Path) -> None:
        rewrite(saved, metadata={**read_parts(saved)[1], "format": "sharpening-weights/9"})
        self.refused(saved, "'sharpening-weights/9'; expected 'sharpening-weights/1'")

    @pytest.mark.parametrize("entry", sorted(set(Card.model_fields) - {"format", "precision"}))
    def test_missing_entry(self, saved: Path, entry: str) -> None:
        _, metadata = read_parts(saved)
        del metadata[entry]
        rewrite(saved, metadata=metadata)
        self.refused(saved, f"lacks the metadata \\['{entry}'\\]")

    def test_unknown_entry(self, saved: Path) -> None:
        rewrite(saved, metadata={**read_parts(saved)[1], "colour": '"blue"'})
        self.refused(saved, "colour")

    @pytest.mark.parametrize("entry", ["config", "contract", "degradation", "training", "metrics"])
    @pytest.mark.parametrize("value", ["{", "", "[]", "null", "7"])
    def test_entry_that_is_no_json_object(self, saved: Path, entry: str, value: str) -> None:
        rewrite(saved, metadata={**read_parts(saved)[1], entry: value})
        self.refused(saved, "metadata that does not fit")

    @pytest.mark.parametrize(
        ("entry", "value"),
        [
            ("role", "pupil"),
            ("created", "yesterday"),
            ("licence", ""),
            ("teacher", "the one before"),
            ("profile", "call"),
        ],
    )
    def test_plain_entry_that_does_not_fit(self, saved: Path, entry: str, value: str) -> None:
        rewrite(saved, metadata={**read_parts(saved)[1], entry: value})
        self.refused(saved, entry)

    @pytest.mark.parametrize(
        ("entry", "changes"),
        [
            ("contract", {"parameters": 0}),
            ("contract", {"layout": "BGR"}),
            ("contract", {"extra": 1}),
            ("degradation", {"sigma": 1}),
            ("degradation", {"factor": 4}),
            ("training", {"seed": "lucky"}),
            ("training", {"unknown": 1}),
        ],
    )
    def test_value_inside_an_entry(self, saved: Path, entry: str, changes: dict[str, Any]) -> None:
        change_entry(saved, entry, **changes)
        self.refused(saved, entry)


class TestMismatchWithTheNetwork:
    """What only shows once the network is built."""

    def refused(self, path: Path, what: str) -> None:
        weights: Weights = load_weights(path)
        with pytest.raises(WeightsError, match=what) as caught:
            restore_network(weights)
        assert re.search(REMEDY, str(caught.value))

    @pytest.mark.parametrize(
        ("entry", "declared", "actual"),
        [
            ("parameters", 12_765, "parameters=12764"),
            ("receptive_field_px", 12, "receptive_field_px=17"),
            ("multiple_of", 4, "multiple_of=2"),
        ],
    )
    def test_contract_that_the_network_does_not_keep(
        self, saved: Path, entry: str, declared: int, actual: str
    ) -> None:
        change_entry(saved, "contract", **{entry: declared})
        self.refused(saved, f"{entry}={declared}.*{actual}")

    def test_unknown_architecture(self, saved: Path) -> None:
        rewrite(saved, metadata={**read_parts(saved)[1], "architecture": "unet"})
        self.refused(saved, "unknown architecture 'unet'; expected one of")

    def test_tensor_missing(self, saved: Path) -> None:
        tensors, _ = read_parts(saved)
        del tensors["body.2.bias"]
        rewrite(saved, tensors=tensors)
        self.refused(saved, r"Missing key.*body\.2\.bias")

    def test_tensor_too_many(self, saved: Path) -> None:
        tensors, _ = read_parts(saved)
        rewrite(saved, tensors={**tensors, "body.9.bias": np.zeros(16, np.float32)})
        self.refused(saved, r"Unexpected key.*body\.9\.bias")

    def test_tensor_of_another_shape(self, saved: Path) -> None:
        tensors, _ = read_parts(saved)
        rewrite(saved, tensors={**tensors, "head.bias": np.zeros(17, np.float32)})
        self.refused(saved, r"size mismatch for head\.bias")

    @pytest.mark.parametrize("bias", [np.full(16, np.nan, np.float32), np.zeros(16, np.float64)])
    def test_tensor_of_numbers_that_cannot_be_run(
        self, saved: Path, bias: np.ndarray[Any, Any]
    ) -> None:
        tensors, _ = read_parts(saved)
        rewrite(saved, tensors={**tensors, "head.bias": bias})
        self.refused(saved, r"head\.bias.*expected finite float32")

    def test_configuration_that_the_network_does_not_take(self, saved: Path) -> None:
        change_entry(saved, "config", depth=3)
        weights = load_weights(saved)
        with pytest.raises(WeightsError, match=r"'student' does not take.*depth"):
            restore_network(weights)


def test_tensors_of_others_are_read_without_a_card(tmp_path: Path) -> None:
    path = tmp_path / "others.safetensors"
    path.write_bytes(safetensors.numpy.save({"layer": np.ones(3, np.float32)}))
    np.testing.assert_array_equal(load_tensors(path)["layer"], np.ones(3))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="not a complete safetensors file"):
        load_tensors(path)


def test_weights_are_read_without_pytorch() -> None:
    program = "import sys, sharpening.weights; raise SystemExit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
