"""Automatic runs of one event: load → pure call → save. What is published at once, what waits."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.defs import placing
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Method
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.diff import Diff, publishes_itself, without
from memoria_pipeline.people.internal import internal
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.ready import enough
from memoria_pipeline.people.regroup import Kind, Regrouped, regroup
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.quality.expectations import Failure, reason
from memoria_pipeline.store import beside, held, observed, proposals, runs, standing
from memoria_pipeline.store import faces as face_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.faces import FaceTable


@dataclass(frozen=True, slots=True)
class How:
    """How to group. churn_limit: share of the faces whose mates a run may change unasked.

    gate: what has to be met before the result is shown.
    """

    thresholds: Thresholds
    churn_limit: float
    method: Method = "constrained"
    density: Density = Density()
    gate: Gate = Gate()

    def as_table(self) -> dict[str, Any]:
        """What a run keeps of it: with the same faces, the same gives the same."""
        return {
            "method": self.method,
            "min_cluster_size": self.density.min_cluster_size,
            "min_samples": self.density.min_samples,
            "epsilon": self.density.epsilon,
            "thresholds": self.thresholds.as_table(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Input:
    """What a run works on; fingerprint and seen as in `runs`."""

    kind: Kind
    model: str
    fingerprint: str
    faces: FaceTable
    seen: str | None = None


def update(conn: sa.Connection, event: Event, how: How, *, force: bool) -> dict[str, Any]:
    """Bring the people of the event up to date; what to tell of it.

    The first grouping is published. After that new faces are placed among the persons there are,
    and nobody else moves. Everything is grouped afresh where that is forced, or where the way to
    group changed: as a proposal, which waits unless it changes hardly anything.
    """
    last, wanted = runs.last_run(conn, event.id), how.as_table()
    as_then = last is not None and (last.model, last.parameters) == (event.face_model, wanted)
    if last is not None and as_then and not force:
        few = placing.place_few(conn, last, how.thresholds, how.gate)
        if few is not None:
            return few
    now = runs.fingerprint(conn, event.id, event.face_model)
    if last is None:
        return _place(conn, event, how, "full", now, wanted)
    told: dict[str, Any] = {"run": f"{_NONE}: nothing changed", **last.measures}
    if last.fingerprint != now:
        # The persons that stand were grouped as the last run says, whatever is asked for now.
        told = _place(conn, event, how, "incremental", now, last.parameters)
    changed = last.parameters != wanted and not proposals.tried(conn, event.id, wanted)
    changed = changed and how.gate.still(conn, event.id, "full", now, wanted) is None
    if force or changed:
        of = _load(conn, event, "full", now)
        both = "incremental, then full" if last.fingerprint != now else "full"
        back = {_HELD: told[_HELD]} if _HELD in told else {}
        offered = _offer(conn, event, how, of, *_grouped(conn, event, how, of))
        return {"run": both, **back, **offered}
    return told


_NONE, _HELD = "none", "held back"


def pictured(told: Mapping[str, Any]) -> bool:
    """Whether plots are drawn, by what was told: they take 50 times what placing a few does."""
    return not str(told["run"]).startswith(_NONE) and not placing.alone(told)


def needless(conn: sa.Connection, event: Event, *, when_enough: bool) -> dict[str, Any] | None:
    """Why an event is not to be grouped; None where it is. when_enough: leave it while too little
    is analysed and nothing has begun."""
    if event.forgets:
        return {"run": f"{_NONE}: faces came with the person that they are"}
    return not_yet(conn, event.id) if when_enough else None


def not_yet(conn: sa.Connection, event_id: UUID) -> dict[str, Any] | None:
    """Why an event need not be grouped yet; None where it is time, or where it has begun."""
    ready = observed.faces_and_photos(conn, event_id)
    if enough(**ready) or runs.last_run(conn, event_id) or held.standing(conn, event_id):
        return None
    return {"run": f"{_NONE}: too little is analysed yet", **ready}


def move(conn: sa.Connection, event: Event, how: How) -> dict[str, Any]:
    """The people by the pack that the event moves to, whose faces wait beside.

    Published at once only where every photo could be read, no decided face is lost and hardly
    anybody changes. Raises DatabaseError while there are photos to look at, or where none could be
    read.
    """
    model = beside.going(conn, event.id)
    if model is None:
        return {"run": "none: the event is not on its way to another pack"}
    left, unread = len(beside.pending(conn, event.id, model)), beside.unread(conn, event.id)
    now = runs.fingerprint(conn, event.id, model)
    of = _Input("model", model, now, beside.load(conn, event.id, model))
    if left or (unread and not of.faces.ids):
        raise DatabaseError(
            f"Event {event.id}: {model} has {left} photos to look at and could not read {unread}."
            " Run the job change_model again, once their reasons are mended."
        )
    found, measured = _grouped(conn, event, how, of)
    found = replace(found, diff=_with_lost(conn, event, of.faces, found.diff))
    told = _offer(conn, event, how, of, found, measured, wait=unread > 0)
    return {"run": "model", "photos it could not read": unread, **told}


def _with_lost(conn: sa.Connection, event: Event, faces: FaceTable, found: Diff) -> Diff:
    """The diff with the faces of now that the other pack does not find."""
    now = face_store.load(conn, event.id, event.face_model, dimensions=1)
    kept = set(faces.ids)
    gone = [i for i, face in enumerate(now.ids) if face not in kept and not now.lost[i]]
    gone = [i for i in gone if now.person[i] is not None]
    compared = sum(person is not None for person in faces.person)
    return without(found, compared, len(gone), int(now.human_touched[gone].sum()))


def _load(conn: sa.Connection, event: Event, kind: Kind, fingerprint: str) -> _Input:
    seen = runs.seen(conn, event.id)
    faces = face_store.load(conn, event.id, event.face_model)
    return _Input(kind, event.face_model, fingerprint, faces, seen)


def _place(
    conn: sa.Connection,
    event: Event,
    how: How,
    kind: Kind,
    fingerprint: str,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """Group and publish: nothing that anybody has seen changes by it, or hardly anything."""
    why = how.gate.still(conn, event.id, kind, fingerprint, parameters)
    if why is not None:
        return {"run": f"{_NONE}: nothing changed since it was held back", _HELD: why}
    of = _load(conn, event, kind, fingerprint)
    found, measured = _grouped(conn, event, how, of)
    row = {"parameters": parameters, "measures": measured, **_result(of, found, how)}
    failed = how.gate.failed(conn, event.id, kind, measured)
    if failed and not how.gate.despite:
        return {"run": kind, **_hold_back(conn, event, row, failed)}
    run = runs.save_grouping(conn, event.id, **row)
    return {"run": kind, **_despite(conn, run, failed), **measured}


def _hold_back(
    conn: sa.Connection, event: Event, row: Mapping[str, Any], failed: Sequence[Failure]
) -> dict[str, Any]:
    """Keep the run's numbers and why it is not shown; who stands stays."""
    run = held.hold_back(conn, {**row, "event": event.id}, failed)
    return {"published": False, _HELD: reason(failed), "cluster_run": str(run)}


