"""Resources, named by their role: store, photos, detector.

Plain objects behind `dg.ResourceParam`: an asset asks for what it needs, a test passes its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs.heartbeat import beating
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db
from memoria_pipeline.store.photos import FoundPhoto, Photos
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import EXTENSIONS


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Store:
    """Our database: one transaction per `with store.transaction() as conn`.

    after_failure: called when one failed; a run looks there whether it may go on.
    """

    url: str
    after_failure: Callable[[], None] = _nothing

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """As `db.connect`."""
        try:
            with db.connect(db.engine(self.url)) as conn:
                yield conn
        except DatabaseError:
            self.after_failure()
            raise

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
        return partial(Photos(root).read_patiently, max_bytes=self.max_bytes)


@contextmanager
def opened() -> Iterator[Store]:
    """The store of our settings: a server that is there, or the embedded one while in use."""
    chosen = settings()
    with db.running(chosen.home, chosen.database_url, chosen.dagster_database_url) as found:
        yield Store(found.memoria)


def _store(context: dg.InitResourceContext) -> Iterator[Store]:
    """A sensor has the store alone; a run has it while it holds the locks that it works under."""
    with opened() as store:
        if context.run is None or context.instance is None:
            yield store
            return
        with beating(store.url, context.run, context.instance) as heart:
            yield replace(store, after_failure=heart.look)


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
