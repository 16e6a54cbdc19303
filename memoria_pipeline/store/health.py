"""What `memoria doctor` asks the database and the storage: looks only, changes nothing."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fsspec
import sqlalchemy as sa

from memoria_pipeline.store import db, migrate


@dataclass(frozen=True, slots=True)
class Server:
    """version: 180000 for 18.0. vector: pgvector's, None where it is not installed; offered: the
    version that could be. service: we may act as the service role. readonly: a standby."""

    version: int
    vector: str | None
    offered: str | None
    service: bool
    readonly: bool


@dataclass(frozen=True, slots=True)
class Album:
    """Where photos of an event are; the events of one root are one album."""

    root: str
    events: int


def server(conn: sa.Connection) -> Server:
    """What the server is, and what we may do on it."""
    row = conn.execute(
        sa.text(
            "select current_setting('server_version_num')::int as version,"
            " (select extversion from pg_extension where extname = 'vector') as vector,"
            " (select default_version from pg_available_extensions where name = 'vector')"
            " as offered, pg_is_in_recovery() as readonly,"
            " coalesce((select me.rolsuper or pg_has_role(current_user, r.oid, 'member')"
            " from pg_roles me, pg_roles r where me.rolname = current_user"
            " and r.rolname = 'memoria_service'), true) as service"
        )
    ).one()
    return Server(row.version, row.vector, row.offered, row.service, row.readonly)


def pending_migrations(conn: sa.Connection) -> list[str]:
    """The names of those that this version has and the database has not, in order.

    Raises DatabaseError where the database is newer than this version, or has another file.
    """
    files = {path.stem: path.read_text("utf8") for path in sorted(migrate.folder().glob("*.sql"))}
    known = migrate.recorded(conn)
    migrate.refuse_strangers(known, files)
    return [name for name in files if name not in known]


def packs_in_use(conn: sa.Connection) -> dict[str, int]:
    """The model packs of active events, and how many events each serves."""
    found = conn.execute(
        sa.text(
            "select face_model, count(*) as events from memoria.events"
            " where status = 'active' and face_model <> '' group by face_model order by face_model"
        )
    )
    return {row.face_model: row.events for row in found}


def albums(conn: sa.Connection, limit: int = 200) -> list[Album]:
    """The roots of the active events made last."""
    found = conn.execute(
        sa.text(
            "select photo_root, count(*) from memoria.events"
            " where status = 'active' and photo_root <> '' and face_recognition_enabled"
            " group by photo_root order by max(created_at) desc limit :limit"
        ),
        {"limit": limit},
    )
    return [Album(root, events) for root, events in found]


def look(url: str) -> tuple[Server, list[str], dict[str, int], list[Album]]:
    """All of the above in one connection; without our tables, no packs and no albums.

    Raises DatabaseError when the server cannot be reached.
    """
    with db.connect(db.engine(url)) as conn:
        about, pending = server(conn), pending_migrations(conn)
        if pending:
            return about, pending, {}, []
        return about, pending, packs_in_use(conn), albums(conn)


def reachable(root: str) -> str | None:
    """None where photos at this root can be listed, else why not; reads no photo."""
    try:
        return _local(Path(root)) if "://" not in root else _remote(root)
    except Exception as error:  # each bucket's client has its own, with addresses in their words
        return f"it cannot be listed ({type(error).__name__})"


def unreachable(roots: Sequence[str], patience: float = 30.0) -> list[str]:
    """Why photos at some of these roots cannot be listed; a bucket or a mount that is dead says
    nothing for minutes, so those that `patience` seconds leave over have not answered."""
    said: list[str | None] = []
    # Not a pool's: Python would wait for its threads before it ends.
    thread = threading.Thread(target=lambda: said.extend(map(reachable, roots)), daemon=True)
    thread.start()
    thread.join(patience)
    late = len(roots) - len(said)
    return [each for each in said if each] + [f"no answer within {patience:.0f} s"] * late


def _local(folder: Path) -> str | None:
    if not folder.is_dir():
        return "there is no such folder"
    return None if os.access(folder, os.R_OK | os.X_OK) else "it may not be read"


def _remote(root: str) -> str | None:
    fs, base = fsspec.core.url_to_fs(root)
    fs.invalidate_cache()
    return None if fs.exists(base) else "there is nothing at its address"


def unwritable(folders: Sequence[Path]) -> list[Path]:
    """Those that are there and that we may not write to, or could not make."""
    return [each for each in folders if not os.access(nearest(each), os.W_OK | os.X_OK)]


def nearest(folder: Path) -> Path:
    """The folder, or the one above it that is there.

    os.path: where we may not look, Path raises, and that is just what is to be told.
    """
    return next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110
