"""A few new faces of an event that is grouped: placed without reading the event."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.place import FEW, loosest, place, reach
from memoria_pipeline.people.regroup import Present, Regrouped
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.tighten import moved
from memoria_pipeline.store import placing
from memoria_pipeline.store.faces import FaceTable
from memoria_pipeline.store.runs import ClusterRun

_LOOSEST, _TIGHTENED = "loosest", "tightened"
_LOOKED_AT = "faces looked at"


def kept(now: Present, found: Regrouped, pack: Thresholds) -> dict[str, float]:
    """What a run that looked at all faces measures for those that will not."""
    return {
        # Down, not to the nearest: whoever is as loose as this has to be found.
        _LOOSEST: float(np.floor(_loosest(now, found) * 1e4) / 1e4),
        _TIGHTENED: round((found.thresholds.merge - pack.merge) / (1 - pack.merge), 3),
    }


def _loosest(now: Present, found: Regrouped) -> float:
    return loosest(now.vectors, now.quality, now.classes, found.people)


def place_few(
    conn: sa.Connection, last: ClusterRun, pack: Thresholds, gate: Gate
) -> dict[str, Any] | None:
    """Place the new faces as an incremental run would, and publish that; what to tell of it.

    last: the run that placed the others. pack: the pack's thresholds. None, with nothing changed,
    where all faces have to be looked at: there are many new ones or none, others went, a human
    decided meanwhile, somebody else would move, or quality holds it back.
    """
    started, known = time.perf_counter(), last.measures
    if last.method != "constrained" or not {_LOOSEST, _TIGHTENED} <= known.keys():
        return None
    new = placing.new(conn, last, FEW)
    if new is None or not placing.else_as_it_was(conn, last, new):
        return None
    own = moved(pack, known[_TIGHTENED]) if known[_TIGHTENED] else pack
    reached = reach(own, known[_LOOSEST])
    faces = placing.near(conn, last.event_id, last.model, new.grouped, reached)
    now = placing.present(conn, last, faces)
    found = place(now, own, reached)
    if found is None or not set(new.grouped) <= set(faces.ids):
        return None
    measured = {**known, **_measured(last, new.ids, now, found)}
    if gate.failed(conn, last.event_id, "incremental", measured):
        return None
    measured["seconds"] = round(time.perf_counter() - started, 3)
    placing.save(conn, last, new, measures=measured, **result(faces, set(new.ids), found))
    return {"run": "incremental", _LOOKED_AT: len(faces.ids), **measured}


def alone(told: Mapping[str, Any]) -> bool:
    """Whether new faces were placed without a look at all, by what was told."""
    return _LOOKED_AT in told


def _measured(
    last: ClusterRun, ids: list[UUID], now: Present, found: Regrouped
) -> dict[str, float]:
    """Of the event; what only a look at all faces tells stays as it was told last."""
    known = last.measures
    made = sum(person is None for person in found.persons)
    return {
        "faces": known["faces"] + len(ids),
        "persons": known["persons"] + made,
        "violations": found.diff.violations,
        "churned": 0,
        "churn": 0.0,
        _LOOSEST: min(known[_LOOSEST], _loosest(now, found)),
    }


def result(faces: FaceTable, new: set[UUID], found: Regrouped) -> dict[str, Any]:
    """The new faces alone, with the persons that take them in numbered anew."""
    grouping = found.grouping
    rows = [i for i, face in enumerate(faces.ids) if face in new and grouping.labels[i] != NOBODY]
    number = {label: i for i, label in enumerate(dict.fromkeys(grouping.labels[rows].tolist()))}
    return {
        "labels": [
            (
                faces.ids[i],
                number[int(grouping.labels[i])],
                float(grouping.probability[i]),
                float(grouping.margin[i]),
            )
            for i in rows
        ],
        "persons": [found.persons[label] for label in number],
        "evidence": [
            [faces.ids[j] for j in grouping.evidence[i].tolist() if j != NOBODY] for i in rows
        ],
        "diff": found.diff.as_table(),
    }
