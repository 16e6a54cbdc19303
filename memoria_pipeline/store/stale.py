"""What the night tries again: photos that could not be read, events that are not up to date."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.uploads import FAILED, NO_CONSENT


def refresh(conn: sa.Connection) -> int:
    """Give every photo whose failure may pass fresh tries, and every event whose runs failed a
    fresh start; how many photos. What a human cancelled stays so. An event that waits for consent
    it has got is looked at again: the switch may have been turned in the moment it was read."""
    conn.execute(_FRESH_START, {"failed": FAILED, "no_consent": NO_CONSENT})
    conn.execute(_FRESH_MOVE, {"reason": FAILED})
    return conn.execute(_FRESH_TRIES).rowcount


_FRESH_START = sa.text(
    "update memoria.uploads u set tried = 0, asked_key = null, due_at = now(), reason = null,"
    " version = nextval('memoria.uploads_version'), gone = u.gone or u.reason = :failed"
    " from memoria.events e where e.id = u.event_id and e.status = 'active'"
    " and e.face_recognition_enabled and u.due_at = 'infinity'"
    " and u.reason in (:failed, :no_consent)"
)
# A change of model that quality held back; one whose pack is not here would fail the same way.
_FRESH_MOVE = sa.text(
    "update memoria.moves v set tried = 0, asked_key = null, due_at = now(), reason = null,"
    " version = nextval('memoria.uploads_version') where reason = :reason and due_at = 'infinity'"
    " and exists (select from memoria.cluster_runs r where r.event_id = v.event_id"
    "  and r.kind = 'model' and r.model = v.face_model and r.status = 'held'"
    "  and r.failures is not null and r.created_at >= v.wanted_at)"
)
_FRESH_TRIES = sa.text(
    "update memoria.media set attempts = 0 where id in (select m.id from memoria.media m"
    " join memoria.events e on e.id = m.event_id"
    " where e.status = 'active' and e.face_recognition_enabled and m.status = 'failed'"
    " and m.error_code in ('unreadable', 'crashed') and m.attempts > 0"
    " order by m.id for update of m)"  # in the order of whoever saves an analysis
)


def held_back(conn: sa.Connection, limit: int) -> list[UUID]:
    """Events whose newest grouping quality holds back, and that a run would group: what was wrong
    may be mended by now. One where nothing changed is not even grouped."""
    return list(conn.scalars(_HELD_BACK, {"limit": limit}))


def with_photos_left(conn: sa.Connection, limit: int) -> list[UUID]:
    """Events that a run would analyse photos of, and that the uploads sensor does not follow."""
    return list(conn.scalars(_LEFT, {"limit": limit}))


_WATCHED_OVER = " and not exists (select from memoria.uploads u where u.event_id = e.id)"
_LEFT = sa.text(
    "select e.id from memoria.events e where e.status = 'active' and e.face_recognition_enabled"  # noqa: S608
    " and exists (select from memoria.media m where m.event_id = e.id"
    "  and (m.status = 'pending'"
    "   or (m.status = 'failed' and m.error_code in ('unreadable', 'crashed'))"
    "   or (m.status = 'analysed' and m.face_model <> e.face_model"
    f"    and m.faces_erased_at is null))){_WATCHED_OVER}"
    " order by e.created_at, e.id limit :limit"
)


_HELD_BACK = sa.text(
    "select e.id from memoria.events e join lateral (select r.* from memoria.cluster_runs r"  # noqa: S608
    "  where r.event_id = e.id and (r.status <> 'held' or r.failures is not null)"
    "  order by greatest(r.created_at, r.published_at) desc, r.id limit 1) last on true"
    " where e.status = 'active' and e.face_recognition_enabled"
    " and last.status = 'held' and last.kind <> 'model'"
    " and not exists (select from memoria.cluster_runs p where p.event_id = e.id"
    "  and p.status = 'published' and p.fingerprint = last.fingerprint"
    f"  and p.parameters = last.parameters){_WATCHED_OVER}"
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
