"""Runs of grouping that quality holds back: kept with the reason, while who stands stays.

They hold numbers only. Nobody publishes one: what was wrong is mended and all is grouped again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.quality.expectations import Failure, reason
from memoria_pipeline.store import runs
from memoria_pipeline.store.runs import ClusterRun


def hold_back(conn: sa.Connection, run: Mapping[str, Any], failed: Sequence[Failure]) -> UUID:
    """Keep a run that may not be published; `run` as for `runs.insert`. Its id."""
    made = runs.insert(conn, {"diff": None, **run}, status="held")
    note(conn, made, failed)
    return made


def note(conn: sa.Connection, run_id: UUID, failed: Sequence[Failure]) -> None:
    """Write what the run did not meet into it: why it is held, or was published knowingly."""
    values = {"run": run_id, "reason": reason(failed)}
    tables = json.dumps([each.as_table() for each in failed])
    conn.execute(_NOTE, {**values, "failures": tables})


_NOTE = sa.text(
    "update memoria.cluster_runs set failures = cast(:failures as jsonb), reason = :reason"
    " where id = :run"
)


def tried(
    conn: sa.Connection, event_id: UUID, kind: str, fingerprint: str, parameters: Mapping[str, Any]
) -> ClusterRun | None:
    """The run that was held back when the same was tried with the same faces and decisions."""
    values = {"event": event_id, "kind": kind, "fingerprint": fingerprint}
    values["parameters"] = json.dumps(dict(parameters))
    found = conn.scalar(_TRIED, values)
    return None if found is None else runs.get(conn, found)


_TRIED = sa.text(
    "select id from memoria.cluster_runs where event_id = :event and status = 'held'"
    " and failures is not null and kind = :kind and fingerprint = :fingerprint"
    " and parameters = cast(:parameters as jsonb) order by created_at desc, id limit 1"
)


def standing(conn: sa.Connection, event_id: UUID) -> ClusterRun | None:
    """The newest run, where it is held back and is about the faces and decisions of now."""
    found = conn.scalar(_NEWEST, {"event": event_id})
    if found is None:
        return None
    run = runs.get(conn, found)
    now = runs.fingerprint(conn, event_id, run.model)
    return run if run.status == "held" and run.fingerprint == now else None


# A proposal that was held says nothing of quality: whoever turned it down knows.
_NEWEST = sa.text(
    "select id from memoria.cluster_runs where event_id = :event"
    " and (status <> 'held' or failures is not null)"
    " order by greatest(created_at, published_at) desc, id limit 1"
)


def everywhere(conn: sa.Connection) -> list[ClusterRun]:
    """What is held back now, of all events that are active."""
    events = list(conn.scalars(_EVENTS))
    return [run for run in (standing(conn, event) for event in events) if run is not None]


_EVENTS = sa.text(
    "select distinct r.event_id from memoria.cluster_runs r"
    " join memoria.events e on e.id = r.event_id and e.status = 'active'"
    " where r.status = 'held' and r.failures is not null order by r.event_id"
)
