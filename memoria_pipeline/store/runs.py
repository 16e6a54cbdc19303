"""Runs of grouping: what an automatic run says goes into the machine's layer of the faces.

What a human decided it does not touch, and the database would refuse it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import assignment, beside, events, faces
from memoria_pipeline.store.assignment import Label as Label

Kind = Literal["full", "incremental", "model"]


@dataclass(frozen=True, slots=True)
class ClusterRun:
    """One row of `memoria.cluster_runs`. fingerprint: of what went in. seen: as `seen` says it of
    that, with the faces that it placed; None where nobody noted it.

    diff: what it changed or would change. reason: why it is held.
    """

    id: UUID
    event_id: UUID
    kind: Kind
    method: str
    model: str
    parameters: dict[str, Any]
    measures: dict[str, Any]
    fingerprint: str
    status: str
    published_at: datetime | None
    diff: dict[str, Any] | None
    reason: str | None
    created_at: datetime
    seen: str | None = None


def fingerprint(conn: sa.Connection, event_id: UUID, model: str) -> str:
    """A text that changes with the faces of the pack `model`, with every decision, and with what
    another application says of a person.

    Of a pack that the event is only on its way to: the faces that wait beside.
    """
    now = events.get(conn, event_id).face_model
    of_faces = faces.fingerprint if now == model else beside.fingerprint
    return f"{of_faces(conn, event_id, model)}:{said(conn, event_id)}"


def said(conn: sa.Connection, event_id: UUID) -> str:
    """The end of a fingerprint: what humans and other applications say."""
    text: str = conn.execute(_SAID, {"event": event_id}).scalar_one()
    return text


def seen(conn: sa.Connection, event_id: UUID) -> str:
    """A text that changes with every face of any pack that comes, goes or is another, and that is
    had without reading them. Of what is read afterwards: read it first."""
    query = sa.text("select memoria.faces_seen(:event)")
    text: str = conn.execute(query, {"event": event_id}).scalar_one()
    return text


# Runs merge persons themselves: whom a human merged, the log says.
SAID = (
    "(select coalesce(max(seq), 0) from memoria.decisions where event_id = :event) || ':' ||"
    " (select coalesce(sum(hashtextextended(concat_ws(' ', id, status, linked_user_id), 0)), 0)"
    "  from memoria.face_persons where event_id = :event"
    "  and status in ('linked', 'invited', 'ignored'))"
)
_SAID = sa.text(f"select {SAID}")


def save_grouping(
    conn: sa.Connection,
    event_id: UUID,
    *,
    model: str,
    method: str,
    parameters: Mapping[str, Any],
    measures: Mapping[str, Any],
    fingerprint: str,
    labels: Sequence[Label],
    persons: Sequence[UUID | None],
    evidence: Sequence[Sequence[UUID]] = (),
    redirects: Mapping[UUID, UUID | int] | None = None,
    kind: Kind = "full",
    diff: Mapping[str, Any] | None = None,
    seen: str | None = None,
) -> UUID:
    """Publish a grouping of the event's faces of one pack; return the id of its cluster run.

    persons: per cluster the person it continues, or None for a new one. evidence: per label up to
    three faces that speak for it. redirects: a person that nobody reviewed → the person, or number
    of the cluster, that it leads to from now on. Faces of the pack that no label names belong to
    nobody afterwards. Faces with a verdict stay as they are, a face is never given to a person it
    was rejected from; pending persons that nothing refers to any more go. Raises DatabaseError when
    a person to continue or to redirect is not a live one of this event, ConsentError where the
    event is over or its switch is off.
    """
    # One grouping of an event at a time; decisions and erasures take this lock too.
    events.lock(conn, event_id)
    events.require_consent(conn, event_id)
    assignment.refuse_unknown(conn, event_id, [one for one in persons if one is not None])
    ids = [one or uuid4() for one in persons]
    assignment.stage(conn, labels, ids, evidence)
    assignment.apply(conn, event_id, model, ids, resolved(redirects or {}, ids))
    run = {"event": event_id, "method": method, "model": model, "fingerprint": fingerprint}
    run |= {"parameters": parameters, "measures": measures, "kind": kind, "diff": diff}
    run |= {"seen": seen}
    return insert(conn, run, status="published")


def resolved(redirects: Mapping[UUID, UUID | int], ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Redirects with numbers of clusters made persons."""
    return {old: ids[new] if isinstance(new, int) else new for old, new in redirects.items()}


def insert(conn: sa.Connection, run: Mapping[str, Any], *, status: str) -> UUID:
    """The row of a run; `run` has its columns, event in place of event_id."""
    values: dict[str, Any] = {"plan": None, "seen": None, **run, "status": status}
    for name in ("parameters", "measures", "diff", "plan"):
        given = values[name]
        values[name] = None if given is None else json.dumps(dict(given))
    made: UUID = conn.execute(_INSERT, values).scalar_one()
    return made


_INSERT = sa.text(
    "insert into memoria.cluster_runs (event_id, kind, method, parameters, measures, model,"
    " fingerprint, seen, diff, plan, status, created_at, published_at) values (:event, :kind,"
    " :method, cast(:parameters as jsonb), cast(:measures as jsonb), :model, :fingerprint,"
    " :seen, cast(:diff as jsonb), cast(:plan as jsonb), :status, clock_timestamp(),"
    " case :status when 'published' then clock_timestamp() end) returning id"
)
_COLUMNS = (
    "select id, event_id, kind, method, model, parameters, measures, fingerprint, status,"
    " published_at, diff, reason, created_at, seen from memoria.cluster_runs"
)


def last_run(conn: sa.Connection, event_id: UUID) -> ClusterRun | None:
    """The grouping that was published last, or None."""
    last = " where event_id = :event and status = 'published' order by published_at desc, id"
    row = conn.execute(sa.text(_COLUMNS + last + " limit 1"), {"event": event_id}).first()
    return None if row is None else ClusterRun(*row)


def proposed(conn: sa.Connection, event_id: UUID) -> ClusterRun | None:
    """The run that waits for the organiser, or None."""
    waiting = " where event_id = :event and status = 'proposed'"
    row = conn.execute(sa.text(_COLUMNS + waiting), {"event": event_id}).first()
    return None if row is None else ClusterRun(*row)


def get(conn: sa.Connection, run_id: UUID) -> ClusterRun:
    """One run. Raises DatabaseError when there is none with this id."""
    row = conn.execute(sa.text(_COLUMNS + " where id = :id"), {"id": run_id}).first()
    if row is None:
        raise DatabaseError(f"There is no run of grouping {run_id}.")
    return ClusterRun(*row)
