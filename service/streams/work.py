"""One frame sharpened: as `/sharpen` does it, but never waiting long, and answered as asked."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from service.access import Work
from service.resources import Resources
from service.spans import Spans
from service.streams.frames import encode_frame, open_frame, read_frame_size
from service.streams.waiting import Frame
from sharpening.picture import sharpen_image


@dataclass(frozen=True)
class Sharpened:
    """A sharpened frame: its size, the model that ran, its file, and what that took."""

    width: int
    height: int
    model: str
    picture: bytes = field(repr=False)
    spans: Spans

    @property
    def work(self) -> Work:
        """What the metrics are told."""
        return Work(self.width * self.height, self.spans)

    @property
    def timings_ms(self) -> dict[str, float]:
        """Milliseconds from the frame's coming to its leaving; all but three spans is waiting."""
        spans = self.spans
        seconds = {
            "wait": spans.queue_s,
            "decode": spans.decode_s,
            "model": spans.model_s,
            "encode": spans.encode_s,
        }
        return {name: round(value * 1e3, 2) for name, value in seconds.items()}


async def sharpen_frame(
    frame: Frame, resources: Resources, on_through: Callable[[], None]
) -> Sharpened:
    """Return the frame sharpened by the models of `resources`.

    `on_through` is called once the network is done with it. Raises `TooBusyError` where there is no
    room for it within `max_frame_wait_s`, `UnknownModelError`, and what the codec raises.
    """
    settings, inference = resources.settings, resources.inference
    options, max_pixels = frame.options, settings.max_frame_pixels
    model = resources.models.get(options.model)
    size = await inference.peek(partial(read_frame_size, frame.data, max_pixels=max_pixels))
    pixels = size[0] * size[1]
    admitted = resources.admission.admit(pixels, kind=model.name, wait_s=settings.max_frame_wait_s)
    async with admitted as place:
        open_ = partial(open_frame, frame.data, options.format, max_pixels=max_pixels)
        opened = await inference.run_codec(open_)
        run = partial(sharpen_image, strength=options.strength, before_tile=place.check)
        sharpened = await inference.run_model(
            partial(run, model.engine, opened.value), on_cancel=place.abandon
        )
        on_through()
        encoded = await inference.run_codec(partial(encode_frame, sharpened.value, options))
    height, width = sharpened.value.pixels.shape[:2]
    total_s = time.perf_counter() - frame.arrived_s
    waited_s = total_s - opened.ran_s - sharpened.ran_s - encoded.ran_s
    spans = Spans(opened.ran_s, waited_s, sharpened.ran_s, encoded.ran_s)
    return Sharpened(width, height, model.name, encoded.value, spans)
