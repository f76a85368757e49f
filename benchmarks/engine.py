"""How fast the models are, side by side in one run, and what that is worth: `make bench`.

    python -m benchmarks.engine --data TEST --output build/bench

Prints tables and writes them as JSON and as a plot. Every contestant of a table runs in turn, a few
times in a row, round after round, on the same pictures; figures are medians. Other work on the
machine shows: compare within a run only. Without `--data`, quality is that on the example
photograph.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from benchmarks.baselines import load_linear_restorer, load_unsharp_mask
from benchmarks.rivals import OpenCvUnsharpMask, tune_deconvolutions
from benchmarks.scaling import fill_frame, measure_in_new_process, read_example, time_ms
from benchmarks.server import REPOSITORY
from sharpening.degradation import PROFILES, Degradation
from sharpening.engine import Engine
from sharpening.evaluation import summarise
from sharpening.metrics import psnr
from sharpening.networks import LuminousStudent, Network, count_macs_per_px
from sharpening.runtimes import ComputePrecision, Threads, choose_runtime, multiplies_bfloat16
from sharpening.runtimes.base import Batch
from sharpening.runtimes.torch import TorchRuntime, restore_network, restore_tensors
from sharpening.weights import Weights, load_tensors, load_weights
from trainer.export.graph import INPUT, build_graph

Pixels = npt.NDArray[np.uint8]
Sharpen = Callable[[Pixels], Pixels]

STUDENT = "paper-student.safetensors"
FRAMES = {"720p": (720, 1280), "1080p": (1080, 1920)}
_IN_A_ROW = 6


@dataclass(frozen=True)
class Row:
    """One contestant: median milliseconds by frame, or dB gained and milliseconds."""

    name: str
    milliseconds: dict[str, float]
    gained_db: float | None = None


def main() -> None:
    """Print the tables and write them."""
    options = _parse()
    torch.set_num_threads(options.threads)
    student = load_weights(options.weights / STUDENT)
    teacher = load_weights(options.weights / "paper-teacher.safetensors")
    engines = _build_engines(student, teacher, options)
    report: dict[str, Any] = {"threads": options.threads, "student": student.name}

    speeds = _race({name: each.sharpen for name, each in engines.items()}, options)
    report["speed"] = [asdict(row) for row in speeds]
    print(_format_speed(speeds, student))

    report["scaling"] = measure_in_new_process(options.weights / STUDENT, options.threads)
    print("\nStudent, OpenVINO, by size:\n\n" + _format_scaling(report["scaling"]))

    pairs = _load_pairs(options.data, PROFILES["paper"], options.pictures)
    rivals = {**_build_rivals(), **{name: each.sharpen for name, each in engines.items()}}
    quality = _judge(rivals, pairs, options)
    report["quality"] = [asdict(row) for row in quality]
    print("\n" + _format_quality(quality, len(pairs)))

    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "engine.json").write_text(json.dumps(report, indent=2) + "\n")
    draw_plot(quality, options.output / "engine.png", threads=options.threads)


def _build_engines(
    student: Weights, teacher: Weights, options: argparse.Namespace
) -> dict[str, Engine]:
    threads = Threads(each=options.threads)
    build = partial(choose_runtime, name="openvino", device="cpu", threads=threads)
    engines: dict[str, Engine] = {}
    if multiplies_bfloat16():
        engines["student, OpenVINO, bfloat16"] = Engine(build(student, precision="bfloat16"))
    engines["student, OpenVINO, float32"] = Engine(build(student))
    engines["student, ONNX Runtime, exported graph"] = Engine(
        ExportedGraph(student, options.threads)
    )
    network = restore_network(student)
    engines["student, PyTorch, channels last"] = Engine(TorchRuntime(network, "cpu"))
    engines["student, PyTorch, NCHW, eager"] = Engine(PlainRuntime(restore_network(student)))
    if multiplies_bfloat16():
        engines["teacher, OpenVINO, bfloat16"] = Engine(build(teacher, precision="bfloat16"))
    engines["teacher, OpenVINO, float32"] = Engine(build(teacher))
    reference = LuminousStudent()
    if options.luminous is not None:
        reference = restore_tensors(reference, load_tensors(options.luminous))  # type: ignore[assignment]
    engines["`luminous-student`, PyTorch"] = Engine(PlainRuntime(reference))
    return engines


class ExportedGraph:
    """ONNX Runtime on what `trainer export` writes for every runtime."""

    name, device, tile_px = "onnxruntime", "cpu", 2048
    precision: ComputePrecision = "float32"

    def __init__(self, weights: Weights, threads: int) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        graph = build_graph(weights)
        self._session = onnxruntime.InferenceSession(graph, settings, ["CPUExecutionProvider"])
        self.receptive_field_px = weights.card.contract.receptive_field_px
        self.multiple_of = weights.card.contract.multiple_of

    def run(self, batch: Batch) -> Batch:
        answer: Batch = self._session.run(None, {INPUT: np.ascontiguousarray(batch)})[0]
        return answer

    def free_memory(self) -> None: ...


class PlainRuntime:
    """PyTorch as one writes it down: NCHW, eager, no thought of memory."""

    name, device, tile_px = "plain", "cpu", 2048
    precision: ComputePrecision = "float32"

    def __init__(self, network: Network) -> None:
        self._network = network.eval()
        self.receptive_field_px = network.receptive_field_px
        self.multiple_of = network.multiple_of

    @torch.inference_mode()
    def run(self, batch: Batch) -> Batch:
        scaled = torch.from_numpy(np.array(batch)).permute(0, 3, 1, 2).contiguous().float() / 255
        levels = (self._network(scaled) * 255).round().clamp(0, 255).to(torch.uint8)
        answer: Batch = levels.permute(0, 2, 3, 1).contiguous().numpy()
        return answer

    def free_memory(self) -> None: ...


def _build_rivals() -> dict[str, Sharpen]:
    mask = load_unsharp_mask("paper")
    lucy, wiener = tune_deconvolutions(read_example(), PROFILES["paper"])
    return {
        "Pillow UnsharpMask, tuned": mask.sharpen,
        "OpenCV unsharp mask, the same numbers": OpenCvUnsharpMask(
            mask.radius_px, mask.percent / 100
        ).sharpen,
        f"Richardson-Lucy, {lucy.iterations} rounds": lucy.sharpen,
        f"Wiener, balance {wiener.balance:g}": wiener.sharpen,
        "linear restorer, 21x21": load_linear_restorer().sharpen,
    }


def _race(contestants: Mapping[str, Sharpen], options: argparse.Namespace) -> list[Row]:
    times: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    for frame, (height, width) in FRAMES.items():
        picture = fill_frame(height, width)
        for _ in range(2):  # the second time OpenVINO compiles a graph for the size
            for sharpen in contestants.values():
                sharpen(picture)
        for _ in range(options.rounds):
            for name, sharpen in contestants.items():
                sharpen(picture)  # threads of the one before may still spin
                measured = times[name].setdefault(frame, [])
                slow = name.startswith(("`luminous", "teacher"))
                measured += [time_ms(sharpen, picture) for _ in range(1 if slow else _IN_A_ROW)]
    return [
        Row(name, {frame: statistics.median(each) for frame, each in measured.items()})
        for name, measured in times.items()
    ]


def _judge(
    contestants: Mapping[str, Sharpen],
    pairs: Sequence[tuple[Pixels, Pixels]],
    options: argparse.Namespace,
) -> list[Row]:
    """Return for each the mean dB gained, and milliseconds for a frame of 720p."""
    frame = fill_frame(*FRAMES["720p"])
    rows = []
    for name, sharpen in contestants.items():
        gains = [psnr(sharp, sharpen(blurred)) - psnr(sharp, blurred) for sharp, blurred in pairs]
        for _ in range(2):
            sharpen(frame)
        taken = statistics.median(time_ms(sharpen, frame) for _ in range(options.slow_rounds))
        rows.append(Row(name, {"720p": taken}, summarise(gains).mean))
    return rows


def draw_plot(rows: Sequence[Row], path: Path, *, threads: int) -> None:
    """Draw dB gained against milliseconds for a 720p frame."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    for row in rows:
        own = row.name.startswith(("student, OpenVINO", "teacher, OpenVINO"))
        taken, gained = row.milliseconds["720p"], row.gained_db or 0.0
        axes.plot(taken, gained, "o", color="#b3261e" if own else "#5f6b7a")
        axes.annotate(
            row.name,
            (taken, gained),
            xytext=(4, 5),
            textcoords="offset points",
            fontsize=7,
            rotation=32,
            rotation_mode="anchor",
        )
    axes.set_xlim(right=axes.get_xlim()[1] * 3)
    axes.set_ylim(top=axes.get_ylim()[1] + 1)
    axes.axvline(1000 / 30, color="#9aa5b1", linewidth=0.8, linestyle="--")
    axes.text(1000 / 30, axes.get_ylim()[0], " 30 frames/s", fontsize=7, color="#5f6b7a")
    axes.set_xlabel(f"ms for a frame of 1280x720, {threads} threads")
    axes.set_ylabel("dB gained (PSNR, the paper's blur)")
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _format_speed(rows: Sequence[Row], student: Weights) -> str:
    by_name = {row.name: row.milliseconds for row in rows}
    plain, luminous = (
        by_name["student, PyTorch, NCHW, eager"],
        by_name["`luminous-student`, PyTorch"],
    )
    gigaflops = 2 * count_macs_per_px(restore_network(student)) / 1e9
    lines = [
        "| | 720p, ms | frames/s | 1080p, ms | of plain PyTorch | of `luminous-student` |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        taken = row.milliseconds
        lines.append(
            f"| {row.name} | {taken['720p']:.1f} | {1e3 / taken['720p']:.1f} "
            f"| {taken['1080p']:.1f} | {plain['720p'] / taken['720p']:.1f}x "
            f"| {luminous['720p'] / taken['720p']:.1f}x |"
        )
    pixels = FRAMES["720p"][0] * FRAMES["720p"][1]
    lines.append(f"\nThe student does {gigaflops * pixels:.1f} GFLOP for a frame of 720p.")
    return "\n".join(lines)


def _format_scaling(rows: Sequence[Mapping[str, float]]) -> str:
    lines = ["| megapixels | ms | ms a megapixel | most MiB of the process beside both pictures |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {row['megapixels']:.2f} | {row['ms']:.1f} | {row['ms_per_megapixel']:.1f} "
        f"| {row['mib']:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def _format_quality(rows: Sequence[Row], pictures: int) -> str:
    lines = [f"| the paper's blur, {pictures} pictures | dB gained | 720p, ms |", "|---|---|---|"]
    lines += [
        f"| {row.name} | {row.gained_db:+.2f} | {row.milliseconds['720p']:.1f} |" for row in rows
    ]
    return "\n".join(lines)


def _load_pairs(
    folder: Path | None, degradation: Degradation, limit: int
) -> list[tuple[Pixels, Pixels]]:
    if folder is None:
        sharp = read_example()
        return [(sharp, degradation.apply(sharp))]
    pairs = []
    for path in sorted(folder.rglob("*.png"))[:limit]:
        with PillowImage.open(path) as picture:
            sharp = np.asarray(picture.convert("RGB"))
        pairs.append((sharp, degradation.apply(sharp)))
    return pairs


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--weights", type=Path, default=REPOSITORY / "weights")
    parser.add_argument("--data", type=Path, help="a folder of sharp PNG pictures")
    parser.add_argument("--pictures", type=int, default=24, help="of them, so many")
    parser.add_argument("--luminous", type=Path, help="published weights of luminous-student")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--slow-rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "build" / "bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
