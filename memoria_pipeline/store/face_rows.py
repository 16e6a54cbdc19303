"""Who faces are, as decisions write it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A face's columns that say who it is."""

    id: UUID
    person: UUID | None
    machine: UUID | None
    probability: float | None
    margin: float | None
    evidence: tuple[UUID, ...]
    verdict: str | None
    rejected: tuple[UUID, ...]
    touched: bool
    lost: bool


def load(
    conn: sa.Connection, event_id: UUID, ids: Collection[UUID], machines: Collection[UUID]
) -> dict[UUID, FaceRow]:
    """These faces, and those of which a machine last said that they are one of `machines`, or
    someone who was merged into one of them: it may have been a run that led them there."""
    values = {"event": event_id, "ids": list(ids), "machines": list(machines)}
    return {
        row.id: FaceRow(
            **{**row._mapping, "evidence": tuple(row.evidence), "rejected": tuple(row.rejected)}
        )
        for row in conn.execute(_LOAD, values)
    }


_LOAD = sa.text(
    "with recursive led as (select unnest(cast(:machines as uuid[])) as id"
    " union select p.id from memoria.face_persons p join led on p.merged_into_id = led.id"
    " where p.event_id = :event)"
    " select id, face_person_id as person, machine_person_id as machine, probability, margin,"
    " evidence, verdict, not_person_ids as rejected, human_touched as touched, lost"
    " from memoria.faces where event_id = :event"
    " and (id = any (cast(:ids as uuid[]))"
    " or machine_person_id = any (array(select id from led))) order by id"
)


def machine_layer(face: FaceRow) -> list[Any]:
    """What a machine said of it, for jsonb."""
    machine = str(face.machine) if face.machine else None
    evidence = [str(each) for each in face.evidence]
    return [str(face.id), machine, face.probability, face.margin, evidence]


def put(conn: sa.Connection, event_id: UUID, those: Sequence[FaceRow]) -> None:
    """Make these rows so, where they are not."""
    conn.execute(_PUT, {"event": event_id, **_columns(those)})


def _columns(faces: Sequence[FaceRow]) -> dict[str, list[Any]]:
    return {
        "ids": [face.id for face in faces],
        "persons": [face.person for face in faces],
        "machines": [face.machine for face in faces],
        "probabilities": [face.probability for face in faces],
        "margins": [face.margin for face in faces],
        "evidence": [_array(face.evidence) for face in faces],
        "verdicts": [face.verdict for face in faces],
        "rejected": [_array(face.rejected) for face in faces],
        "touched": [face.touched for face in faces],
    }


def _array(ids: Sequence[UUID]) -> str:
    # PostgreSQL has no arrays of arrays of different lengths
    return "{" + ",".join(map(str, ids)) + "}"


_PUT = sa.text(
    "update memoria.faces f set face_person_id = r.person, machine_person_id = r.machine,"
    " probability = r.probability, margin = r.margin, evidence = r.evidence::uuid[],"
    " verdict = r.verdict, not_person_ids = r.rejected::uuid[], human_touched = r.touched"
    " from unnest(cast(:ids as uuid[]), cast(:persons as uuid[]), cast(:machines as uuid[]),"
    " cast(:probabilities as real[]), cast(:margins as real[]), cast(:evidence as text[]),"
    " cast(:verdicts as text[]), cast(:rejected as text[]), cast(:touched as boolean[]))"
    " as r (id, person, machine, probability, margin, evidence, verdict, rejected, touched)"
    " where f.event_id = :event and f.id = r.id and f.id = any (cast(:ids as uuid[]))"
    " and (f.face_person_id, f.machine_person_id, f.probability, f.margin, f.evidence, f.verdict,"
    " f.not_person_ids, f.human_touched) is distinct from (r.person, r.machine, r.probability,"
    " r.margin, r.evidence::uuid[], r.verdict, r.rejected::uuid[], r.touched)"
)
