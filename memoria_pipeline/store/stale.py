"""What the night tries again: photos that could not be read, events that are not up to date."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.uploads import FAILED


def refresh(conn: sa.Connection) -> int:
    """Give every photo whose failure may pass fresh tries, and every event whose runs failed a
    fresh start; how many photos. What a human cancelled stays so."""
    conn.execute(_FRESH_START, {"reason": FAILED})
    return conn.execute(_FRESH_TRIES).rowcount


_FRESH_START = sa.text(
    "update memoria.uploads set tried = 0, asked_key = null, due_at = now(), reason = null,"
    " version = nextval('memoria.uploads_version'), gone = true"
    " where reason = :reason and due_at = 'infinity'"
)
_FRESH_TRIES = sa.text(
    "update memoria.media m set attempts = 0 from memoria.events e where e.id = m.event_id"
    " and e.status = 'active' and e.face_recognition_enabled"
    " and m.status = 'failed' and m.error_code in ('unreadable', 'crashed') and m.attempts > 0"
)


def with_photos_left(conn: sa.Connection, limit: int) -> list[UUID]:
    """Events that a run would analyse photos of, and that the uploads sensor does not follow."""
    return list(conn.scalars(_LEFT, {"limit": limit}))


_WATCHED_OVER = " and not exists (select from memoria.uploads u where u.event_id = e.id)"
_LEFT = sa.text(
    "select e.id from memoria.events e where e.status = 'active' and e.face_recognition_enabled"  # noqa: S608
    " and exists (select from memoria.media m where m.event_id = e.id"
    "  and (m.status = 'pending'"
    "   or (m.status = 'failed' and m.error_code in ('unreadable', 'crashed'))"
    f"   or (m.status = 'analysed' and m.face_model <> e.face_model))){_WATCHED_OVER}"
    " order by e.created_at, e.id limit :limit"
)


def models(conn: sa.Connection) -> list[str]:
    """The packs of the events that are grouped."""
    query = sa.text("select distinct model from memoria.cluster_runs where status = 'published'")
    return list(conn.scalars(query))


def grouped_otherwise(
    conn: sa.Connection, model: str, parameters: Mapping[str, Any], limit: int
) -> list[UUID]:
    """Events of the pack `model` whose people were grouped with other parameters, and to which a
    grouping with these was not offered yet."""
    wanted = json.dumps(dict(parameters))
    return list(conn.scalars(_OTHERWISE, {"model": model, "wanted": wanted, "limit": limit}))


_OTHERWISE = sa.text(
    "select e.id from memoria.events e join lateral (select parameters from memoria.cluster_runs r"  # noqa: S608
    "  where r.event_id = e.id and r.status = 'published'"
    "  order by r.published_at desc, r.id limit 1) last on true"
    " where e.status = 'active' and e.face_recognition_enabled and e.face_model = :model"
    " and last.parameters <> cast(:wanted as jsonb)"
    " and not exists (select from memoria.cluster_runs r where r.event_id = e.id"
    "  and r.kind = 'full' and r.parameters = cast(:wanted as jsonb)"
    f"  and r.status in ('proposed', 'held')){_WATCHED_OVER}"
    " order by e.created_at, e.id limit :limit"
)
