"""Resources, named by their role: store, photos, detector.

Plain objects behind `dg.ResourceParam`: an asset asks for what it needs, a test passes its own.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db
from memoria_pipeline.store.photos import FoundPhoto, Photos
from memoria_pipeline.vision import analyse, catalogue, packs
from memoria_pipeline.vision.photo import EXTENSIONS, Limits


@dataclass(frozen=True, slots=True)
class Store:
    """Our database: one transaction per `with store.transaction() as conn`."""

    url: str

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        return db.connect(db.engine(self.url))


@dataclass(frozen=True, slots=True)
class PhotoStorage:
    """Where photos are read from: a folder or an `s3://` address, one per event."""

    max_bytes: int

    def found(self, root: str) -> list[FoundPhoto]:
        """Every photo below `root`, by name."""
        return list(Photos(root).list(EXTENSIONS))

    def reader(self, root: str) -> Callable[[str], bytes]:
        """Storage key → the file's bytes; it pickles, so that workers can read for themselves."""
        return partial(Photos(root).read, max_bytes=self.max_bytes)


@dataclass(frozen=True, slots=True)
class Detector:
    """The face models on their device, and how many photos are worked on at once.

    setting: MEMORIA_FACE_MODEL, which knows the folder behind a pack's stored name.
    """

    setting: str
    device: str
    workers: int
    limits: Limits
    threshold: float
    det_size: int

    def analyse(
        self, model: str, keys: Iterable[str], read: Callable[[str], bytes], known: Iterable[str]
    ) -> Iterator[analyse.Outcome]:
        """Analyse photos with the pack `model`, in order; see vision/analyse.py."""
        load = partial(
            catalogue.load,
            self._source(model),
            device=self.device,
            detection_threshold=self.threshold,
            det_size=self.det_size,
        )
        work = analyse.Work(read, load, self.limits, frozenset(known))
        return analyse.analyse(keys, work, self.workers)

    @property
    def pack(self) -> str:
        """The name of the pack that the setting means, as `events.face_model` holds it."""
        return packs.stored_name(catalogue.choose(self.setting, Path.home()).pack)

    def thresholds(self, model: str) -> Thresholds:
        """The calibrated numbers of the pack `model`."""
        return Thresholds.of(catalogue.thresholds(self._source(model)))

    def _source(self, model: str) -> str:
        means_it = self.setting != "auto" and packs.stored_name(self.setting) == model
        return self.setting if means_it else model


def _store(_: dg.InitResourceContext) -> Iterator[Store]:
    chosen = settings()
    with db.running(chosen.home, chosen.database_url, chosen.dagster_database_url) as found:
        yield Store(found.memoria)


def _photos(_: dg.InitResourceContext) -> PhotoStorage:
    return PhotoStorage(settings().max_bytes)


def _detector(_: dg.InitResourceContext) -> Detector:
    chosen = settings()
    limits = Limits(max_bytes=chosen.max_bytes, max_pixels=chosen.max_pixels)
    return Detector(
        setting=chosen.face_model,
        device=chosen.wanted_device,
        workers=chosen.workers,
        limits=limits,
        threshold=chosen.detection_threshold,
        det_size=chosen.det_size,
    )


@dg.definitions
def resources() -> dg.Definitions:
    """The three resources as the pipeline uses them."""
    return dg.Definitions(
        resources={
            "store": dg.ResourceDefinition(_store),
            "photos": dg.ResourceDefinition(_photos),
            "detector": dg.ResourceDefinition(_detector),
        }
    )
