"""The log of decisions as people read it: who decided what, and whether it still counts."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.decision_log import undone as undone
from memoria_pipeline.store.invitations import ACCEPTED
from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of


@dataclass(frozen=True, slots=True)
class DecisionShown:
    """One entry. faces: how many it named; face_ids: the first 12 of them. undone: it does not
    count (any more)."""

    id: UUID
    event_id: UUID
    seq: int
    kind: str
    actor_id: UUID
    actor_name: str | None
    person_id: UUID | None
    other_person_id: UUID | None
    media_id: UUID | None
    user_id: UUID | None
    user_name: str | None
    email: str | None
    reason: str | None
    supersedes: UUID | None
    created_at: datetime
    faces: int
    face_ids: list[UUID]
    undone: bool


def of_event(conn: sa.Connection, event_id: UUID, which: Paging = FIRST) -> Page[DecisionShown]:
    """One part of the event's log, the latest first."""
    return _page(conn, _OF_EVENT, {"event": event_id}, which)


def of_person(
    conn: sa.Connection, event_id: UUID, person: UUID, which: Paging = FIRST
) -> Page[DecisionShown]:
    """What was decided on a person and on those that became part of it, the latest first."""
    return _page(conn, _OF_PERSON, {"event": event_id, "person": person}, which)


def one(conn: sa.Connection, decision: UUID) -> DecisionShown | None:
    """One decision; None where it is not there, or not for the caller."""
    row = conn.execute(_ONE, {"id": decision}).first()
    if row is None:
        return None
    return _shown(row, undone(conn, row.event_id))


def latest(conn: sa.Connection, event_id: UUID, actor: UUID) -> DecisionShown | None:
    """What this actor decided last and nobody took back; undos only where they are part of an
    answer. Not what a guest did in the actor's name, by accepting an invitation."""
    gone = undone(conn, event_id)
    values = {"event": event_id, "actor": actor, "gone": list(gone), "accepted": ACCEPTED}
    row = conn.execute(_LATEST, values).first()
    return None if row is None else _shown(row, gone)


def together(conn: sa.Connection, event_id: UUID, reason: str) -> list[UUID]:
    """The decisions that were taken with this very reason and count, the latest first."""
    gone = undone(conn, event_id)
    rows = conn.scalars(_TOGETHER, {"event": event_id, "reason": reason})
    return [each for each in rows if each not in gone]


def _page(
    conn: sa.Connection, query: sa.TextClause, about: dict[str, Any], which: Paging
) -> Page[DecisionShown]:
    rows = conn.execute(query, {**about, **which.values}).all()
    gone = undone(conn, about["event"]) if rows else set()
    return paged([_shown(row, gone) for row in rows], total_of(rows), which)


def _shown(row: sa.Row[Any], gone: set[UUID]) -> DecisionShown:
    return replace(DecisionShown(*tuple(row)[:18]), undone=row.id in gone)


_COLUMNS = (
    "select d.id, d.event_id, d.seq, d.kind, d.actor_id, a.display_name as actor_name,"
    " d.person_id, d.other_person_id, d.media_id, d.subject_user_id, u.display_name as user_name,"
    " d.details ->> 'email' as email, d.reason, d.supersedes, d.created_at,"
    " cardinality(d.face_ids) as faces, d.face_ids[1:12] as face_ids,"
    " false as undone"
)
_FROM = (
    " from memoria.decisions d left join memoria.event_members a"
    " on a.event_id = d.event_id and a.user_id = d.actor_id"
    " left join memoria.event_members u"
    " on u.event_id = d.event_id and u.user_id = d.subject_user_id"
)
_PAGE = _COLUMNS + ", count(*) over () as total" + _FROM + " where d.event_id = :event"
_LAST = " order by d.seq desc limit :limit offset :offset"
_OF_EVENT = sa.text(_PAGE + _LAST)
# An undo names nobody: whom it is about is what it changed.
_THEIRS = (
    "with recursive led as (select cast(:person as uuid) as id union"
    " select p.id from memoria.face_persons p join led on p.merged_into_id = led.id"
    " where p.event_id = :event), theirs as (select array(select id from led)) "
)
_OF_PERSON = sa.text(
    _THEIRS + _PAGE + " and (d.person_id = any ((table theirs)::uuid[])"
    " or d.other_person_id = any ((table theirs)::uuid[])"
    " or d.person_ids && (table theirs)"
    " or d.affected_person_ids && (table theirs))" + _LAST
)
_ONE = sa.text(_COLUMNS + _FROM + " where d.id = :id")
_LATEST = sa.text(
    _COLUMNS + _FROM + " where d.event_id = :event and d.actor_id = :actor"
    " and (d.kind <> 'undo' or d.reason is not null) and d.reason is distinct from :accepted"
    " and d.id <> all (cast(:gone as uuid[])) order by d.seq desc limit 1"
)
_TOGETHER = sa.text(
    "select id from memoria.decisions where event_id = :event and reason = :reason"
    " order by seq desc"
)
