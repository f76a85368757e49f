"""Small models in files, and the application around them with its real lifespan."""

import dataclasses
import io
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from service.app import create_app
from service.models import ModelStore, load_models
from service.settings import Settings
from sharpening.degradation import PaperDegradation
from sharpening.engine import Engine
from sharpening.networks import Network, Student, Teacher
from sharpening.networks.student import StudentConfig
from sharpening.networks.teacher import TeacherConfig
from sharpening.runtimes.torch import describe_contract
from sharpening.weights import Card, Training, save_weights

SaveNetwork = Callable[..., str]
StartClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
_PATIENCE_S = 20


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("SHARPEN_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def make_student() -> Callable[[int], Network]:
    def make(seed: int) -> Network:
        torch.manual_seed(seed)
        return _strengthen(Student(StudentConfig(channels=4, dilations=(1,))))

    return make


@pytest.fixture(scope="session")
def save_network() -> SaveNetwork:
    """Write a network as the trainer would, and return the digest of the file."""

    def save(path: Path, network: Network, **entries: Any) -> str:
        tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        return save_weights(path, tensors, _describe(network, entries))

    return save


@pytest.fixture(scope="session")
def weights_dir(
    tmp_path_factory: pytest.TempPathFactory,
    make_student: Callable[[int], Network],
    save_network: SaveNetwork,
) -> Path:
    """A folder with a student and a teacher that do change pictures."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(2)
    config = TeacherConfig(
        channels=(4, 4, 4), blocks_down=(1, 1), blocks_middle=1, blocks_up=(1, 1)
    )
    save_network(folder / "student.safetensors", make_student(1))
    save_network(folder / "teacher.safetensors", _strengthen(Teacher(config)), role="teacher")
    return folder


@pytest.fixture
def settings(weights_dir: Path) -> Settings:
    return Settings(weights_dir=weights_dir, device="cpu")


@pytest.fixture(scope="session")
def start_client() -> StartClient:
    """Enter the application's lifespan and return a client that calls it once it is ready."""

    @asynccontextmanager
    async def start(settings: Settings, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings, **options)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            await app.state.loading
            yield client

    return start


@pytest.fixture
async def client(settings: Settings, start_client: StartClient) -> AsyncIterator[httpx.AsyncClient]:
    async with start_client(settings) as started:
        yield started


@pytest.fixture
def photograph() -> np.ndarray:
    """64x48 pixels of colour with edges."""
    generator = np.random.default_rng(7)
    coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


@pytest.fixture(scope="session")
def to_file() -> Callable[..., bytes]:
    """Write pixels as a file with Pillow, not with the codec that is under test."""

    def write(pixels: np.ndarray, format_: str = "png", **options: Any) -> bytes:
        buffer = io.BytesIO()
        PillowImage.fromarray(pixels).save(buffer, format_, **options)
        return buffer.getvalue()

    return write


@pytest.fixture(scope="session")
def to_pixels() -> Callable[[bytes], np.ndarray]:
    """Read a file with Pillow, as its own mode says."""

    def read(data: bytes) -> np.ndarray:
        return np.asarray(PillowImage.open(io.BytesIO(data)))

    return read


class StalledRuntime:
    """Once stalled, says when it runs and goes on when it is told to; until then just runs."""

    name = "stalled"
    device = "cpu"
    precision = "float32"
    tile_px = 512
    receptive_field_px = 1
    multiple_of = 1

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def stall(self) -> None:
        self.entered.clear()
        self.release.clear()

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.entered.set()
        assert self.release.wait(_PATIENCE_S), "the event loop was blocked"
        return batch

    def free_memory(self) -> None: ...

    def load(self, settings: Settings) -> ModelStore:
        """Load the student of the settings with this in the place of its network."""
        loaded = load_models(settings)
        student = loaded.get("student")
        stalling = dataclasses.replace(student, runtime=self, engine=Engine(self))
        sources = {
            path: dataclasses.replace(source, model=stalling) if source.model is student else source
            for path, source in loaded.sources.items()
        }
        return ModelStore([stalling], profile=settings.profile, sources=sources)


@pytest.fixture
def stalled() -> Iterator[StalledRuntime]:
    runtime = StalledRuntime()
    yield runtime
    runtime.release.set()


def _strengthen(network: Network) -> Network:
    """Make a fresh network's correction large enough to be seen in 8 bits."""
    with torch.no_grad():
        network.tail.weight.mul_(20)
    return network


def _describe(network: Network, entries: dict[str, Any]) -> Card:
    training = Training(
        recipe={},
        steps=1,
        images_seen=1,
        minutes=0,
        data_hash="none",
        photographs=1,
        seed=1,
        hardware="none",
        code_revision="none",
        versions={},
    )
    described: dict[str, Any] = {
        "role": "student",
        "architecture": network.architecture,
        "config": network.config.model_dump(mode="json"),
        "profile": "paper",
        "contract": describe_contract(network),
        "degradation": PaperDegradation(),
        "training": training,
        "metrics": {"psnr": 30.0},
        "teacher": None,
        "created": datetime(2025, 1, 1, tzinfo=UTC),
        "licence": "MIT",
    }
    return Card(**{**described, **entries})