def _despite(conn: sa.Connection, run: UUID, failed: Sequence[Failure]) -> dict[str, Any]:
    """Write down what is published knowingly."""
    if not failed:
        return {}
    held.note(conn, run, failed)
    return {"published despite": reason(failed)}


def _offer(
    conn: sa.Connection,
    event: Event,
    how: How,
    of: _Input,
    found: Regrouped,
    measured: Mapping[str, float],
    *,
    wait: bool = False,
) -> dict[str, Any]:
    """Propose; publish at once what needs no approval."""
    row = {"parameters": how.as_table(), "measures": measured, **_result(of, found, how)}
    failed = how.gate.failed(conn, event.id, of.kind, measured)
    if failed and not how.gate.despite:
        return _hold_back(conn, event, row, failed)
    older = runs.proposed(conn, event.id)
    run = proposals.propose(conn, event.id, **row)
    at_once = publishes_itself(found.diff, how.churn_limit) and not wait
    told = {"changes": found.diff.sentences(), "published": at_once}
    if at_once:
        proposals.publish(conn, run, must=())  # looked at above, or published knowingly
    else:
        told["waits for approval"] = f"memoria runs publish {run}"
    if older is not None:
        told["takes the place of"] = str(older.id)
    return told | _despite(conn, run, failed) | dict(measured)


def _grouped(
    conn: sa.Connection, event: Event, how: How, of: _Input
) -> tuple[Regrouped, dict[str, float]]:
    started, faces = time.perf_counter(), of.faces
    now = standing.present(conn, event.id, faces)
    found = regroup(now, how.thresholds, of.kind, method=how.method, density=how.density)
    measures = internal(faces.embedding, found.people, faces.media, faces.quality_class, now.codes)
    ours = ~now.constraints.pinned  # a human may say that a mirror shows somebody twice
    measured = {
        **{name: round(value, 4) for name, value in measures.items()},
        "impure": measure.impure(found.people[ours], faces.media[ours]),
        "impure_before": measure.impure(now.codes[ours], faces.media[ours]),
        "violations": found.diff.violations,
        "churned": round(found.diff.churn * sum(person is not None for person in faces.person)),
        "conflicts": len(now.constraints.conflicts),
        "merge_threshold": round(found.thresholds.merge, 4),
        **placing.kept(now, found, how.thresholds),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return found, measured


def _result(of: _Input, found: Regrouped, how: How) -> dict[str, Any]:
    """What a run's result is saved as."""
    columns = (found.grouping.labels, found.grouping.probability, found.grouping.margin)
    faces = of.faces.ids
    each = zip(faces, *(column.tolist() for column in columns), strict=True)
    return {
        "kind": of.kind,
        "model": of.model,
        "fingerprint": of.fingerprint,
        "seen": of.seen,
        "method": how.method,
        "labels": [(face, None if i == NOBODY else i, p, margin) for face, i, p, margin in each],
        "persons": found.persons,
        "evidence": [
            [faces[i] for i in row if i != NOBODY] for row in found.grouping.evidence.tolist()
        ],
        "redirects": found.redirects,
        "diff": found.diff.as_table(),
    }
