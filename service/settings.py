"""Every setting of the service, read once from the environment and checked at start.

Never read again while serving, and never changed.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sharpening.codec import MAX_PIXELS
from sharpening.degradation import PROFILES
from sharpening.runtimes import RuntimeName

_REPOSITORY = Path(__file__).resolve().parent.parent

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """The settings; the environment variable of each is its name in capitals after `SHARPEN_`."""

    model_config = SettingsConfigDict(env_prefix="SHARPEN_", frozen=True, extra="forbid")

    weights_dir: Path = Field(
        default=_REPOSITORY / "weights", description="Folder whose *.safetensors are loaded."
    )
    profile: str = Field(
        default="paper", description="Profile of the models called plainly student and teacher."
    )
    device: str = Field(
        default="auto", description="auto (CUDA where there is one), cpu or cuda[:N]."
    )
    runtime: RuntimeName = Field(default="auto", description="What runs the networks.")
    inference_workers: int = Field(
        default=1, ge=1, description="Pictures that run through a network at the same time."
    )
    inference_threads: int = Field(
        default=0,
        ge=0,
        description="CPU threads of each worker; 0 leaves it to PyTorch. "
        "Workers times threads should not exceed the CPUs.",
    )
    codec_workers: int = Field(
        default=2, ge=1, description="Pictures decoded or encoded at the same time."
    )
    max_megapixels: float = Field(
        default=MAX_PIXELS / 1e6, gt=0, description="Largest picture, checked before decoding."
    )
    max_evaluate_megapixels: float = Field(
        default=16, gt=0, description="Largest picture to evaluate: SSIM takes 130 bytes a pixel."
    )
    max_body_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1, description="Largest request body, counted as it arrives."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    log_level: LogLevel = Field(default="info", description="debug, info, warning or error.")

    @field_validator("profile")
    @classmethod
    def _check_profile(cls, profile: str) -> str:
        if profile not in PROFILES:
            raise ValueError(f"unknown profile {profile!r}; expected one of {sorted(PROFILES)}")
        return profile

    @property
    def max_pixels(self) -> int:
        """`max_megapixels` in pixels."""
        return round(self.max_megapixels * 1e6)

    @property
    def max_evaluate_pixels(self) -> int:
        """The smaller of both limits, in pixels."""
        return min(self.max_pixels, round(self.max_evaluate_megapixels * 1e6))
