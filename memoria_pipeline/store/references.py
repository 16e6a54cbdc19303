"""Faces of members who agreed to be compared with those of an event, for as long as it takes."""

from collections.abc import Iterable
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.privacy.matching import References
from memoria_pipeline.store.faces import STORED_DIMENSIONS


def load(conn: sa.Connection, event_id: UUID, model: str) -> References:
    """Their faces that a human confirmed, of the pack `model`; persons: the users they are.

    In this event: a selfie, and what was confirmed of it. And, where the user agreed to be
    recognised by other events, those of the active ones that the user is in.
    """
    rows = conn.execute(_LOAD, {"event": event_id, "model": model}).all()
    vectors = np.array([row.vector for row in rows], np.float32).reshape(-1, STORED_DIMENSIONS)
    return References([row.user_id for row in rows], vectors)


_LOAD = sa.text(
    "select p.linked_user_id as user_id, f.embedding::real[] as vector"
    " from memoria.comparable(:event) as who (id)"
    " join memoria.face_persons p on p.linked_user_id = who.id"
    " join memoria.events e on e.id = p.event_id and e.status = 'active'"
    " join memoria.faces f on f.event_id = p.event_id and f.face_person_id = p.id"
    " where f.verdict = 'person' and f.model = :model and f.embedding is not null and not f.lost"
    " and (p.event_id = :event or (memoria.agrees(who.id, :event, 'other_events')"
    "  and exists (select from memoria.event_members m"
    "   where m.event_id = p.event_id and m.user_id = who.id)))"
    " order by p.linked_user_id, f.id"
)


def persons(conn: sa.Connection, event_id: UUID, users: Iterable[UUID]) -> dict[UUID, UUID]:
    """The persons that these users are in the event, made where there is none.

    Whoever took the consent back meanwhile is left out.
    """
    rows = conn.execute(_PERSONS, {"event": event_id, "users": sorted(set(users))})
    return {row.id: row.person for row in rows if row.person is not None}


_PERSONS = sa.text(
    "select one.id, memoria.person_for(one.id, :event) as person"
    " from unnest(cast(:users as uuid[])) as one (id)"
    " where one.id in (select memoria.comparable(:event))"
)


def forget_others(conn: sa.Connection, event_id: UUID) -> int:
    """Of an event that forgets: stored faces of whoever did not agree (any more) go; how many."""
    return int(conn.scalar(_FORGET, {"event": event_id}) or 0)


_FORGET = sa.text("select memoria.forget_others(:event)")
