"""A few new faces among the persons of an event: what is read for it, and written, is little.

PostgreSQL compares the new faces with all of the event where they lie; only whoever is near enough
to matter is read. No index: an approximate one is wrong about one face in ten, and costs each
write more than this costs a photo.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor
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


@dataclass(frozen=True, slots=True)
class New:
    """Faces that no run has placed yet, by id, and the event at that moment.

    which, digests: per face what it adds to `seen` and to the fingerprint. faint: too poor to be
    grouped (class C). seen, said: as in `runs`. all: that no other is new.
    """

    ids: list[UUID]
    which: list[int]
    digests: list[int]
    faint: frozenset[UUID]
    seen: str
    said: str
    all: bool = True

    @property
    def grouped(self) -> list[UUID]:
        """Those that can be somebody's."""
        return [one for one in self.ids if one not in self.faint]

    def only(self, ids: Collection[UUID]) -> "New":
        """Those of them, and all faint ones, who are nobody's for good."""
        kept = [i for i, one in enumerate(self.ids) if one in ids or one in self.faint]
        which, digests = [self.which[i] for i in kept], [self.digests[i] for i in kept]
        whole, some = len(kept) == len(self.ids), [self.ids[i] for i in kept]
        return New(some, which, digests, self.faint, self.seen, self.said, whole)


def new(conn: sa.Connection, last: ClusterRun, most: int) -> New | None:
    """What is new since that run; None where nothing is that can be grouped, where it is more than
    `most`, or where a human has spoken of one of them. One statement, which sees one moment."""
    which = {"event": last.event_id, "model": last.model, "since": last.created_at}
    rows = conn.execute(_NEW, {**which, "most": most + 1}).all()
    faint = frozenset(row.id for row in rows if row.faint)
    if len(faint) == len(rows) or len(rows) > most or any(row.human_touched for row in rows):
        return None
    ids, codes, digests = ([row[i] for row in rows] for i in range(3))
    return New(ids, codes, [int(one) for one in digests], faint, rows[0].seen, rows[0].said)


_NEW = sa.text(
    f"select f.id, uuid_hash_extended(f.id, 0), {faces.DIGEST}, f.human_touched,"  # noqa: S608
    " f.quality_class = 'C' as faint, (select memoria.faces_seen(:event)) as seen,"
    f" (select {runs.SAID}) as said"
    " from memoria.faces f join memoria.media m on m.event_id = f.event_id and m.id = f.media_id"
    " where f.event_id = :event and f.model = :model and f.face_person_id is null"
    # Of the faint ones, who are always nobody's, a guess at those that came since: what it misses
    # is missing in `seen` too.
    " and (f.quality_class <> 'C' or f.embedded_at > :since)"
    " and f.embedding is not null and m.status <> 'missing'"
    " order by f.id limit :most"
)


def else_as_it_was(conn: sa.Connection, last: ClusterRun, added: New) -> bool:
    """Whether nothing but these faces came since that run, none went, and nobody decided.

    Of a run that did not note what it saw, the faces are counted again.
    """
    if last.seen is None:
        return runs.fingerprint(conn, last.event_id, last.model) == fingerprint(last, added)
    then = ":".join(last.fingerprint.rsplit(":", 2)[1:])
    return then == added.said and seen(last, added) == added.seen


def seen(last: ClusterRun, added: New) -> str | None:
    """What `runs.seen` says if these faces are all that came since that run; None of a run that
    did not note it, unless these are all that is new."""
    if last.seen is None:
        return added.seen if added.all else None
    came, which, rest = last.seen.split(":", 2)
    one = reduce(xor, added.which, int(which))
    return f"{int(came) + len(added.ids)}:{one}:{rest}"


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
    added: New,
    *,
    measures: Mapping[str, Any],
    diff: Mapping[str, Any],
    labels: Sequence[Label],
    persons: Sequence[UUID | None],
    evidence: Sequence[Sequence[UUID]],
) -> UUID:
    """Publish who these faces are, and nothing of anybody else; the id of the run.

    last: the run that placed all others. added: with these faces among them. labels, persons,
    evidence: as in `runs.save_grouping`.
    """
    events.lock(conn, last.event_id)
    events.require_consent(conn, last.event_id)
    assignment.refuse_unknown(conn, last.event_id, [one for one in persons if one is not None])
    ids = [one or uuid4() for one in persons]
    made = [each for each, known in zip(ids, persons, strict=True) if known is None]
    assignment.place(conn, last.event_id, last.model, labels, ids, made, evidence)
    placed = added.only({label[0] for label in labels})
    run = {"event": last.event_id, "method": last.method, "model": last.model}
    run |= {"fingerprint": fingerprint(last, placed), "seen": seen(last, placed)}
    run |= {"parameters": last.parameters, "measures": measures, "kind": "incremental"}
    return runs.insert(conn, run | {"diff": diff}, status="published")


def fingerprint(last: ClusterRun, added: New) -> str:
    """What `runs.fingerprint` says if these faces are all that came since that run.

    Where they are not, it is wrong, and the next run looks at everything.
    """
    model, n, total, seq, said = last.fingerprint.rsplit(":", 4)
    n, total = str(int(n) + len(added.ids)), str(int(total) + sum(added.digests))
    return f"{model}:{n}:{total}:{seq}:{said}"
