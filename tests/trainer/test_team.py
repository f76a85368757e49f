"""Two processes with half a batch each come to what one process comes to with all of it."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sharpening.errors import TrainingError
from sharpening.weights import load_weights
from trainer.team import Team

MEETS_S = 120

RECIPE = """
seed = 3
[data]
validation_pictures = 1
validation_crop_px = 32
[teacher.network]
architecture = "teacher"
[teacher.schedule]
steps = 1
[student.network]
architecture = "student"
config = { channels = 8, dilations = [1] }
[student.schedule]
STEPS
batch_size = 4
patch_px = 32
phases = [{ until = 0.5, batch_size = 2, patch_px = 16 }]
learning_rate = 1e-3
warmup_steps = 2
validate_every_steps = 10
log_every_steps = 1
"""


def command(photographs: Path, folder: Path, processes: int, budget: str) -> list[str]:
    (folder / "recipe.toml").write_text(RECIPE.replace("STEPS", budget))
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    return [
        *start, "trainer", "distill", "--without-teacher", "--preset", str(folder / "recipe.toml"),
        "--data", str(photographs), "--run-folder", str(folder / "run"),
        "--store", str(folder.parent / "store"), "--device", "cpu",
    ]  # fmt: skip


def train(photographs: Path, folder: Path, *, processes: int, budget: str = "steps = 20") -> None:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        command(photographs, folder, processes, budget),
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr


def assert_close(one: Path, other: Path) -> None:
    ours, theirs = (load_weights(each / "run" / "weights.safetensors") for each in (one, other))
    assert ours.card.training.images_seen == theirs.card.training.images_seen
    for name, tensor in ours.tensors.items():
        assert np.abs(tensor - theirs.tensors[name]).max() < 1e-5, name


@pytest.mark.slow
def test_two_processes_come_to_what_one_comes_to(photographs: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    train(photographs, one, processes=1)
    train(photographs, two, processes=2)
    assert_close(one, two)
    lines = (two / "run" / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines if "loss" in json.loads(line)]
    assert steps == list(range(1, 21))  # the first process alone writes
    # taken up again, the run goes on from its checkpoint to the longer budget of all
    train(photographs, one, processes=1, budget="epochs = 10")
    train(photographs, two, processes=2, budget="epochs = 10")
    assert_close(one, two)


@pytest.mark.slow
def test_two_machines_come_to_what_one_process_comes_to(photographs: Path, tmp_path: Path) -> None:
    """As docs/scale.md says, but that both torchruns are on this machine and see one folder."""
    one, two = tmp_path / "one", tmp_path / "two"
    train(photographs, one, processes=1)
    two.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"--rdzv-endpoint=127.0.0.1:{free.getsockname()[1]}"
    words = command(photographs, two, 2, "steps = 20")
    words[3:5] = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", endpoint]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    machines = [subprocess.Popen(words, env=environment) for _ in range(2)]

    assert [machine.wait(timeout=MEETS_S) for machine in machines] == [0, 0]
    assert_close(one, two)


@pytest.mark.slow
def test_a_signal_to_torchrun_leaves_a_checkpoint(photographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run-and-stop"
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command(photographs, folder, 2, "steps = 100000"),
        stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "validation" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode not in (0, 2)
    assert (folder / "run" / "checkpoint.pt").exists()


def test_a_batch_that_cannot_be_shared_equally_is_refused() -> None:
    assert Team(rank=1, size=2).share_batch(6) == 3
    with pytest.raises(TrainingError, match="batch of 5 cannot be shared by 2"):
        Team(rank=1, size=2).share_batch(5)


def test_processes_do_not_share_one_gpu() -> None:
    team = Team(rank=1, size=2, place_on_machine=1)
    with pytest.raises(TrainingError, match="cannot share the device 'cuda:0'"):
        team.choose_device("cuda:0")
    assert team.choose_device("cpu") == "cpu"
    assert Team().choose_device("cuda:0") == "cuda:0"


def test_one_process_agrees_with_itself() -> None:
    team = Team()
    assert team.agree(1.5, 15) == (1.5, 15)
    assert team.tell_all("word") == "word"
    with team.take_turns():
        pass
