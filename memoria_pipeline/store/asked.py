"""What people and applications ask the pipeline for: rows that its sensors find.

A person asks on their own connection, an application by the functions `api_*` as the bare login.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.jobs import Priority

JobType = Literal["detect", "cluster"]


@dataclass(frozen=True, slots=True)
class JobShown:
    """A row of `ml_jobs`, as applications know it."""

    id: UUID
    job_type: str
    event_id: UUID
    media_ids: list[UUID]
    status: str
    priority: str
    attempts: int
    error: str | None
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClusterShown:
    """One person of the last grouping, as the worker that was replaced called it."""

    cluster_label: int | None
    face_count: int
    representative_face_id: UUID | None
    avg_quality: float | None


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whether faces of an event may be looked for, and by which model; forgets: whether those of
    who did not agree may be given to nobody."""

    exists: bool
    allowed: bool
    face_model: str | None
    forgets: bool = False


_JOB_COLUMNS = (
    "select id, job_type, event_id, media_ids, status, priority, attempts, error, result,"
    " created_at, started_at, completed_at from "
)


def enqueue(
    conn: sa.Connection,
    event_id: UUID,
    job_type: JobType,
    media_ids: Sequence[UUID] = (),
    priority: Priority = "normal",
) -> JobShown:
    """A new job, as an organiser or photographer of the event."""
    values = _values(event_id, job_type, media_ids, priority)
    return JobShown(*conn.execute(_ENQUEUE, values).one())


def enqueue_for(
    conn: sa.Connection,
    event_id: UUID,
    job_type: JobType,
    media_ids: Sequence[UUID] = (),
    priority: Priority = "normal",
) -> JobShown:
    """A new job for an application, as the bare login."""
    values = _values(event_id, job_type, media_ids, priority)
    return JobShown(*conn.execute(_ENQUEUE_FOR, values).one())


def _values(
    event_id: UUID, job_type: JobType, media_ids: Sequence[UUID], priority: Priority
) -> dict[str, Any]:
    return {"event": event_id, "type": job_type, "media": list(media_ids), "priority": priority}


_ENQUEUE = sa.text(
    "insert into memoria.ml_jobs (event_id, job_type, media_ids, priority)"
    " values (:event, :type, cast(:media as uuid[]), :priority) returning id, job_type, event_id,"
    " media_ids, status, priority, attempts, error, result, created_at, started_at, completed_at"
)
_ENQUEUE_FOR = sa.text(
    _JOB_COLUMNS + "memoria.api_enqueue(:type, :event, cast(:media as uuid[]), :priority)"
)


def job(conn: sa.Connection, job_id: UUID) -> JobShown | None:
    """A job for an application, as the bare login; None where there is none."""
    row = conn.execute(_JOB, {"id": job_id}).first()
    return None if row is None or row.id is None else JobShown(*row)


_JOB = sa.text(_JOB_COLUMNS + "memoria.api_job(:id)")


def clusters(conn: sa.Connection, event_id: UUID) -> list[ClusterShown]:
    """The people of an event for an application, as the bare login, the largest first."""
    return [ClusterShown(*row) for row in conn.execute(_CLUSTERS, {"event": event_id})]


_CLUSTERS = sa.text(
    "select cluster_label, face_count, representative_face_id, avg_quality"
    " from memoria.api_clusters(:event) order by face_count desc, cluster_label"
)


def allowed(conn: sa.Connection, event_id: UUID) -> Allowed:
    """Whether the event takes faces, as the bare login."""
    row = conn.execute(_ALLOWED, {"event": event_id}).first()
    return Allowed(False, False, None) if row is None else Allowed(*row)


_ALLOWED = sa.text(
    'select "exists", allowed, face_model, forgets from memoria.api_may_analyse(:event)'
)


def finish(
    conn: sa.Connection,
    job_id: UUID,
    status: Literal["completed", "failed"],
    error: str | None,
    result: Mapping[str, Any] | None,
) -> bool:
    """A worker's outcome, as the bare login; False where there is no such job that is open, or one
    that the pipeline works on itself."""
    said = None if result is None else json.dumps(dict(result))
    values = {"id": job_id, "status": status, "error": error, "result": said}
    return bool(conn.scalar(_FINISH, values))


_FINISH = sa.text("select memoria.api_finish_job(:id, :status, :error, cast(:result as jsonb))")


def answer_run(
    conn: sa.Connection,
    event_id: UUID,
    run: UUID,
    answer: Literal["publish", "turn_down"],
    by: UUID,
) -> None:
    """What an organiser wants of a run that waits; the pipeline does it."""
    values = {"run": run, "event": event_id, "answer": answer, "by": by}
    conn.execute(_ANSWER_RUN, values)


_ANSWER_RUN = sa.text(
    "insert into memoria.run_answers (run_id, event_id, answer, by_user)"
    " values (:run, :event, :answer, :by)"
)


def purge(conn: sa.Connection, event_id: UUID, user: UUID) -> dict[str, int | str]:
    """Erase a member's faces and tags, as that member or an organiser; counts, and which erasure
    proves it."""
    values = {"event": event_id, "user": user}
    found: dict[str, int | str] = conn.execute(_PURGE, values).scalar_one()
    return found


_PURGE = sa.text("select memoria.purge_for_caller(:user, :event)")


def erase(
    conn: sa.Connection, event_id: UUID, user: UUID | None, persons: Sequence[UUID] = ()
) -> UUID:
    """As `purge`, from a page: of the caller, or by an organiser of persons and the user they are.

    Which erasure proves it. The database refuses persons who are not in the event.
    """
    values = {"event": event_id, "user": user, "persons": list(persons)}
    return UUID(conn.execute(_ERASE, values).scalar_one()["erasure"])


_ERASE = sa.text("select memoria.erase_for_caller(:event, :user, cast(:persons as uuid[]))")


def photo_root(conn: sa.Connection, event_id: UUID) -> str | None:
    """Where an active event's photos are, as the bare login; no answer to anybody repeats it."""
    found: str | None = conn.scalar(_ROOT, {"event": event_id})
    return found


_ROOT = sa.text("select memoria.api_photo_root(:event)")


@dataclass(frozen=True, slots=True)
class FaceCounts:
    """All faces of an event, and those that are nobody's."""

    total: int
    noise: int


def face_counts(conn: sa.Connection, event_id: UUID) -> FaceCounts:
    """How many faces an event has, as the bare login."""
    return FaceCounts(*conn.execute(_FACES, {"event": event_id}).one())


_FACES = sa.text("select total, noise from memoria.api_face_counts(:event)")
