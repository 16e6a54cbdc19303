"""The parts of the suite, in the order in which they are run: ratios first, then long proofs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.figures import Row

_BENCH = "memoria_pipeline_tests.bench"


@dataclass(frozen=True, slots=True)
class Part:
    """Some figures that are measured together.

    place: module and function of bench/, imported when the part is run. minutes: on two cores of
    Zen 4 that have nothing else to do. asked: how many of its figures have to reach something at
    least, which makes it one of `make verify-speed`: a machine that cannot measure one falls short.
    """

    name: str
    about: str
    place: str
    minutes: float
    asked: int = 0

    @property
    def module(self) -> str:
        """Where it lies."""
        return f"{_BENCH}.{self.place.partition(':')[0]}"

    def rows(self) -> Iterator[Row]:
        """Measure."""
        made: Callable[[], Iterator[Row]]
        made = getattr(import_module(self.module), self.place.partition(":")[2] or "rows")
        return made()


PARTS = (
    Part("ends", "photos end to end, beside InsightFace's loop and the limit", "ends", 3, 8),
    Part("cold", "cold start to the first embedding, beside InsightFace's", "cold", 1, 1),
    Part("dlib", "the default pack, beside face_recognition's loop", "dlib_loop", 2, 3),
    Part("found", "faces found at each precision, small ones, tiles", "found", 6, 14),
    Part("worker", "peak memory of a worker, from 100 to 10,000 photos", "worker_memory", 8, 5),
    Part("engine", "two workers, scaled decoding", "speed.engine", 2),
    Part("clustering", "50,000 faces beside half the matrix product", "clustering", 6, 11),
    Part("sizes", "1,000 to 100,000 faces beside hdbscan, DBSCAN, fastcluster", "speed.sizes", 5),
    Part("placing", "a photo with 3 faces into an event of 30,000", "placing", 3, 1),
    Part("around", "Dagster, database and storage around the engine", "around", 4, 2),
    Part("event", "peak memory of grouping and saving 10,000 photos", "speed.event", 2),
    Part("page", "first page of the review API", "speed.page", 1),
    Part("idle", "sensors at 10,000 events", "idle", 10),
    Part("properties", "the contract of people, at full size", "speed.properties", 20),
    Part("hostile", "20,000 damaged photos, bombs, forged calls", "hostile", 6),
)


def chosen(names: Sequence[str]) -> list[Part]:
    """The parts of these names, or all. Raises MemoriaError for a name that is none."""
    known = {each.name: each for each in PARTS}
    if wrong := [name for name in names if name not in known]:
        raise MemoriaError(
            f"The suite has no part {', '.join(wrong)}. Its parts: {', '.join(known)}."
        )
    return [each for each in PARTS if not names or each.name in names]
