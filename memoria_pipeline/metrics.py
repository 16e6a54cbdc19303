"""`/metrics` for Prometheus: what store/figures.py counts, asked anew for every scrape.

Nothing personal is in it, and no event's id: labels are states and kinds, so that the number of
series stays the same whatever comes in.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from memoria_pipeline.errors import DatabaseError, MemoriaError
from memoria_pipeline.store import db, figures
from memoria_pipeline.store.figures import Gauge, Latency

FRESH = 5.0
"""Seconds that figures are good for: several scrapers at once cost one reading."""

REST = 20
"""And so many times what reading them took: it counts all photos and jobs there are, and however
many that may be, it takes a twentieth of one core at most."""

PATIENCE = 30
"""Seconds that a query may take; a scrape that waits for a lock would hold up all that follow."""

HELP = {
    "memoria_jobs": "Jobs of ml_jobs by state; failed ones can be replayed.",
    "memoria_photos": "Photos by state.",
    "memoria_photo_failures": "Photos that could not be analysed, by reason.",
    "memoria_photos_per_second": f"Photos analysed, over the last {figures.MINUTES} minutes.",
    "memoria_faces_per_second": f"Faces found, over the last {figures.MINUTES} minutes.",
    "memoria_detection_seconds_per_photo": f"Mean of the last {figures.MINUTES} minutes.",
    "memoria_people_awaiting_review": "People of active events on whom nobody decided yet.",
    "memoria_groupings": "Groupings by state; proposed ones wait for the organiser.",
    "memoria_events": "Active events, by the organiser's consent.",
    "memoria_callbacks": "Callbacks of the outbox; dead ones can be replayed.",
    "memoria_erasures_open": "Erasures that were asked for and are not proven yet.",
    "memoria_erasures_overdue": "Of those, the ones that should have been: look at once.",
    "memoria_uploads": "Events with new photos: waiting to be quiet, or a run was asked for.",
    "memoria_oldest_pending_seconds": "Age of the oldest that waits; 0 where nothing does.",
}


@dataclass(frozen=True, slots=True)
class Model:
    """What faces are looked for with. pack: its name, never a path. device: cpu, cuda or none."""

    pack: str
    device: str


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading of everything."""

    gauges: Sequence[Gauge]
    latencies: Sequence[Latency]


class FromDatabase(Collector):
    """A collector that reads when it is asked, and says so when it cannot."""

    def __init__(
        self,
        read: Callable[[], Figures],
        model: Model,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._model, self._clock = read, model, clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._last: Figures | None = None

    def collect(self) -> Iterator[Metric]:
        """Every series; without the database only that it is down, and the model."""
        found = self._figures()
        yield GaugeMetricFamily("memoria_up", "1: the database answers.", float(found is not None))
        yield _model(self._model)
        if found is not None:
            yield from _families(found.gauges)
            yield _histogram(found.latencies)

    def describe(self) -> list[Metric]:
        """Nothing, so that registering it reads nothing."""
        return []

    def _figures(self) -> Figures | None:
        with self._lock:
            started = self._clock()
            if started >= self._until:
                try:
                    self._last = self._read()
                except DatabaseError:  # a scrape that fails would only say that we are down
                    self._last = None
                now = self._clock()
                self._until = now + max(FRESH, REST * (now - started) if self._last else 0)
            return self._last


def _model(model: Model) -> Metric:
    labels = ["pack", "device"]
    family = GaugeMetricFamily("memoria_model", "What finds the faces, and where.", labels=labels)
    family.add_metric([model.pack, model.device], 1)
    return family


def _families(gauges: Sequence[Gauge]) -> Iterator[Metric]:
    for name, some in groupby(gauges, lambda each: each.name):
        family: GaugeMetricFamily | None = None
        for each in some:
            family = family or GaugeMetricFamily(name, HELP[name], labels=list(each.labels))
            family.add_metric(list(each.labels.values()), each.value)
        if family is not None:
            yield family


def _histogram(latencies: Sequence[Latency]) -> Metric:
    about = "Completed jobs: seconds from creation to end."
    family = HistogramMetricFamily("memoria_job_latency_seconds", about, labels=["job_type"])
    bounds = [*(str(most) for most in figures.BUCKETS), "+Inf"]
    for each in latencies:
        reached = accumulate(float(count) for count in each.counts)
        family.add_metric([each.job_type], list(zip(bounds, reached, strict=True)), each.seconds)
    return family


def read(url: str) -> Figures:
    """The figures of the database at `url`. Raises DatabaseError."""
    with db.connect(db.engine(url)) as conn:
        figures.give_up_after(conn, PATIENCE)
        return Figures(figures.gauges(conn), figures.latencies(conn))


def serve(url: str, model: Model, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve until the returned function is called; the port, which a `port` of 0 leaves to chance.

    Raises MemoriaError where the port is taken.
    """
    registry = CollectorRegistry()
    registry.register(FromDatabase(lambda: read(url), model))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise MemoriaError(
            f"The metrics cannot be served on port {port} ({error.strerror}): free it, or choose"
            " another with --port or MEMORIA_METRICS_PORT."
        ) from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop
