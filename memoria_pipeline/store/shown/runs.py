"""Runs of grouping, as the organiser sees them: what each changed, or would change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class RunShown:
    """A run. status: proposed (it waits), published or held; reason: why it is held. diff: counts
    of what it changes (people.diff.Diff). answer: what the organiser said and the pipeline has yet
    to do, or did; problem: why it could not."""

    id: UUID
    event_id: UUID
    kind: str
    method: str
    status: str
    reason: str | None
    diff: dict[str, Any] | None
    measures: dict[str, Any]
    created_at: datetime
    published_at: datetime | None
    answer: str | None
    answered_at: datetime | None
    done_at: datetime | None
    problem: str | None


def of_event(conn: sa.Connection, event_id: UUID, limit: int = 50) -> list[RunShown]:
    """The event's runs: what waits first, then the newest."""
    rows = conn.execute(_OF_EVENT, {"event": event_id, "limit": limit})
    return [RunShown(*row) for row in rows]


def one(conn: sa.Connection, run: UUID) -> RunShown | None:
    """One run; None where it is not there, or not for the caller."""
    row = conn.execute(_ONE, {"run": run}).first()
    return None if row is None else RunShown(*row)


_COLUMNS = (
    "select r.id, r.event_id, r.kind, r.method, r.status, r.reason, r.diff, r.measures,"
    " r.created_at, r.published_at, a.answer, a.created_at, a.done_at, a.problem"
    " from memoria.cluster_runs r left join lateral (select * from memoria.run_answers a"
    " where a.run_id = r.id order by a.created_at desc limit 1) a on true"
)
_OF_EVENT = sa.text(
    _COLUMNS + " where r.event_id = :event"
    " order by r.status <> 'proposed', r.created_at desc, r.id limit :limit"
)
_ONE = sa.text(_COLUMNS + " where r.id = :run")
