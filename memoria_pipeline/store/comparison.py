"""Comparisons: what other methods and thresholds would make of an event, as measures."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.comparison import Tried
from memoria_pipeline.store import events, fence


def save(
    conn: sa.Connection,
    event_id: UUID,
    *,
    model: str,
    fingerprint: str,
    parameters: Mapping[str, Any],
    tried: Sequence[Tried],
    similarities: Sequence[Mapping[str, float]],
    epoch: int = 0,
) -> None:
    """Keep one comparison. Raises ConsentError where the event ended, or its switch went off, and
    Overtaken where somebody was erased since `epoch`."""
    fence.hold(conn, event_id, epoch)
    events.require_consent(conn, event_id)
    values = {
        "event": event_id,
        "model": model,
        "fingerprint": fingerprint,
        "parameters": json.dumps(dict(parameters)),
        "groupings": json.dumps([each.as_table() for each in tried]),
        "similarities": json.dumps([dict(each) for each in similarities]),
    }
    conn.execute(_SAVE, values)


_SAVE = sa.text(
    "insert into memoria.comparisons"
    " (event_id, model, fingerprint, parameters, groupings, similarities, created_at)"
    " values (:event, :model, :fingerprint, cast(:parameters as jsonb),"
    " cast(:groupings as jsonb), cast(:similarities as jsonb), clock_timestamp())"
)


def known(
    conn: sa.Connection, event_id: UUID, fingerprint: str, parameters: Mapping[str, Any]
) -> bool:
    """Whether the last comparison was of the same faces and decisions, and by the same numbers."""
    values = {"event": event_id, "fingerprint": fingerprint}
    values["parameters"] = json.dumps(dict(parameters))
    return bool(conn.scalar(_KNOWN, values))


_KNOWN = sa.text(
    "select fingerprint = :fingerprint and parameters = cast(:parameters as jsonb)"
    " from memoria.comparisons where event_id = :event order by created_at desc limit 1"
)


def due(conn: sa.Connection, limit: int) -> list[UUID]:
    """Events whose people changed since they were compared, the longest unwatched first.

    Not those into which photos come: their next run would wait for the comparison.
    """
    return list(conn.scalars(_DUE, {"limit": limit}))


_DUE = sa.text(
    "select e.id from memoria.events e"
    " cross join lateral (select max(r.published_at) as at from memoria.cluster_runs r"
    "  where r.event_id = e.id and r.status = 'published') as grouped"
    " cross join lateral (select max(c.created_at) as at from memoria.comparisons c"
    "  where c.event_id = e.id) as compared"
    " where e.status = 'active' and e.face_recognition_enabled and grouped.at is not null"
    " and (compared.at is null or compared.at < grouped.at)"
    " and not exists (select from memoria.uploads u where u.event_id = e.id)"
    " order by compared.at nulls first, grouped.at, e.id limit :limit"
)
