"""Which media type an answer has: what the client names, else what it accepts, else as sent.

Never runs a network. Whether a format can hold a picture is asked of the codec, by one pixel of
the picture, so that a refusal comes before the work and not after it.
"""

from collections.abc import Sequence
from dataclasses import replace

from service.errors import NotAcceptableError
from sharpening.codec import FORMATS, MEDIA_TYPES, Format, Image, encode
from sharpening.errors import CannotEncodeError


def choose_format(image: Image, *, requested: Format | None, accept: str | None) -> Format:
    """Return the format to answer `image` in.

    Raises `CannotEncodeError` if the `requested` one cannot hold it and `NotAcceptableError` if
    none that the `Accept` header allows can.
    """
    if requested is not None:
        _check_format(image, requested)
        return requested
    reason: CannotEncodeError | None = None
    for media_type in rank_offers(accept, offer_formats(image)):
        format_ = _format_of(media_type)
        try:
            _check_format(image, format_)
        except CannotEncodeError as error:
            reason = error
        else:
            return format_
    raise NotAcceptableError(f"Accept is {accept!r}, but {reason}") from reason


def offer_formats(image: Image) -> list[str]:
    """Return the media types an answer can have, the one `image` came in first."""
    return [MEDIA_TYPES[format_] for format_ in sorted(FORMATS, key=lambda f: f != image.format)]


def rank_offers(accept: str | None, offers: Sequence[str]) -> list[str]:
    """Return those of `offers` that an `Accept` header allows, the most wanted first.

    By RFC 9110, section 12.5.1: the most specific range that matches decides. Equally wanted ones
    stay in their order, and without a header all are wanted. Raises `NotAcceptableError` where none
    is.
    """
    if not accept or not accept.strip():
        return list(offers)
    weights = dict(_parse_range(entry) for entry in accept.lower().split(","))
    weighed = [(_weigh(offer, weights), offer) for offer in offers]
    wanted = [pair for pair in weighed if pair[0] > 0]
    if not wanted:
        raise NotAcceptableError(f"Accept is {accept!r}; expected one of {', '.join(offers)}")
    return [offer for _, offer in sorted(wanted, key=lambda pair: -pair[0])]


def _weigh(offer: str, weights: dict[str, float]) -> float:
    family = offer.partition("/")[0]
    ranges = (offer, f"{family}/*", "*/*")
    return next((weights[range_] for range_ in ranges if range_ in weights), 0.0)


def _parse_range(entry: str) -> tuple[str, float]:
    """Return the media range and its weight; a weight that is no number counts as 0."""
    media_range, *parameters = (part.strip() for part in entry.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media_range, _parse_weight(value.strip())
    return media_range, 1.0


def _parse_weight(value: str) -> float:
    is_number = value.replace(".", "", 1).isdecimal() and value.isascii()
    return float(value) if is_number else 0.0


def _format_of(media_type: str) -> Format:
    return next(format_ for format_ in FORMATS if MEDIA_TYPES[format_] == media_type)


def _check_format(image: Image, format_: Format) -> None:
    alpha = None if image.alpha is None else image.alpha[:1, :1]
    encode(replace(image, pixels=image.pixels[:1, :1], alpha=alpha), format_)
