"""The append-only log of decisions, as it is read and written."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.decisions import Decision, State, fold, without
from memoria_pipeline.store import person_rows
from memoria_pipeline.store.carry_out import Change


def log(conn: sa.Connection, event_id: UUID) -> list[Decision]:
    """All that was ever decided in the event, undone or not, in order; not of whom was erased."""
    gone = person_rows.erased(conn, event_id)
    rows = conn.execute(_LOG, {"event": event_id})
    return [without(_decision(row), gone) for row in rows]


def about(
    conn: sa.Connection,
    event_id: UUID,
    faces: Collection[UUID] = (),
    persons: Collection[UUID] = (),
    decisions: Collection[UUID] = (),
) -> list[Decision]:
    """The part of the log that is connected with these, in order.

    On these and on all that it names its fold agrees with the fold of the whole log, whose other
    decisions name none of them; but it is short, however long the log has become.
    """
    gone = person_rows.erased(conn, event_id)
    values = {"event": event_id, "faces": list(faces), "persons": list(persons)}
    rows = conn.execute(_ABOUT, {**values, "decisions": list(decisions)})
    return [without(_decision(row), gone) for row in rows]


_LOG = sa.text(
    "select id, seq, kind, face_ids, rest_face_ids, person_id, other_person_id, media_id,"
    " subject_user_id, details ->> 'email' as email, person_ids,"
    " coalesce((details ->> 'twice')::boolean, false) as twice, supersedes"
    " from memoria.decisions where event_id = :event order by seq"
)
_ABOUT = sa.text(
    "select id, seq, kind, face_ids, rest_face_ids, person_id, other_person_id, media_id,"
    " subject_user_id, details ->> 'email' as email, person_ids,"
    " coalesce((details ->> 'twice')::boolean, false) as twice, supersedes"
    " from memoria.decisions where event_id = :event and id in ("
    " select memoria.decisions_about(:event, cast(:faces as uuid[]), cast(:persons as uuid[]),"
    " cast(:decisions as uuid[]))) order by seq"
)


def _decision(row: sa.Row[Any]) -> Decision:
    return Decision(
        id=row.id,
        seq=row.seq,
        kind=row.kind,
        faces=tuple(row.face_ids),
        rest=tuple(row.rest_face_ids),
        person=row.person_id,
        other=row.other_person_id,
        media=row.media_id,
        user=row.subject_user_id,
        email=row.email,
        persons=tuple(row.person_ids),
        twice=row.twice,
        supersedes=row.supersedes,
    )


def state(conn: sa.Connection, event_id: UUID) -> State:
    """What follows from the log."""
    return fold(log(conn, event_id))


def last_seq(conn: sa.Connection, event_id: UUID) -> int:
    """The place of the last decision in the log, 0 where there is none."""
    found: int = conn.execute(
        sa.text("select coalesce(max(seq), 0) from memoria.decisions where event_id = :event"),
        {"event": event_id},
    ).scalar_one()
    return found


def undone(conn: sa.Connection, event_id: UUID, since: int = 0) -> set[UUID]:
    """The entries that an undo took back which itself stands; only by undos later than `since`."""
    gone: set[UUID] = set()
    late: set[UUID] = set()
    # The last first: whether an undo stands depends on later ones only.
    for row in conn.execute(_UNDOS, {"event": event_id}):
        if row.id not in gone:
            gone.add(row.supersedes)
            late |= {row.supersedes} if row.seq > since else set()
    return late


_UNDOS = sa.text(
    "select id, seq, supersedes from memoria.decisions where event_id = :event and kind = 'undo'"
    " order by seq desc"
)


def insert(
    conn: sa.Connection,
    event_id: UUID,
    made: Decision,
    change: Change,
    *,
    actor: UUID,
    reason: str | None,
) -> int:
    """Append a decision and what it changes; its seq."""
    details = {"email": made.email} if made.email else {}
    values = {
        "id": made.id,
        "event": event_id,
        "kind": made.kind,
        "actor": actor,
        "faces": list(made.faces),
        "rest": list(made.rest),
        "person": made.person,
        "other": made.other,
        "persons": list(made.persons),
        "media": made.media,
        "user": made.user,
        "details": json.dumps(details | ({"twice": True} if made.twice else {})),
        "reason": reason,
        "supersedes": made.supersedes,
        "affected": [face.id for face in change.faces],
        "affected_persons": [person.id for person in change.persons],
        "before": json.dumps(change.before),
    }
    seq: int = conn.execute(_INSERT, values).scalar_one()
    return seq


_INSERT = sa.text(
    "insert into memoria.decisions (id, event_id, kind, actor_id, face_ids, rest_face_ids,"
    " person_id, other_person_id, person_ids, media_id, subject_user_id, details, reason,"
    " supersedes, affected_face_ids, affected_person_ids, before) values (:id, :event, :kind,"
    " :actor, cast(:faces as uuid[]), cast(:rest as uuid[]), :person, :other,"
    " cast(:persons as uuid[]), :media, :user, cast(:details as jsonb), :reason, :supersedes,"
    " cast(:affected as uuid[]), cast(:affected_persons as uuid[]), cast(:before as jsonb))"
    " returning seq"
)
