"""Automatic runs of one event: load → pure call → save. What is published at once, what waits."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Method
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.diff import publishes_itself
from memoria_pipeline.people.internal import internal
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.regroup import Kind, Regrouped, regroup
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.store import beside, proposals, runs, standing
from memoria_pipeline.store import faces as face_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.faces import FaceTable


@dataclass(frozen=True, slots=True)
class How:
    """How to group. churn_limit: share of the faces whose mates a run may change unasked."""

    thresholds: Thresholds
    churn_limit: float
    method: Method = "constrained"
    density: Density = Density()

    def as_table(self) -> dict[str, Any]:
        """What a run keeps of it: with the same faces, the same gives the same."""
        return {
            "method": self.method,
            "min_cluster_size": self.density.min_cluster_size,
            "min_samples": self.density.min_samples,
            "epsilon": self.density.epsilon,
            "thresholds": self.thresholds.as_table(),
        }


def update(conn: sa.Connection, event: Event, how: How, *, force: bool) -> dict[str, Any]:
    """Bring the people of the event up to date; what to tell of it.

    The first grouping is published. After that new faces are placed among the persons there are,
    and nobody else moves. Everything is grouped afresh where that is forced, or where the way to
    group changed: as a proposal, which waits unless it changes hardly anything.
    """
    last = runs.last_run(conn, event.id)
    now = runs.fingerprint(conn, event.id, event.face_model)
    wanted = how.as_table()
    if last is None:
        return {"run": "full", **_place(conn, event, how, "full", now, wanted)}
    told: dict[str, Any] = {"run": "none: nothing changed", **last.measures}
    if last.fingerprint != now:
        # The persons that stand were grouped as the last run says, whatever is asked for now.
        placed = _place(conn, event, how, "incremental", now, last.parameters)
        told = {"run": "incremental", **placed}
    changed = last.parameters != wanted and not proposals.tried(conn, event.id, wanted)
    if force or changed:
        faces = face_store.load(conn, event.id, event.face_model)
        told |= {"run": "full", **_offer(conn, event, how, "full", event.face_model, now, faces)}
    return told


def move(conn: sa.Connection, event: Event, how: How) -> dict[str, Any]:
    """The people by the pack that the event moves to, whose faces wait beside."""
    model = beside.going(conn, event.id)
    if model is None:
        raise DatabaseError(
            f"Event {event.id} does not move to another pack; materialise faces_beside first."
        )
    if left := len(beside.pending(conn, event.id, model)):
        raise DatabaseError(
            f"Event {event.id}: {model} has {left} photos to look at; materialise faces_beside."
        )
    faces = beside.load(conn, event.id, model)
    now = runs.fingerprint(conn, event.id, model)
    return {"run": "model", **_offer(conn, event, how, "model", model, now, faces)}


def _place(
    conn: sa.Connection,
    event: Event,
    how: How,
    kind: Kind,
    fingerprint: str,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """Group and publish: nothing that anybody has seen changes by it, or hardly anything."""
    faces = face_store.load(conn, event.id, event.face_model)
    found, measured = _grouped(conn, event, how, kind, faces)
    runs.save_grouping(
        conn,
        event.id,
        kind=kind,
        fingerprint=fingerprint,
        parameters=parameters,
        measures=measured,
        **_result(faces, found, how, event.face_model),
    )
    return measured


def _offer(
    conn: sa.Connection,
    event: Event,
    how: How,
    kind: Kind,
    model: str,
    fingerprint: str,
    faces: FaceTable,
) -> dict[str, Any]:
    """Group afresh and propose; publish at once what needs no approval."""
    found, measured = _grouped(conn, event, how, kind, faces)
    run = proposals.propose(
        conn,
        event.id,
        kind=kind,
        fingerprint=fingerprint,
        parameters=how.as_table(),
        measures=measured,
        **_result(faces, found, how, model),
    )
    at_once = publishes_itself(found.diff, how.churn_limit)
    if at_once:
        proposals.publish(conn, run)
    return {**measured, "published": at_once, "changes": found.diff.sentences()}


def _grouped(
    conn: sa.Connection, event: Event, how: How, kind: Kind, faces: FaceTable
) -> tuple[Regrouped, dict[str, float]]:
    started = time.perf_counter()
    now = standing.present(conn, event.id, faces)
    found = regroup(now, how.thresholds, kind, method=how.method, density=how.density)
    measures = internal(faces.embedding, found.people, faces.media, faces.quality_class, now.codes)
    ours = ~now.constraints.pinned  # a human may say that a mirror shows somebody twice
    measured = {
        **{name: round(value, 4) for name, value in measures.items()},
        "impure": measure.impure(found.people[ours], faces.media[ours]),
        "violations": found.diff.violations,
        "conflicts": len(now.constraints.conflicts),
        "merge_threshold": round(found.thresholds.merge, 4),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return found, measured


def _result(faces: FaceTable, found: Regrouped, how: How, model: str) -> dict[str, Any]:
    """What a run's result is saved as."""
    columns = (found.grouping.labels, found.grouping.probability, found.grouping.margin)
    each = zip(faces.ids, *(column.tolist() for column in columns), strict=True)
    return {
        "model": model,
        "method": how.method,
        "labels": [(face, None if i == NOBODY else i, p, margin) for face, i, p, margin in each],
        "persons": found.persons,
        "evidence": [
            [faces.ids[i] for i in row if i != NOBODY] for row in found.grouping.evidence.tolist()
        ],
        "redirects": found.redirects,
        "diff": found.diff.as_table(),
    }
