"""An event's faces and their vectors, as they are read. `analysis.py` writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.store import copy
from memoria_pipeline.vision.model import Embeddings

STORED_DIMENSIONS = 512

NOBODY = UUID(int=0)

FEW = 5_000
"""Faces that are asked for by their ids; of more the whole event is read."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceTable:
    """An event's n faces of one pack, ordered by id.

    media: (n,) int64, positions in media_ids. embedding: (n, dimensions) float32 of unit length.
    quality, det_score: (n,) float32 in [0, 1]. quality_class: (n,) of "A", "B", "C". person: who
    each is of now, or None; machine: who the last run said it is. verdict: (n,) what a human said:
    "" (nothing), "person", "ignored" or "not_a_face"; rejected: whom they said it is not.
    human_touched, lost: (n,) bool; a lost face is found no more and kept for what was decided.
    """

    ids: list[UUID]
    media: NDArray[np.int64]
    media_ids: list[UUID]
    embedding: Embeddings
    quality: NDArray[np.float32]
    quality_class: NDArray[np.str_]
    det_score: NDArray[np.float32]
    person: list[UUID | None]
    machine: list[UUID | None]
    verdict: NDArray[np.str_]
    rejected: list[tuple[UUID, ...]]
    human_touched: NDArray[np.bool_]
    lost: NDArray[np.bool_]


def load(
    conn: sa.Connection, event_id: UUID, model: str, dimensions: int = STORED_DIMENSIONS
) -> FaceTable:
    """The event's faces of the pack `model`, with the first `dimensions` numbers of each vector.

    Faces of photos that are missing are left out. Half a kilobyte a face crosses the wire at 256
    numbers, 100,000 faces of 512 need about 0.4 GB while they are read.
    """
    values = {"event": event_id, "model": model, "d": dimensions, "nobody": NOBODY}
    return table(conn, event_id, _LOAD, values)


def table(conn: sa.Connection, event_id: UUID, query: str, values: Mapping[str, Any]) -> FaceTable:
    """The rows of a query with the columns of `_columns`, ordered by id."""
    rows = copy.copy_out(conn, query, values, _columns(values["d"]))
    ids, media = copy.to_uuids(rows["id"]), copy.to_uuids(rows["media"])
    media_ids = sorted(set(media))
    position = {media_id: i for i, media_id in enumerate(media_ids)}
    touched = rows["human_touched"].any()
    rejected = _rejected(conn, event_id, ids if len(ids) <= FEW else None) if touched else {}
    return FaceTable(
        ids=ids,
        media=np.array([position[one] for one in media], np.int64),
        media_ids=media_ids,
        embedding=_unit(rows["embedding"]["values"].astype(np.float32)),
        quality=rows["quality"].astype(np.float32),
        quality_class=rows["quality_class"].astype(np.str_),
        det_score=rows["det_score"].astype(np.float32),
        person=_persons(rows["person"]),
        machine=_persons(rows["machine"]),
        verdict=_VERDICTS[rows["verdict"].astype(np.int64)],
        rejected=[rejected.get(face, ()) for face in ids],
        human_touched=rows["human_touched"].astype(np.bool_),
        lost=rows["lost"].astype(np.bool_),
    )


def _columns(dimensions: int) -> dict[str, np.dtype[Any]]:
    return {
        "id": copy.UUIDS,
        "media": copy.UUIDS,
        "person": copy.UUIDS,
        "machine": copy.UUIDS,
        "det_score": copy.FLOAT4,
        "quality": copy.FLOAT4,
        "quality_class": copy.CHAR,
        "verdict": copy.INT4,
        "human_touched": copy.BOOL,
        "lost": copy.BOOL,
        "embedding": copy.halfvec(dimensions),
    }


def _persons(column: NDArray[Any]) -> list[UUID | None]:
    return [None if one == NOBODY else one for one in copy.to_uuids(column)]


