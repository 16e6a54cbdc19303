"""A few new faces among the persons of an event: what is read for it, and written, is little.

PostgreSQL compares the new faces with all of the event where they lie; only whoever is near enough
to matter is read. No index: an approximate one is wrong about one face in ten, and costs each
write more than this costs a photo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import fold
from memoria_pipeline.people.place import Reach
from memoria_pipeline.people.prepare import FAINTEST
from memoria_pipeline.people.regroup import Present
from memoria_pipeline.store import assignment, decision_log, events, faces, runs
from memoria_pipeline.store.assignment import Label
from memoria_pipeline.store.faces import FaceTable
from memoria_pipeline.store.runs import ClusterRun


def new(conn: sa.Connection, event_id: UUID, model: str, most: int) -> list[UUID] | None:
    """The faces that no run has placed yet, by id; None where they are more than `most`, or where
    a human has spoken of one."""
    rows = conn.execute(_NEW, {"event": event_id, "model": model, "most": most + 1}).all()
    if len(rows) > most or any(row.human_touched for row in rows):
        return None
    return [row.id for row in rows]


_NEW = sa.text(
    "select f.id, f.human_touched from memoria.faces f"
    " join memoria.media m on m.event_id = f.event_id and m.id = f.media_id"
    " where f.event_id = :event and f.model = :model and f.face_person_id is null"
    " and f.quality_class <> 'C' and f.embedding is not null and m.status <> 'missing'"
    " order by f.id limit :most"
)


def else_as_it_was(conn: sa.Connection, last: ClusterRun, added: Sequence[UUID]) -> bool:
    """Whether nothing but these faces came since that run, none went, and nobody decided."""
    now = runs.fingerprint(conn, last.event_id, last.model)
    return now == fingerprint(conn, last, added)


def near(
    conn: sa.Connection, event_id: UUID, model: str, ids: Sequence[UUID], reach: Reach
) -> FaceTable:
    """These new faces, and all faces of every person within reach of one of them."""
    values = {
        "event": event_id,
        "model": model,
        "d": faces.STORED_DIMENSIONS,
        "nobody": faces.NOBODY,
        "new": list(ids),
        "face": reach.face,
        "reach": reach.cosine,
        "loosest": reach.loosest,
        "faintest": FAINTEST,
    } | {f"new{i}": each for i, each in enumerate(ids)}
    return faces.table(conn, event_id, _near(len(ids)), values)


def _near(count: int) -> str:
    """Who has a face that is near enough, then who is near enough by all faces, then their faces.

    A mean is as much more like a face than its faces are on average as its sum is shorter than
    they are end to end: of n faces at least √(1/n + (1 - 1/n) loosest).
    """
    distances = [
        "f.embedding <#> (select embedding from memoria.faces"  # noqa: S608
        f" where event_id = %(event)s and id = %(new{i})s)"
        for i in range(count)
    ]
    nearest = f"least({', '.join(distances)})"
    summed = f"least({', '.join(f'sum(w.weight * w.d{i})' for i in range(count))})"
    each = ", ".join(f"{distance} as d{i}" for i, distance in enumerate(distances))
    return f"""
    with hit as (
        select distinct f.face_person_id as person from memoria.faces f
        where f.event_id = %(event)s and f.face_person_id is not null
            and {nearest} <= -%(face)s
    ), weighed as (
        select f.face_person_id as person, {each},
            case f.quality_class when 'C' then %(faintest)s::float8
                else greatest(f.quality_score::float8 ^ 2, %(faintest)s) end as weight
        from memoria.faces f
        where f.event_id = %(event)s and f.model = %(model)s and {_IS_HERE}
            and f.embedding is not null and f.face_person_id = any (array(select person from hit))
    ), within as (
        select w.person from weighed w group by w.person
        having -{summed} >= %(reach)s * sqrt(sum(w.weight ^ 2)
            + greatest(%(loosest)s, 0) * (sum(w.weight) ^ 2 - sum(w.weight ^ 2)))
    )
    {faces.COLUMNS} where f.event_id = %(event)s and f.model = %(model)s
        and f.embedding is not null and {_IS_HERE}
        and (f.face_person_id = any (array(select person from within)) or f.id = any (%(new)s))
    order by f.id
"""  # noqa: S608


# Looked up face by face: a join reads all photos of the event, twice.
_IS_HERE = (
    "(select m.status from memoria.media m"
    " where m.event_id = f.event_id and m.id = f.media_id) <> 'missing'"
)


def present(conn: sa.Connection, last: ClusterRun, table: FaceTable) -> Present:
    """What placing these faces starts from: as `standing.present`, of their persons alone.

    last: a run since which nobody has decided anything.
    """
    event_id, ids = last.event_id, sorted({one for one in table.person if one is not None})
    decided = last.fingerprint.rsplit(":", 2)[1] != "0"
    state = fold(decision_log.about(conn, event_id, table.ids, ids) if decided else ())
    rules = constraints(state, table.ids, [table.media_ids[i] for i in table.media], ids)
    reviewed = set(conn.scalars(_REVIEWED, {"event": event_id, "ids": ids}))
    seen = rules.reviewed | np.array([each in reviewed for each in ids], bool)
    return Present(
        vectors=table.embedding,
        photo=table.media,
        quality=table.quality,
        quality_class=table.quality_class,
        person=table.person,
        persons=ids,
        constraints=replace(rules, reviewed=seen),
    )


_REVIEWED = sa.text(
    "select id from memoria.face_persons where event_id = :event and id = any"
    " (cast(:ids as uuid[])) and (human_touched or status <> 'pending')"
)


def save(
    conn: sa.Connection,
    last: ClusterRun,
    *,
    measures: Mapping[str, Any],
    diff: Mapping[str, Any],
    labels: Sequence[Label],
    persons: Sequence[UUID | None],
    evidence: Sequence[Sequence[UUID]],
) -> UUID:
    """Publish who these faces are, and nothing of anybody else; the id of the run.

    last: the run that placed all others. labels, persons, evidence: as in `runs.save_grouping`.
    """
    events.lock(conn, last.event_id)
    events.require_consent(conn, last.event_id)
    assignment.refuse_unknown(conn, last.event_id, [one for one in persons if one is not None])
    ids = [one or uuid4() for one in persons]
    made = [each for each, known in zip(ids, persons, strict=True) if known is None]
    assignment.place(conn, last.event_id, last.model, labels, ids, made, evidence)
    now = fingerprint(conn, last, [label[0] for label in labels])
    run = {"event": last.event_id, "method": last.method, "model": last.model, "fingerprint": now}
    run |= {"parameters": last.parameters, "measures": measures, "kind": "incremental"}
    return runs.insert(conn, run | {"diff": diff}, status="published")


def fingerprint(conn: sa.Connection, last: ClusterRun, added: Sequence[UUID]) -> str:
    """What `runs.fingerprint` says if these faces are all that came since that run.

    Where they are not, it is wrong, and the next run looks at everything.
    """
    model, n, total, seq, said = last.fingerprint.rsplit(":", 4)
    more = faces.digest(conn, last.event_id, added)
    return f"{model}:{int(n) + len(added)}:{int(total) + more}:{seq}:{said}"
