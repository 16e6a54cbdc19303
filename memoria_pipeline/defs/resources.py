"""Resources, named by their role: store, photos, detector.

Plain objects behind `dg.ResourceParam`: an asset asks for what it needs, a test passes its own.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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


def _store(_: dg.InitResourceContext) -> Iterator[Store]:
    chosen = settings()
    with db.running(chosen.home, chosen.database_url, chosen.dagster_database_url) as found:
        yield Store(found.memoria)


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
