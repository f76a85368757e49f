"""A run that is killed at any moment goes on, by the same command, to the very same weights."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sharpening.weights import load_weights
from trainer.runs import RunFolder

RECIPE = """
[data]
validation_pictures = 1
validation_crop_px = 32
[teacher.network]
architecture = "teacher"
[teacher.schedule]
steps = 1
[student.network]
architecture = "student"
config = { channels = 8, dilations = [1, 1] }
[student.schedule]
steps = 400
batch_size = 2
patch_px = 32
optimiser = "muon"
phases = [{ until = 0.5, batch_size = 4, patch_px = 16 }]
validate_every_steps = 100
log_every_steps = 1
checkpoint_every_s = 0.05
"""
DEADLINE_S = 120


def start(
    photographs: Path, folder: Path, *, largest_file_bytes: int | None = None
) -> subprocess.Popen[bytes]:
    (folder / "recipe.toml").write_text(RECIPE)
    command = [
        *(sys.executable, "-m", "trainer", "distill", "--without-teacher", "--device", "cpu"),
        *("--preset", str(folder / "recipe.toml"), "--data", str(photographs)),
        *("--run", str(folder / "run"), "--store", str(folder / "store"), "--workers", "1"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def limit() -> None:
        if largest_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))

    with (folder / "told").open("w") as told:
        return subprocess.Popen(
            command, env=environment, stdout=told, stderr=told, preexec_fn=limit,
            start_new_session=True,
        )  # fmt: skip


def finish(photographs: Path, folder: Path) -> None:
    assert start(photographs, folder).wait() == 0, (folder / "told").read_text()


def stop(photographs: Path, folder: Path, signal_number: int, *, at_step: int) -> int:
    """Start the run and send it the signal once it has come to a step; returns its status.

    SIGKILL goes to the run alone, so that its worker is left behind for a while; any other goes
    to all of its processes, as a terminal, a batch system or a container sends it.
    """
    metrics = folder / "run" / "metrics.jsonl"
    begun_at_s = time.monotonic()
    process = start(photographs, folder)
    while not (metrics.exists() and f'"step": {at_step},' in metrics.read_text()):
        assert process.poll() is None, (folder / "told").read_text()
        assert time.monotonic() - begun_at_s < DEADLINE_S
    if signal_number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, signal_number)
    return process.wait()


@pytest.mark.slow
def test_killed_runs_end_in_the_same_bits(photographs: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    finish(photographs, whole)
    moments = random.Random(5).sample(range(20, 390), 2)
    for at_step in sorted(moments):
        assert stop(photographs, killed, signal.SIGKILL, at_step=at_step) == -signal.SIGKILL
        state = RunFolder(killed / "run").load_checkpoint()
        assert state is not None
        assert 0 < state["step"] < 400
    finish(photographs, killed)
    one, other = (load_weights(each / "run" / "weights.safetensors") for each in (whole, killed))
    for name, tensor in one.tensors.items():
        assert np.array_equal(tensor, other.tensors[name]), name
    assert one.card.training.images_seen == other.card.training.images_seen
    sessions = (killed / "run" / "sessions.jsonl").read_text().splitlines()
    assert len(sessions) == 3
    logged = [
        (each / "run" / "metrics.jsonl").read_text().count("loss") for each in (whole, killed)
    ]
    assert logged == [400, 400]


@pytest.mark.slow
def test_a_signal_leaves_a_checkpoint_and_a_status_of_its_own(
    photographs: Path, tmp_path: Path
) -> None:
    assert stop(photographs, tmp_path, signal.SIGTERM, at_step=50) == 128 + signal.SIGTERM
    state = RunFolder(tmp_path / "run").load_checkpoint()
    assert state is not None
    assert state["step"] >= 50


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(
    photographs: Path, tmp_path: Path
) -> None:
    stop(photographs, tmp_path, signal.SIGTERM, at_step=20)
    run = RunFolder(tmp_path / "run")
    kept = run.checkpoint_path.read_bytes()
    process = start(photographs, tmp_path, largest_file_bytes=len(kept) // 2)
    assert process.wait() == 1
    told = (tmp_path / "told").read_text()
    assert "cannot write the checkpoint of step" in told
    assert "make room" in told
    assert run.checkpoint_path.read_bytes() == kept
    assert not [path for path in run.folder.iterdir() if path.name.startswith(".checkpoint")]


@pytest.mark.slow
def test_a_low_limit_of_open_files_is_raised(photographs: Path, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "trainer", "train-teacher", "--preset", "smoke", "--steps", "2"),
        *("--data", str(photographs), "--run", str(tmp_path), "--device", "cpu"),
    ]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    finished = subprocess.run(
        command, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, most)),
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
