"""Erasures: requested, their rows taken away, and what is left to do until they are proven.

What goes and what stays is the database's: memoria.erase_rows. Counts only, never the subject,
leave this module, but for `subject`, which the work itself needs while it is under way.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

Scope = Literal["person", "photos", "archive", "event"]
Source = Literal["page", "api", "cli", "job", "sql", "schedule"]
Reason = Literal["request", "withdrawn", "retention", "archived", "restored"]


@dataclass(frozen=True, slots=True)
class Open:
    """An erasure that is not completed. status: requested, running (its rows are gone) or failed.

    attempts, error: how often it failed, and the class of the last failure.
    """

    id: UUID
    event_id: UUID | None
    scope: Scope
    status: str
    source: Source
    reason: Reason
    requested_at: datetime
    due_at: datetime
    rows_at: datetime | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an open erasure is about; after erase_rows with all that was found to be theirs.

    kept: the user runs the event, and stays its organiser or photographer. alone: no other event
    knows the user (any more), so nothing of the user may be left anywhere.
    """

    event_id: UUID | None
    user_id: UUID | None
    person_ids: list[UUID]
    face_ids: list[UUID]
    media_ids: list[UUID]
    emails: list[str]
    kept: bool
    alone: bool


def request(
    conn: sa.Connection,
    scope: Scope,
    event_id: UUID,
    *,
    user: UUID | None = None,
    persons: Sequence[UUID] = (),
    photos: Sequence[UUID] = (),
    source: Source = "sql",
    reason: Reason = "request",
    by: UUID | None = None,
) -> UUID:
    """Ask for an erasure; its id. An open one of the same subject is returned.

    persons, photos: ids of the event. The database refuses (22004) one without a subject.
    """
    values: dict[str, Any] = {"scope": scope, "event": event_id, "user": user, "by": by}
    values |= {"persons": list(persons), "photos": list(photos)}
    values |= {"source": source, "reason": reason}
    made: UUID = conn.execute(_REQUEST, values).scalar_one()
    return made


_REQUEST = sa.text(
    "select memoria.request_erasure(:scope, :event, :user, cast(:persons as uuid[]),"
    " cast(:photos as uuid[]), :source, :reason, :by)"
)


def open_(conn: sa.Connection, limit: int = 100) -> list[Open]:
    """Erasures that are not completed, the most urgent first."""
    return [Open(*row) for row in conn.execute(_OPEN, {"limit": limit})]


_OPEN = sa.text(
    "select id, event_id, scope, status, source, reason, requested_at, due_at, rows_at, attempts,"
    " error from memoria.erasures where completed_at is null order by due_at, id limit :limit"
)


def erase_rows(conn: sa.Connection, erasure_id: UUID) -> dict[str, int]:
    """The rows of the subject go, in the caller's transaction; what went, in counts.

    Again after it did: whatever came since goes too, and the counts are those of both.
    """
    wait_briefly(conn)
    counts: dict[str, int] = conn.execute(_ROWS, {"id": erasure_id}).scalar_one()
    return counts


_ROWS = sa.text("select memoria.erase_rows(:id)")


def wait_briefly(conn: sa.Connection) -> None:
    """For the rest of the transaction, wait 3 s at most for whoever holds the event.

    Somebody who waits with others behind it holds up every event: it is tried again instead.
    """
    conn.execute(sa.text("set local lock_timeout = '3s'"))


def counts(conn: sa.Connection, erasure_id: UUID) -> dict[str, int]:
    """What went with the rows; empty before that."""
    found: dict[str, int] = conn.execute(
        sa.text("select counts from memoria.erasures where id = :id"), {"id": erasure_id}
    ).scalar_one()
    return found


def subject(conn: sa.Connection, erasure_id: UUID) -> Subject | None:
    """Whom it is about; None once it is completed: nobody knows then."""
    row = conn.execute(_SUBJECT, {"id": erasure_id}).first()
    return None if row is None else Subject(**row._mapping)


_SUBJECT = sa.text(
    "select r.event_id, r.user_id, r.person_ids, r.face_ids, r.media_ids, r.emails, r.kept,"
    " r.user_id is not null and not exists (select from memoria.event_members m"
    "  where m.user_id = r.user_id) as alone"
    " from memoria.erasure_requests r where r.id = :id"
)


def finish(
    conn: sa.Connection,
    erasure_id: UUID,
    *,
    receipt: Mapping[str, Any],
    subject_hash: str,
    signature: str,
    key_id: str,
) -> None:
    """It is done and proven: the receipt is kept for good, and the subject is forgotten."""
    values = {"id": erasure_id, "receipt": json.dumps(dict(receipt)), "hash": subject_hash}
    conn.execute(_FINISH, {**values, "signature": signature, "key": key_id})


_FINISH = sa.text(
    "select memoria.finish_erasure(:id, cast(:receipt as jsonb), :hash, :signature, :key)"
)


def fail(conn: sa.Connection, erasure_id: UUID, error: str) -> None:
    """A try failed; `error` is the class of what was raised, nothing more. It stays open."""
    conn.execute(_FAIL, {"id": erasure_id, "error": error})


_FAIL = sa.text(
    "update memoria.erasures set status = 'failed', attempts = attempts + 1, error = :error"
    " where id = :id and completed_at is null"
)
