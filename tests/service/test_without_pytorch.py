"""On a CPU the service neither needs PyTorch nor loads what it does not use at start."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

CODE = """
import asyncio, importlib.util, sys
import numpy as np

sys.modules["torch"] = None  # what imports it fails
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find_spec(name, *rest)

from service.app import create_app
from service.models import load_models, warm_up
from service.settings import Settings

settings = Settings(device="cpu")
create_app(settings)
assert "scipy.signal" not in sys.modules
store = load_models(settings)
warm_up(store)
print(sorted({model.runtime.name for model in store.models}), len(store.models))
"""


def test_service_loads_and_runs_every_shipped_model_without_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["['openvino']", "4"]
