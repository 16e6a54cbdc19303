"""Many faces to their persons at once: the machine's layer, as a run says it is."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import copy, person_rows

Label = tuple[UUID, int | None, float, float]
"""A face, the cluster it is in or None, the probability of that in [0, 1], the margin."""

_NOBODY = UUID(int=0)
_WHY = 3  # faces of evidence


def refuse_unknown(conn: sa.Connection, event_id: UUID, kept: Sequence[UUID]) -> None:
    """Raises DatabaseError unless these are different live persons of the event."""
    if len(set(kept)) != len(kept):
        raise DatabaseError(
            f"Event {event_id}: two clusters continue one person; give one of them."
        )
    alive = conn.scalar(
        sa.text(
            "select count(*) from memoria.face_persons where event_id = :event"
            " and id = any (cast(:ids as uuid[])) and status <> 'merged'"
        ),
        {"event": event_id, "ids": kept},
    )
    if alive != len(kept):
        raise DatabaseError(
            f"Event {event_id}: {len(kept) - (alive or 0)} of the persons to continue were merged "
            "or are gone. Load the persons again and group again."
        )


def stage(
    conn: sa.Connection,
    labels: Sequence[Label],
    ids: Sequence[UUID],
    evidence: Sequence[Sequence[UUID]],
) -> None:
    """Put who each face is into the connection's table memoria_labels; ids: per cluster."""
    conn.execute(_STAGE)
    conn.execute(sa.text("truncate pg_temp.memoria_labels"))
    statement = "copy pg_temp.memoria_labels from stdin with (format binary)"
    copy.copy_in(conn, statement, _columns(labels, ids, evidence))


def _columns(
    labels: Sequence[Label], ids: Sequence[UUID], evidence: Sequence[Sequence[UUID]]
) -> dict[str, NDArray[Any]]:
    persons = [_NOBODY if label[1] is None else ids[label[1]] for label in labels]
    columns: dict[str, NDArray[Any]] = {
        "face": copy.uuids([label[0] for label in labels]),
        "person": copy.uuids(persons),
        "probability": np.array([label[2] for label in labels], copy.FLOAT4),
        "margin": np.array([label[3] for label in labels], copy.FLOAT4),
    }
    why = evidence or [()] * len(labels)
    for i in range(_WHY):
        each = [faces[i] if i < len(faces) else _NOBODY for faces in why]
        columns[f"evidence{i}"] = copy.uuids(each)
    return columns


_STAGE = sa.text(
    "create temporary table if not exists memoria_labels (face_id uuid, person_id uuid,"
    " probability real, margin real, evidence0 uuid, evidence1 uuid, evidence2 uuid)"
    " on commit delete rows"
)


def stage_proposal(conn: sa.Connection, run_id: UUID) -> None:
    """The same, of what a proposed run said."""
    conn.execute(_STAGE)
    conn.execute(sa.text("truncate pg_temp.memoria_labels"))
    conn.execute(_FROM_PROPOSAL, {"run": run_id, "nobody": _NOBODY})


def keep_proposal(conn: sa.Connection, event_id: UUID, run_id: UUID) -> None:
    """What is staged becomes what this run proposes."""
    conn.execute(_TO_PROPOSAL, {"event": event_id, "run": run_id, "nobody": _NOBODY})
    conn.execute(sa.text("truncate pg_temp.memoria_labels"))


_FROM_PROPOSAL = sa.text(
    "insert into pg_temp.memoria_labels select face_id, coalesce(person_id, :nobody),"
    " coalesce(probability, 0), coalesce(margin, 0), coalesce(evidence[1], :nobody),"
    " coalesce(evidence[2], :nobody), coalesce(evidence[3], :nobody)"
    " from memoria.cluster_proposals where run_id = :run"
)
_TO_PROPOSAL = sa.text(
    "insert into memoria.cluster_proposals (run_id, event_id, face_id, person_id, probability,"
    " margin, evidence) select :run, :event, face_id, nullif(person_id, :nobody), probability,"
    " margin, array_remove(array[evidence0, evidence1, evidence2], :nobody)"
    " from pg_temp.memoria_labels"
)


def apply(
    conn: sa.Connection,
    event_id: UUID,
    model: str,
    ids: Sequence[UUID],
    redirects: Mapping[UUID, UUID],
) -> None:
    """Make faces and persons what is staged, in the order in which everybody locks."""
    with person_rows.no_pairwise_loops(conn):
        conn.execute(sa.text("analyze pg_temp.memoria_labels"))
        conn.execute(_PERSONS, {"event": event_id, "model": model, "ids": ids})
        _redirect(conn, event_id, model, redirects)
        conn.execute(_ASSIGN, {"event": event_id, "model": model, "nobody": _NOBODY})
        conn.execute(sa.text("select memoria.refresh_person_counts(:event)"), {"event": event_id})
        person_rows.sweep(conn, event_id)
    conn.execute(sa.text("truncate pg_temp.memoria_labels"))


