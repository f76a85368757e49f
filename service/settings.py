"""Every setting of the service, read once from the environment and checked at start.

Never read again while serving, and never changed.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.admission import Limits
from service.logs import LogFormat
from service.processors import count_cpus
from sharpening.codec import MAX_PIXELS
from sharpening.degradation import PROFILES
from sharpening.runtimes import Precision, RuntimeName, Threads

_REPOSITORY = Path(__file__).resolve().parent.parent

_PREFIX = "SHARPEN_"

ANY_PROFILE = "auto"

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """The settings; the environment variable of each is its name in capitals after `SHARPEN_`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    weights_dir: Path = Field(
        default=_REPOSITORY / "weights", description="Folder whose *.safetensors are loaded."
    )
    profile: str = Field(
        default=ANY_PROFILE,
        description="Profile of the models called plainly student and teacher; auto is call where "
        "there is a student of it, else paper.",
    )
    device: str = Field(
        default="auto", description="auto (CUDA where there is one), cpu or cuda[:N]."
    )
    runtime: RuntimeName = Field(
        default="auto",
        description="What runs the networks: auto (torch on a GPU, else openvino), openvino or "
        "torch.",
    )
    precision: Precision = Field(
        default="auto",
        description="What networks multiply in: float32, bfloat16, or auto, which is bfloat16 by "
        "openvino on a CPU that has matrix units for it (AMX); 16-bit pictures are run in float32.",
    )
    inference_workers: int = Field(
        default=1, ge=1, description="Pictures that run through a network at the same time."
    )
    inference_threads: int = Field(
        default=0,
        ge=0,
        description="CPU threads of each worker; 0 shares the CPUs of the process or its "
        "container among the workers.",
    )
    codec_workers: int = Field(
        default=0,
        ge=0,
        description="Pictures decoded or encoded at the same time; 0 is one for each CPU.",
    )
    watch_s: float = Field(
        default=5,
        ge=0,
        description="Seconds between looks at the weights folder; 0 looks on SIGHUP only.",
    )
    canary_gain_db: float = Field(
        default=0.2,
        description="PSNR that new weights must gain on a drawn picture to replace old ones.",
    )
    max_megapixels: float = Field(
        default=MAX_PIXELS / 1e6, gt=0, description="Largest picture, checked before decoding."
    )
    max_evaluate_megapixels: float = Field(
        default=32,
        gt=0,
        description="Largest picture to evaluate: held in memory blurred, sharp and once a model.",
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1, description="Largest request body, counted as it arrives."
    )
    max_bodies_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=1,
        description="Bytes of all request bodies and unsent answers held at one time; a body that "
        "goes beyond is told 429.",
    )
    body_timeout_s: float = Field(
        default=30,
        gt=0,
        description="Seconds that each MiB of a request body, or the rest of it, may take to come.",
    )
    send_timeout_s: float = Field(
        default=60,
        gt=0,
        description="Seconds that a client may take to read each MiB of an answer; then it is "
        "cut off.",
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        description="Connections at one time; requests on those beyond are told 503.",
    )
    max_megapixels_in_flight: float = Field(
        default=16,
        gt=0,
        description="Megapixels worked on at one time; a larger picture is worked on alone.",
    )
    max_megapixels_queued: float = Field(
        default=64, gt=0, description="Megapixels that may wait; what goes beyond is told 429."
    )
    max_wait_s: float = Field(
        default=30,
        gt=0,
        description="Seconds that a picture may wait before it is told 429 instead of sharpened.",
    )
    max_batches: int = Field(
        default=4, ge=1, description="Batches judged at one time; one more is told 429."
    )
    max_batch_bytes: int = Field(
        default=2 * 1024**3,
        ge=1,
        description="Largest batch, counted as it is written to the folder that TMPDIR names; of a "
        "zip also what comes out of it.",
    )
    max_batch_pictures: int = Field(default=5000, ge=1, description="Most pictures of a batch.")
    max_streams: int = Field(
        default=8, ge=1, description="Streams open at one time; one more is closed with 1013."
    )
    max_frame_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=1,
        description="Largest message of a stream; a larger one closes it with 1009.",
    )
    max_frame_megapixels: float = Field(
        default=8.3, gt=0, description="Largest frame of a stream, checked before decoding."
    )
    max_frames_per_s: float = Field(
        default=60,
        gt=0,
        description="Frames a second that a stream takes; those that come faster are dropped.",
    )
    max_frame_wait_s: float = Field(
        default=0.25,
        gt=0,
        description="Seconds that a frame may wait for its turn before it is dropped.",
    )
    stream_idle_s: float = Field(
        default=60, gt=0, description="Seconds without a message after which a stream is closed."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    drain_timeout_s: int = Field(
        default=20,
        ge=0,
        description="Seconds that requests under way have to end once the service is told to stop.",
    )
    drain_announce_s: float = Field(
        default=0,
        ge=0,
        description="Seconds to go on answering, not ready, once told to stop, though idle.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Key that clients must send as bearer token or X-API-Key, of ASCII characters; "
        "none if not set.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins, divided by commas, whose pages may call the service; * for all.",
    )
    ray_cpus: float = Field(
        default=1,
        gt=0,
        description="On Ray: CPUs of each replica and each picture of a batch; as many threads.",
    )
    ray_gpus: float = Field(
        default=0,
        ge=0,
        description="On Ray: GPUs of each replica, and of each picture of a batch; a part of one "
        "shares it.",
    )
    ray_min_replicas: int = Field(
        default=1, ge=1, description="On Ray: replicas that are there with nothing to do."
    )
    ray_max_replicas: int = Field(default=4, ge=1, description="On Ray: most replicas.")
    ray_ongoing_requests: float = Field(
        default=2,
        gt=0,
        description="On Ray: requests under way on each replica; with more, replicas are added.",
    )
    log_format: LogFormat = Field(default="plain", description="plain or json.")
    log_level: LogLevel = Field(default="info", description="debug, info, warning or error.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_variables(cls, given: Any) -> Any:
        """Refuse what is not read and yet looks as if it were: mostly a typing error."""
        known = name_variables()
        meant = (name for name in os.environ if name.upper().startswith(_PREFIX))
        unknown = sorted(name for name in meant if name.upper() not in known)
        if unknown:
            raise ValueError("; ".join(_explain_unknown(name, known) for name in unknown))
        return given

    @field_validator("profile")
    @classmethod
    def _check_profile(cls, profile: str) -> str:
        known = [ANY_PROFILE, *sorted(PROFILES)]
        if profile not in known:
            raise ValueError(f"unknown profile {profile!r}; expected one of {known}")
        return profile

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        """Refuse a key that no header can carry as it is, so that nobody could ever show it."""
        text = "" if key is None else key.get_secret_value()
        if not (text.isascii() and text.isprintable() and text == text.strip()):
            raise ValueError("use printable ASCII characters, without spaces around them")
        return key

    @property
    def threads_per_worker(self) -> int:
        """`inference_threads`, or each worker's share of the CPUs."""
        return self.inference_threads or max(1, count_cpus() // self.inference_workers)

    @property
    def threads(self) -> Threads:
        """How networks share the CPUs."""
        return Threads(self.inference_workers, self.threads_per_worker)

    @property
    def max_pixels(self) -> int:
        """`max_megapixels` in pixels."""
        return round(self.max_megapixels * 1e6)

    @property
    def max_evaluate_pixels(self) -> int:
        """The smaller of both limits, in pixels."""
        return min(self.max_pixels, round(self.max_evaluate_megapixels * 1e6))

    @property
    def max_frame_pixels(self) -> int:
        """The smaller of both limits, in pixels."""
        return min(self.max_pixels, round(self.max_frame_megapixels * 1e6))

    @property
    def origins(self) -> list[str]:
        """The origins of `cors_origins`."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def admission(self) -> Limits:
        """What may be worked on and what may wait."""
        return Limits(
            in_flight_pixels=round(self.max_megapixels_in_flight * 1e6),
            queued_pixels=round(self.max_megapixels_queued * 1e6),
            wait_s=self.max_wait_s,
        )


def name_variables() -> list[str]:
    """Return the environment variables that set something."""
    return [f"{_PREFIX}{name.upper()}" for name in Settings.model_fields]


def _explain_unknown(name: str, known: list[str]) -> str:
    (nearest,) = get_close_matches(name.upper(), known, n=1, cutoff=0)
    return f"the environment variable {name} sets nothing: did you mean {nearest}?"
