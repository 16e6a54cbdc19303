"""Runs that wait for the organiser: kept, published as they were shown, or held with a reason."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError, QualityError
from memoria_pipeline.quality.expectations import Expectation, declared, of_grouping, reason
from memoria_pipeline.store import assignment, beside, events, held, observed, runs, swap
from memoria_pipeline.store.assignment import Label
from memoria_pipeline.store.runs import ClusterRun, Kind


def propose(
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
    diff: Mapping[str, Any],
    evidence: Sequence[Sequence[UUID]] = (),
    redirects: Mapping[UUID, UUID | int] | None = None,
    kind: Kind = "full",
    seen: str | None = None,
) -> UUID:
    """Keep a grouping for the organiser to publish; the id of its run.

    As `runs.save_grouping`, but nothing changes; `fingerprint` must be `runs.fingerprint`. A
    proposal that was open is held.
    """
    events.lock(conn, event_id)
    events.require_consent(conn, event_id)
    older = runs.proposed(conn, event_id)
    if older is not None:
        hold(conn, older.id, "a newer run takes its place")
    ids = [one or uuid4() for one in persons]
    lead = runs.resolved(redirects or {}, ids)
    plan = {
        "persons": [str(one) for one in ids],
        "kept": [str(one) for one in persons if one is not None],
        "redirects": {str(old): str(new) for old, new in lead.items()},
    }
    run = {"event": event_id, "method": method, "model": model, "fingerprint": fingerprint}
    run |= {"parameters": parameters, "measures": measures, "kind": kind, "seen": seen}
    made = runs.insert(conn, run | {"diff": diff, "plan": plan}, status="proposed")
    assignment.stage(conn, labels, ids, evidence)
    assignment.keep_proposal(conn, event_id, made)
    return made


def publish(
    conn: sa.Connection,
    run_id: UUID,
    *,
    must: Sequence[Expectation] | None = None,
    despite: bool = False,
) -> bool:
    """Make a proposal what is. False where faces or decisions changed since: then it is held.

    must: what has to hold now, since photos may have failed, or the detector, while it waited;
    without it those that hold any grouping back. A change of model swaps the faces with it. Raises
    QualityError where something does not hold, and it goes on waiting; despite: the run says so
    instead. Raises DatabaseError unless the run is proposed.
    """
    run = runs.get(conn, run_id)
    events.lock(conn, run.event_id)
    events.require_consent(conn, run.event_id)
    _open(conn, run_id)
    if runs.fingerprint(conn, run.event_id, run.model) != run.fingerprint:
        hold(conn, run_id, "faces or decisions changed since it was made; group again")
        return False
    failed = observed.unmet(conn, run, of_grouping(declared()) if must is None else must)
    if failed and not despite:
        raise QualityError(
            f"Run {run_id} is not published: {reason(failed)}. It goes on waiting: mend that and"
            " publish it then, or knowingly (memoria runs publish --despite-quality)."
        )
    plan = conn.scalar(_PLAN, {"run": run_id})
    assignment.refuse_unknown(conn, run.event_id, [UUID(one) for one in plan["kept"]])
    if run.kind == "model":
        swap.swap(conn, run.event_id)
    assignment.stage_proposal(conn, run_id)
    ids = [UUID(one) for one in plan["persons"]]
    lead = {UUID(old): UUID(new) for old, new in plan["redirects"].items()}
    assignment.apply(conn, run.event_id, run.model, ids, lead)
    conn.execute(_PUBLISHED, {"run": run_id})
    conn.execute(_FORGET, {"run": run_id})
    if failed:
        held.note(conn, run_id, failed)
    return True


def hold(conn: sa.Connection, run_id: UUID, reason: str, *, turned_down: bool = False) -> None:
    """The run does not take place, and why. Raises DatabaseError unless it is proposed.

    turned_down: a human does not want it, so that it is not offered again. With a change of model
    all that the other pack found goes.
    """
    run = runs.get(conn, run_id)
    events.lock(conn, run.event_id)
    _open(conn, run_id)
    if run.kind == "model" and turned_down:
        beside.abandon(conn, run.event_id)
    conn.execute(_HELD, {"run": run_id, "reason": reason, "turned_down": turned_down})
    conn.execute(_FORGET, {"run": run_id})


def tried(conn: sa.Connection, event_id: UUID, parameters: Mapping[str, Any]) -> bool:
    """Whether a full grouping with these parameters waits already, or a human turned it down.

    What waits and is stale by now could not be published: it was not tried.
    """
    values = {"event": event_id, "parameters": json.dumps(dict(parameters))}
    return any(
        run.turned_down or runs.fingerprint(conn, event_id, run.model) == run.fingerprint
        for run in conn.execute(_TRIED, values)
    )


_TRIED = sa.text(
    "select model, fingerprint, turned_down from memoria.cluster_runs"
    " where event_id = :event and kind = 'full' and parameters = cast(:parameters as jsonb)"
    " and (status = 'proposed' or (status = 'held' and turned_down))"
)


def waiting(conn: sa.Connection) -> list[ClusterRun]:
    """Every run that waits, of all events, the oldest first."""
    ids = conn.scalars(
        sa.text(
            "select id from memoria.cluster_runs where status = 'proposed' order by created_at, id"
        )
    )
    return [runs.get(conn, run_id) for run_id in ids]


def _open(conn: sa.Connection, run_id: UUID) -> None:
    run = runs.get(conn, run_id)
    if run.status != "proposed":
        why = f" ({run.reason})" if run.reason else ""
        raise DatabaseError(f"Run {run_id} is {run.status}{why}, it waits for nobody.")


_PLAN = sa.text("select plan from memoria.cluster_runs where id = :run")
_PUBLISHED = sa.text(
    "update memoria.cluster_runs set status = 'published', published_at = clock_timestamp(),"
    " plan = null where id = :run"
)
_HELD = sa.text(
    "update memoria.cluster_runs set status = 'held', reason = :reason, plan = null,"
    " turned_down = :turned_down where id = :run"
)
_FORGET = sa.text("delete from memoria.cluster_proposals where run_id = :run")
