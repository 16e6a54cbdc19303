"""A database of its own with one made-up event in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import db
from memoria_pipeline.store.migrate import migrate

T = TypeVar("T")


@contextmanager
def filled(fill: Callable[[sa.Connection], T]) -> Iterator[tuple[Path, str, T]]:
    """An embedded server's folder, its database's URL, and what `fill` gave; gone afterwards."""
    # A short path: sockets; and /tmp, because the server's user passes through all above it.
    with (
        TemporaryDirectory(prefix="mb-", ignore_cleanup_errors=True) as folder,
        db.running(Path(folder)) as found,
    ):
        engine = db.engine(found.memoria)
        migrate(engine)
        with db.connect(engine) as conn:
            made = fill(conn)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            conn.execute(sa.text("vacuum analyze"))
        yield Path(folder), found.memoria, made
        engine.dispose()


def event_of(conn: sa.Connection, photos: int, pack: str) -> UUID:
    """An event of so many photos, all analysed, as `i.jpg` from 1 on."""
    event: UUID = conn.execute(_EVENT, {"pack": pack}).scalar_one()
    conn.execute(_MEDIA, {"event": event, "n": photos, "pack": pack})
    return event


_EVENT = sa.text(
    "insert into memoria.events (name, photo_root, face_model, face_recognition_enabled)"
    " values ('Large', '/nowhere', :pack, true) returning id"
)
_MEDIA = sa.text(
    "insert into memoria.media (event_id, storage_key, status, analysed_at, face_model,"
    " faces_found, width, height) select :event, i || '.jpg', 'analysed', now(), :pack, 3, 6000,"
    " 4000 from generate_series(1, :n) i"
)
