"""The inbox as a human looks at it: which jobs there are, what became of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError


@dataclass(frozen=True, slots=True)
class JobRow:
    """One row of `memoria.ml_jobs`. photos: how many it names; 0: all of its event."""

    id: UUID
    job_type: str
    event_id: UUID
    photos: int
    status: str
    priority: str
    attempts: int
    error: str | None
    result: Mapping[str, Any] | None
    claim_token: UUID | None
    lease_until: datetime | None
    next_attempt_at: datetime
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


_COLUMNS = (
    "select id, job_type, event_id, cardinality(media_ids), status, priority, attempts, error,"
    " result, claim_token, lease_until, next_attempt_at, created_at, started_at, completed_at"
    " from memoria.ml_jobs"
)


def list_(
    conn: sa.Connection,
    *,
    status: str | None = None,
    event_id: UUID | None = None,
    limit: int = 50,
) -> list[JobRow]:
    """Jobs, the newest first; of one status, of one event."""
    values = {"status": status, "event": event_id, "limit": limit}
    return [JobRow(*row) for row in conn.execute(_LIST, values)]


_LIST = sa.text(
    _COLUMNS + " where (cast(:status as text) is null or status = :status)"
    " and (cast(:event as uuid) is null or event_id = :event)"
    " order by created_at desc, id limit :limit"
)


def get(conn: sa.Connection, job_id: UUID) -> JobRow:
    """One job. Raises DatabaseError when there is none with this id."""
    row = conn.execute(sa.text(_COLUMNS + " where id = :id"), {"id": job_id}).first()
    if row is None:
        raise DatabaseError(f"There is no job {job_id}; `memoria jobs list` names them.")
    return JobRow(*row)


def counts(conn: sa.Connection) -> dict[str, int]:
    """How many jobs there are by status."""
    rows = conn.execute(sa.text("select status, count(*) from memoria.ml_jobs group by status"))
    return {row[0]: row[1] for row in rows}


def failed(conn: sa.Connection, event_id: UUID | None = None) -> list[UUID]:
    """The dead letters, of one event or of all, the oldest first."""
    return list(conn.scalars(_FAILED, {"event": event_id}))


_FAILED = sa.text(
    "select id from memoria.ml_jobs where status = 'failed'"
    " and (cast(:event as uuid) is null or event_id = :event) order by created_at, id"
)