_PERSONS = sa.text(
    "insert into memoria.face_persons as p (id, event_id, cluster_label, model)"
    " select r.id, :event, r.label - 1, :model"
    " from unnest(cast(:ids as uuid[])) with ordinality as r (id, label)"
    " on conflict (id) do update set cluster_label = excluded.cluster_label,"
    " model = excluded.model, version = p.version + 1, updated_at = now()"
    " where p.status = 'pending' and (p.cluster_label, p.model)"
    " is distinct from (excluded.cluster_label, excluded.model)"
)
# The machine's layer of a face that has a verdict is frozen; the rest follows the machine.
_ASSIGN = sa.text(
    "update memoria.faces f set machine_person_id = r.person_id,"
    " face_person_id = case when not r.person_id = any (f.not_person_ids) then r.person_id end,"
    " probability = r.probability, margin = r.margin, evidence = r.evidence"
    " from (select a.id, nullif(l.person_id, :nobody) as person_id,"
    "   case when l.person_id <> :nobody then l.probability end as probability,"
    "   case when l.person_id <> :nobody then l.margin end as margin,"
    "   case when l.person_id <> :nobody"
    "     then array_remove(array[l.evidence0, l.evidence1, l.evidence2], :nobody)"
    "     else '{}' end as evidence"
    "   from memoria.faces a left join pg_temp.memoria_labels l on l.face_id = a.id"
    "   where a.event_id = :event and a.model = :model) r"
    " where f.event_id = :event and f.id = r.id and f.verdict is null"
    " and (f.machine_person_id, f.face_person_id, f.probability, f.margin, f.evidence)"
    " is distinct from (r.person_id,"
    "   case when not r.person_id = any (f.not_person_ids) then r.person_id end,"
    "   r.probability, r.margin, r.evidence)"
)


def place(
    conn: sa.Connection,
    event_id: UUID,
    model: str,
    labels: Sequence[Label],
    ids: Sequence[UUID],
    made: Sequence[UUID],
    evidence: Sequence[Sequence[UUID]],
) -> None:
    """Make these faces, which are nobody's yet, what is said of them; all others stay as they are.

    labels: few, each in a cluster. ids: per cluster its person. made: those of them that are new.
    """
    if made:
        conn.execute(_NEW_PERSONS, {"event": event_id, "model": model, "ids": list(made)})
    conn.execute(_LOCK_PERSONS, {"event": event_id, "ids": list(ids)})
    values = {
        "event": event_id,
        "model": model,
        "faces": [label[0] for label in labels],
        "persons": [ids[label[1] or 0] for label in labels],
        "probabilities": [label[2] for label in labels],
        "margins": [label[3] for label in labels],
        # PostgreSQL has no arrays of arrays of different lengths.
        "evidence": ["{" + ",".join(map(str, those)) + "}" for those in evidence],
    }
    conn.execute(_PLACE, values)
    conn.execute(_COUNT, {"event": event_id, "ids": list(ids)})


_NEW_PERSONS = sa.text(
    "insert into memoria.face_persons (id, event_id, cluster_label, model)"
    " select r.id, :event, r.label + (select coalesce(max(cluster_label), -1)"
    "  from memoria.face_persons where event_id = :event), :model"
    " from unnest(cast(:ids as uuid[])) with ordinality as r (id, label)"
)
_LOCK_PERSONS = sa.text(
    "select from memoria.face_persons where event_id = :event"
    " and id = any (cast(:ids as uuid[])) order by id for no key update"
)
_PLACE = sa.text(
    "update memoria.faces f set machine_person_id = r.person,"
    " face_person_id = case when not r.person = any (f.not_person_ids) then r.person end,"
    " probability = r.probability, margin = r.margin, evidence = r.evidence::uuid[]"
    " from unnest(cast(:faces as uuid[]), cast(:persons as uuid[]), cast(:probabilities as real[]),"
    " cast(:margins as real[]), cast(:evidence as text[]))"
    " as r (face, person, probability, margin, evidence)"
    " where f.event_id = :event and f.model = :model and f.id = r.face"
    " and f.id = any (cast(:faces as uuid[])) and f.verdict is null and f.face_person_id is null"
)
_COUNT = sa.text("select memoria.refresh_person_counts(:event, cast(:ids as uuid[]))")


def _redirect(
    conn: sa.Connection, event_id: UUID, model: str, redirects: Mapping[UUID, UUID]
) -> None:
    """Links to persons that a run emptied lead on. Raises DatabaseError for reviewed ones.

    Who has faces of another pack is not empty: the photo is missing, or could not be read, and the
    run has not seen them.
    """
    values = {"event": event_id, "model": model, "old": [*redirects]}
    stay = set(conn.scalars(_ELSEWHERE, values)) if redirects else set()
    lead = {old: new for old, new in redirects.items() if old not in stay}
    pairs = {"event": event_id, "old": [*lead], "new": [*lead.values()]}
    if lead and conn.execute(_REDIRECT, pairs).rowcount != len(lead):
        raise DatabaseError(
            f"Event {event_id}: a run may only redirect pending persons that nobody reviewed, to "
            "persons that go on. Load the persons again and group again."
        )


_ELSEWHERE = sa.text(
    "select distinct face_person_id from memoria.faces where event_id = :event"
    " and model <> :model and face_person_id = any (cast(:old as uuid[]))"
)
_REDIRECT = sa.text(
    "update memoria.face_persons p set status = 'merged', merged_into_id = r.new,"
    " version = p.version + 1, updated_at = now()"
    " from unnest(cast(:old as uuid[]), cast(:new as uuid[])) as r (old, new)"
    " join memoria.face_persons n on n.event_id = :event and n.id = r.new"
    " where p.event_id = :event and p.id = r.old and p.status = 'pending'"
    " and not p.human_touched and n.status <> 'merged' and n.id <> p.id"
    " and not r.new = any (cast(:old as uuid[]))"
)
