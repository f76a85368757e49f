"""The settings as a command line reads them: what does not fit is a line, not a traceback."""

import sys
from collections.abc import Mapping

from pydantic import ValidationError

from service.settings import Settings


def read_settings(given: Mapping[str, object]) -> Settings:
    """Return the settings: those given, and the rest from the environment. Exits if one is bad."""
    try:
        return Settings.model_validate(dict(given))
    except ValidationError as error:
        sys.exit(f"sharpen: the settings do not fit: {_explain(error)}")


def _explain(error: ValidationError) -> str:
    """Say in one line which settings do not fit, without pydantic's own wording around it."""
    return "; ".join(
        ": ".join([*map(str, entry["loc"]), entry["msg"].removeprefix("Value error, ")])
        for entry in error.errors()
    )
