"""The same service and the same batch on many machines, by Ray: `serve run service.ray:app`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.serve import Application


def app(_arguments: dict[str, str]) -> "Application":
    """Return what Ray Serve is to run; the settings come from the environment, as they do alone."""
    from service.ray.serving import build_application
    from service.settings import Settings

    return build_application(Settings())
