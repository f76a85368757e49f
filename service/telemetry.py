"""What Prometheus is told (https://prometheus.io/docs/instrumenting/exposition_formats/).

A registry of its own for each application. Counts what has happened; what is now (queue, models)
is asked when somebody looks. Names no client and no picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from service.access import Work
from service.models import Model
from service.resources import Resources
from service.spans import Spans
from service.streams.messages import Outcome

MEDIA_TYPE = CONTENT_TYPE_LATEST

_TOO_BUSY = 429
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_MODEL_LABELS = ["name", "sha256", "profile", "role", "runtime", "device", "precision"]

AskResources = Callable[[], Resources | None]


class Telemetry:
    """The figures of one application."""

    def __init__(self, ask_resources: AskResources, *, ask_ready: Callable[[], bool]) -> None:
        """`ask_resources` returns None until the models are loaded."""
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Present(ask_resources, ask_ready))
        self._requests = Counter(
            "sharpen_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "sharpen_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._span_seconds = Histogram(
            "sharpen_span_seconds",
            "Seconds of each part of the work.",
            ["span"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._megapixels = Counter(
            "sharpen_megapixels", "Megapixels worked on.", ["route"], registry=registry
        )
        self._frames = Counter(
            "sharpen_stream_frames",
            "Frames of streams; newer and busy say why one was dropped.",
            ["outcome"],
            registry=registry,
        )
        self._shed = Counter("sharpen_shed", "Requests told to come again.", registry=registry)
        self._swaps = Counter(
            "sharpen_weights_swaps", "Times that new weights were taken.", registry=registry
        )
        self._refusals = Counter(
            "sharpen_weights_refusals", "Times that weights were refused.", registry=registry
        )

    def note_request(
        self, route: str, status: int, seconds: float, works: Sequence[Work] = ()
    ) -> None:
        """Count one request; `route` is its path template, so that there are few of them."""
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)
        if status == _TOO_BUSY:
            self._shed.inc()
        for work in works:
            self._note_work(route, work)

    def note_frame(self, route: str, outcome: Outcome, work: Work | None) -> None:
        """Count one frame of a stream, and what it took if it was sharpened."""
        self._frames.labels(outcome).inc()
        if work is not None:
            self._note_work(route, work)

    def _note_work(self, route: str, work: Work) -> None:
        self._megapixels.labels(route).inc(work.pixels / 1e6)
        for field in fields(Spans):
            span = self._span_seconds.labels(field.name.removesuffix("_s"))
            span.observe(getattr(work.spans, field.name))

    def note_swap(self) -> None:
        """Count that new weights have been taken."""
        self._swaps.inc()

    def note_refusals(self, count: int) -> None:
        """Count weights files that have been refused."""
        self._refusals.inc(count)

    def render(self) -> bytes:
        """Return everything as text."""
        return generate_latest(self._registry)


class _Present(Collector):
    """What holds at the moment of looking."""

    def __init__(self, ask_resources: AskResources, ask_ready: Callable[[], bool]) -> None:
        self._ask_resources = ask_resources
        self._ask_ready = ask_ready

    def collect(self) -> Iterator[Metric]:
        resources = self._ask_resources()
        yield _gauge("sharpen_ready", "Whether pictures are taken.", float(self._ask_ready()))
        if resources is None:
            return
        admission = resources.admission
        in_flight, queued = admission.in_flight_pixels / 1e6, admission.queued_pixels / 1e6
        yield _gauge("sharpen_in_flight_megapixels", "Megapixels worked on now.", in_flight)
        yield _gauge("sharpen_queued_megapixels", "Megapixels that wait now.", queued)
        yield _gauge("sharpen_queued_requests", "Requests that wait now.", admission.queued)
        yield _gauge("sharpen_open_streams", "Streams open now.", resources.streams.open)
        yield _gauge(
            "sharpen_refused_weights_files",
            "Weights files that lie in the folder and were refused.",
            len(resources.models.refusals),
        )
        yield _describe_models(resources.models.models)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(name, documentation, value)


def _describe_models(models: tuple[Model, ...]) -> Metric:
    family = GaugeMetricFamily("sharpen_model_info", "A loaded model.", labels=_MODEL_LABELS)
    for model in models:
        card, runtime = model.card, model.runtime
        values = [
            model.name,
            model.sha256,
            card.profile,
            card.role,
            runtime.name,
            runtime.device,
            runtime.precision,
        ]
        family.add_metric(values, 1)
    return family
