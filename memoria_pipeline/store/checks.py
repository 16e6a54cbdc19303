"""Counts of what must never be: zero each, in a database that is right."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.decisions import State
from memoria_pipeline.store import decision_log


def photos_unaccounted_for(
    conn: sa.Connection, event_id: UUID, since: datetime | None = None
) -> int:
    """Photos that nothing is known of yet: neither analysed nor failed, duplicate or missing.

    A copy of a photo that is not analysed is one of them: its people are counted nowhere. Photos
    that came, or changed, after `since` are not: the next run looks at them.
    """
    return _count(
        conn,
        "select count(*) from memoria.media m"
        " left join memoria.media o on o.event_id = m.event_id and o.id = m.duplicate_of"
        " where m.event_id = :event"
        " and (cast(:since as timestamptz) is null"
        "  or coalesce(m.arrived_at, m.created_at) <= :since)"
        " and (m.status = 'pending' or (m.status = 'duplicate' and o.status <> 'analysed'))",
        event_id,
        since=since,
    )


def impure_persons(conn: sa.Connection, event_id: UUID) -> int:
    """Persons with two faces in one photo, as far as a machine put them there."""
    return _count(
        conn,
        "select count(distinct face_person_id) from ("
        " select face_person_id from memoria.faces"
        " where event_id = :event and face_person_id is not null and verdict is null"
        " group by face_person_id, media_id having count(*) > 1) as impure",
        event_id,
    )


def faces_not_as_decided(conn: sa.Connection, event_id: UUID) -> int:
    """Faces that are not what the log of decisions says they are, or that they are not."""
    said = decision_log.state(conn, event_id)
    rows = conn.execute(_DECIDED, {"event": event_id, "ids": list(said.touched)})
    return sum(_wrong(row, said) for row in rows)


_DECIDED = sa.text(
    "select id, verdict, face_person_id as person, not_person_ids as rejected from memoria.faces"
    " where event_id = :event and (human_touched or id = any (cast(:ids as uuid[])))"
)


def _wrong(row: sa.Row[Any], said: State) -> bool:
    verdict = said.verdict.get(row.id)
    if verdict is None:
        return row.verdict is not None or row.person in said.rejected.get(row.id, ())
    return (row.verdict, row.person) != (verdict.kind, verdict.person)


def _count(conn: sa.Connection, query: str, event_id: UUID, **values: object) -> int:
    return int(conn.execute(sa.text(query), {"event": event_id, **values}).scalar_one())
