"""How the frames of a stream are to be sharpened: said by the query first, by messages later."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from service.errors import InvalidOptionsError
from sharpening.engine import MAX_STRENGTH

MAX_MESSAGE_LENGTH = 4096
"""Of a text message, in characters: no options are longer."""

StreamFormat = Literal["jpeg", "webp", "raw"]

_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class StreamOptions(BaseModel):
    """The options in force; one that is not among them is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(default="student", max_length=100)
    strength: float = Field(default=1.0, ge=0, le=MAX_STRENGTH, allow_inf_nan=False)
    format: StreamFormat = "jpeg"
    quality: int | None = Field(default=None, ge=1, le=100)


def read_query(query: Mapping[str, str]) -> StreamOptions:
    """Return the options of a query; raises `InvalidOptionsError`."""
    return _check(query, strict=False)


def change_options(options: StreamOptions, message: str) -> StreamOptions:
    """Return the options with what a text message says of them in JSON.

    Raises `InvalidOptionsError` for what is not an object, or whose members are not options.
    """
    if len(message) > MAX_MESSAGE_LENGTH:
        raise InvalidOptionsError(
            f"the message has more than {MAX_MESSAGE_LENGTH} characters: send options as a JSON "
            "object, and frames as binary messages"
        )
    try:
        changed = _OBJECT.validate_json(message)
    except ValidationError as error:
        raise InvalidOptionsError(
            'the message is not a JSON object: send options such as {"strength": 0.8}'
        ) from error
    return _check({**options.model_dump(), **changed}, strict=True)


def _check(given: Mapping[str, Any], *, strict: bool) -> StreamOptions:
    try:
        return StreamOptions.model_validate(dict(given), strict=strict)
    except ValidationError as error:
        invalid = {str(entry["loc"][-1]): entry["msg"] for entry in error.errors()}
        detail = "; ".join(f"{name}: {message}" for name, message in invalid.items())
        raise InvalidOptionsError(detail, invalid) from error
