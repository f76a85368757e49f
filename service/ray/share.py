"""What of a machine each of many workers has, on a Ray cluster."""

from typing import Any

from service.settings import Settings


def take_share(settings: Settings) -> Settings:
    """Return the settings of one worker: as many threads as it has CPUs, unless they say more."""
    cpus = max(1, int(settings.ray_cpus))
    share = {
        "inference_threads": settings.inference_threads or cpus,
        "codec_workers": settings.codec_workers or cpus,
    }
    return settings.model_copy(update=share)


def reserve(settings: Settings) -> dict[str, Any]:
    """Return what Ray is to keep free for one worker."""
    return {"num_cpus": settings.ray_cpus, "num_gpus": settings.ray_gpus}
