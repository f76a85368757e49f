"""Which media type an answer has: what the client names, else what it accepts, else as sent.

Never runs a network. Whether a format can hold a picture is asked of the codec, so that a refusal
comes before the work and not after it.
"""

from collections.abc import Sequence

from service.errors import NotAcceptableError
from sharpening.codec import FORMATS, MEDIA_TYPES, Format, Image, check_format
from sharpening.errors import CannotEncodeError

FORMATS_OF_MEDIA_TYPES: dict[str, Format] = {
    media_type: format_ for format_, media_type in MEDIA_TYPES.items()
}


def choose_format(image: Image, *, requested: Format | None, accept: str | None) -> Format:
    """Return the format to answer `image` in.

    Raises `CannotEncodeError` if the `requested` one cannot hold it and `NotAcceptableError` if
    none that the `Accept` header allows can.
    """
    if requested is None:
        return FORMATS_OF_MEDIA_TYPES[choose_media_type(image, accept=accept)]
    check_format(image, requested)
    return requested


def choose_media_type(image: Image, *, accept: str | None, others: Sequence[str] = ()) -> str:
    """Return the most wanted of `others`, which need not hold `image`, and the formats that can.

    Among equally wanted ones `others` come first, then the format `image` came in. Raises
    `NotAcceptableError` if there is none.
    """
    reason: CannotEncodeError | None = None
    for media_type in rank_offers(accept, [*others, *_offer_formats(image)]):
        try:
            if media_type not in others:
                check_format(image, FORMATS_OF_MEDIA_TYPES[media_type])
        except CannotEncodeError as error:
            reason = error
        else:
            return media_type
    raise NotAcceptableError(f"Accept is {accept!r}, but {reason}") from reason


def _offer_formats(image: Image) -> list[str]:
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


def has_tag(if_none_match: str | None, tag: str) -> bool:
    """Return whether an `If-None-Match` header names the tag: RFC 9110, section 13.1.2.

    `*` names none: what is answered is made anew, and who says `*` need not have it.
    """
    named = {entry.strip().removeprefix("W/") for entry in (if_none_match or "").split(",")}
    return tag in named


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
