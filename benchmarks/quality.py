"""The table of `weights/README.md`: our models beside what they have to beat.

    python -m benchmarks.quality weights/paper-*.safetensors --data TEST --luminous FILE

Baselines were tuned and fitted on training photographs, never on the pictures of the table.
"""

import argparse
from pathlib import Path

from benchmarks.baselines import UnsharpMask, load_linear_restorer, load_unsharp_mask
from sharpening.degradation import PROFILES
from sharpening.engine import Engine
from sharpening.ensemble import SelfEnsemble
from sharpening.evaluation import Sharpener
from sharpening.files import write_atomically
from sharpening.networks import LuminousStudent
from sharpening.runtimes import choose_runtime
from sharpening.runtimes.torch import TorchRuntime, restore_tensors
from sharpening.weights import load_tensors, load_weights
from trainer.judging.report import REPORT, find_sets, format_table, judge


def main() -> None:
    """Print the table."""
    options = _parse()
    degradation = PROFILES["paper"]
    sharpeners = _baselines()
    if options.luminous is not None:
        network = restore_tensors(LuminousStudent(), load_tensors(options.luminous))
        sharpeners["`luminous-student`, published weights"] = Engine(TorchRuntime(network))
    models = [load_weights(path) for path in options.weights]
    for weights in sorted(models, key=lambda weights: weights.card.role):
        if weights.card.degradation != degradation:
            raise SystemExit(f"{weights.name} undoes another degradation than the paper's")
        label = f"our {weights.card.role}, {weights.card.contract.parameters:,} parameters"
        sharpeners[f"{label} (`{weights.name}`)"] = engine = Engine(choose_runtime(weights))
        if options.self_ensemble and weights.card.role == "teacher":
            sharpeners[f"the same, self-ensemble of 8 (`{weights.name}`)"] = SelfEnsemble(engine)
    report = judge(find_sets(options.data), degradation, sharpeners)
    if options.json is not None:
        write_atomically(options.json, REPORT.dump_json(report, indent=2))
    print(format_table(report))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("weights", type=Path, nargs="*", help="our weights files")
    parser.add_argument("--data", type=Path, required=True, help="sharp test pictures, in sets")
    parser.add_argument("--luminous", type=Path, help="published weights of luminous-student")
    parser.add_argument(
        "--self-ensemble", action="store_true", help="a row for the teacher's eight positions, too"
    )
    parser.add_argument("--json", type=Path, help="write every figure there as well")
    return parser.parse_args()


def _baselines() -> dict[str, Sharpener]:
    tuned = load_unsharp_mask("paper")
    return {
        "Pillow UnsharpMask(3, 150, 0)": UnsharpMask(3, 150),
        f"Pillow UnsharpMask({tuned.radius_px:g}, {tuned.percent}, 0), tuned": tuned,
        "least-squares linear restorer, 4 filters of 21x21": load_linear_restorer(),
    }


if __name__ == "__main__":
    main()
