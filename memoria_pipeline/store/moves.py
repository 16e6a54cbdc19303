"""Events that are to move to another model pack: wanted, asked for, reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.uploads import save_in
from memoria_pipeline.work.uploads import Decision


@dataclass(frozen=True, slots=True)
class Row:
    """One due row. proposal: of the change to this pack. now: the database's clock."""

    event_id: UUID
    face_model: str
    asked_key: str | None
    asked_at: datetime | None
    tried: int
    proposal: Literal["none", "waits", "refused"]
    now: datetime


def want(conn: sa.Connection, face_model: str, event_id: UUID | None = None) -> int:
    """Let the event, or every active one, move to a pack; how many have to and may.

    One whose switch is off moves once it is on. Those that have not started take it at once. Asked
    again, what was turned down or has failed is tried again; what is underway goes on.
    """
    which = {"model": face_model, "event": event_id}
    conn.execute(_BEGIN_WITH, which)
    conn.execute(_WANT, which)
    return conn.execute(_ANEW, which).rowcount


_WHICH = " status = 'active' and (cast(:event as uuid) is null or id = :event)"
_BEGIN_WITH = sa.text(
    f"update memoria.events set face_model = :model where face_model is null and {_WHICH}"  # noqa: S608
)
_WANT = sa.text(
    f"update memoria.events set wanted_face_model = :model where {_WHICH}"  # noqa: S608
    " and wanted_face_model is distinct from :model"
)
_ANEW = sa.text(
    "update memoria.moves set due_at = now(), tried = 0, reason = null, asked_key = null,"
    " version = nextval('memoria.uploads_version'), wanted_at = now()"
    " where face_model = :model and (cast(:event as uuid) is null or event_id = :event)"
    " and (asked_key is null or due_at = 'infinity')"
)


def due(conn: sa.Connection, *, limit: int = 20, at_once: int = 4) -> list[Row]:
    """The rows to decide on now, locked: those whose run was asked for, and as many new ones that
    at most `at_once` are underway."""
    followed = list(conn.execute(_FOLLOWED, {"limit": limit}))
    underway = conn.execute(_UNDERWAY).scalar_one()
    fresh = list(conn.execute(_FRESH, {"limit": max(at_once - underway, 0)}))
    return [Row(**row._mapping) for row in (*followed, *fresh)]


_DUE = """
    select v.event_id, v.face_model, v.asked_key, v.asked_at, v.tried,
        coalesce((select case when r.status = 'proposed' then 'waits' else 'refused' end
            from memoria.cluster_runs r
            where r.event_id = v.event_id and r.kind = 'model' and r.model = v.face_model
                and (r.status = 'proposed'
                    or (r.status = 'held' and r.turned_down and r.created_at >= v.wanted_at))
            order by r.status = 'proposed' desc limit 1), 'none') as proposal,
        now() as now
    from memoria.moves v
    where v.due_at <= now() and v.asked_key is {} null
    order by v.due_at, v.event_id limit :limit for update of v skip locked
"""
_FOLLOWED = sa.text(_DUE.format("not"))
_FRESH = sa.text(_DUE.format(""))
_UNDERWAY = sa.text(
    "select count(*) from memoria.moves where asked_key is not null and due_at < 'infinity'"
)


def save(conn: sa.Connection, decided: Mapping[UUID, Decision]) -> dict[UUID, str]:
    """Write what was decided; the run keys to ask for, by event."""
    return save_in(conn, "moves", decided)