def _rejected(
    conn: sa.Connection, event_id: UUID, ids: list[UUID] | None
) -> dict[UUID, tuple[UUID, ...]]:
    """ids: the faces that are asked for, where they are few; None is all of the event."""
    query = f"{_REJECTED} and id = any (cast(:ids as uuid[]))" if ids else _REJECTED
    found = conn.execute(sa.text(query), {"event": event_id, **({"ids": ids} if ids else {})})
    return {row.id: tuple(row.not_person_ids) for row in found}


_REJECTED = (
    "select id, not_person_ids from memoria.faces"
    " where event_id = :event and human_touched and not_person_ids <> '{}'"
)
_VERDICTS = np.array(["", "person", "ignored", "not_a_face"])
COLUMNS = """
    select f.id, f.media_id, coalesce(f.face_person_id, %(nobody)s),
        coalesce(f.machine_person_id, %(nobody)s), coalesce(f.det_score, 0), f.quality_score,
        f.quality_class,
        coalesce(array_position(array['person', 'ignored', 'not_a_face'], f.verdict), 0),
        f.human_touched, f.lost, subvector(f.embedding, 1, %(d)s)
    from memoria.faces f
"""
"""What `table` reads: of faces f."""

_LOAD = f"""
    {COLUMNS}
    join memoria.media m on m.event_id = f.event_id and m.id = f.media_id
    where f.event_id = %(event)s and f.model = %(model)s and f.embedding is not null
        and m.status <> 'missing'
    order by f.id
"""


def _unit(vectors: Embeddings) -> Embeddings:
    # Half precision leaves lengths of 1 ± 0.0005.
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Embeddings = vectors / np.maximum(lengths, np.float32(1e-12))
    return result


DIGEST = "hashtextextended(f.id::text || extract(epoch from f.embedded_at)::text, 0)"
"""What a face f adds to the sum in the event's fingerprint."""


def fingerprint(conn: sa.Connection, event_id: UUID, model: str) -> str:
    """A text that changes when a face that `load` gives is added, removed or re-embedded."""
    found = conn.execute(
        sa.text(
            f"select count(*) as n, coalesce(sum({DIGEST}), 0) as total"  # noqa: S608
            " from memoria.faces f"
            " join memoria.media m on m.event_id = f.event_id and m.id = f.media_id"
            " where f.event_id = :event and f.model = :model and f.embedding is not null"
            " and m.status <> 'missing'"
        ),
        {"event": event_id, "model": model},
    ).one()
    return f"{model}:{found.n}:{found.total}"


def lost(conn: sa.Connection, event_id: UUID) -> list[UUID]:
    """Faces that a human said the person of and that no analysis finds any more, of any pack."""
    query = sa.text(
        "select id from memoria.faces where event_id = :event and lost and verdict = 'person'"
        " order by id"
    )
    return list(conn.scalars(query, {"event": event_id}))


@dataclass(frozen=True, slots=True)
class LocatedFace:
    """Where a face is: its photo's key, its box in [0, 1] (x, y, width, height), and who it is."""

    storage_key: str
    box: tuple[float, float, float, float]
    person: UUID | None


def located(conn: sa.Connection, event_id: UUID) -> list[LocatedFace]:
    """Every face that is still found in the event's photos, by photo and from left to right."""
    rows = conn.execute(
        sa.text(
            "select m.storage_key, (f.bbox ->> 'x')::float8 as x, (f.bbox ->> 'y')::float8 as y,"
            " (f.bbox ->> 'w')::float8 as w, (f.bbox ->> 'h')::float8 as h, f.face_person_id"
            " from memoria.faces f"
            " join memoria.media m on m.event_id = f.event_id and m.id = f.media_id"
            " where f.event_id = :event and not f.lost and m.status not in ('missing', 'selfie')"
            " order by m.storage_key, x, y, f.id"
        ),
        {"event": event_id},
    )
    return [LocatedFace(row[0], tuple(row[1:5]), row[5]) for row in rows]
