"""Resources, named by their role: store, photos, detector.

Plain objects behind `dg.ResourceParam`: an asset asks for what it needs, a test passes its own.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.settings import settings
from memoria_pipeline.store import db
from memoria_pipeline.store.photos import FoundPhoto, Photos
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import EXTENSIONS


@dataclass(frozen=True, slots=True)
class Store:
    """Our database: one transaction per `with store.transaction() as conn`."""

    url: str

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        return db.connect(db.engine(self.url))

    def alive(self, run_id: str) -> AbstractContextManager[None]:
        """Held by a run while it lives, whatever ends it; see `is_alive`."""
        return db.held(db.engine(self.url), f"run {run_id}")

    def is_alive(self, run_id: str) -> bool:
        """Whether the run has a living process. A run has one before it takes a pool's slot."""
        with self.transaction() as conn:
            return db.is_held(conn, f"run {run_id}")


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


@contextmanager
def opened() -> Iterator[Store]:
    """The store of our settings: a server that is there, or the embedded one while in use."""
    chosen = settings()
    with db.running(chosen.home, chosen.database_url, chosen.dagster_database_url) as found:
        yield Store(found.memoria)


def _store(context: dg.InitResourceContext) -> Iterator[Store]:
    run = context.run_id
    with opened() as store, store.alive(run) if run else nullcontext():
        yield store


def _photos(_: dg.InitResourceContext) -> PhotoStorage:
    return PhotoStorage(settings().max_bytes)


def _detector(_: dg.InitResourceContext) -> Detector:
    return Detector(**settings().detector)


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
