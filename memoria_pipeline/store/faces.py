"""Faces and their vectors: the one place that writes and reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.people.match import match_boxes
from memoria_pipeline.store import copy
from memoria_pipeline.vision.model import Embeddings, Face

STORED_DIMENSIONS = 512

_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True, eq=False)
class FaceTable:
    """An event's n faces of one pack, ordered by id.

    media: (n,) int64, positions in media_ids. embedding: (n, dimensions) float32 of unit length.
    quality, det_score: (n,) float32 in [0, 1]. quality_class: (n,) of "A", "B", "C". person: who
    each is of now, or None. human_touched: (n,) bool.
    """

    ids: list[UUID]
    media: NDArray[np.int64]
    media_ids: list[UUID]
    embedding: Embeddings
    quality: NDArray[np.float32]
    quality_class: NDArray[np.str_]
    det_score: NDArray[np.float32]
    person: list[UUID | None]
    human_touched: NDArray[np.bool_]


def load(
    conn: sa.Connection, event_id: UUID, model: str, dimensions: int = STORED_DIMENSIONS
) -> FaceTable:
    """The event's faces of the pack `model`, with the first `dimensions` numbers of each vector.

    Faces of photos that are missing are left out. Half a kilobyte a face crosses the wire at 256
    numbers, 100,000 faces of 512 need about 0.4 GB while they are read.
    """
    columns = {
        "id": copy.UUIDS,
        "media": copy.UUIDS,
        "person": copy.UUIDS,
        "det_score": copy.FLOAT4,
        "quality": copy.FLOAT4,
        "quality_class": copy.CHAR,
        "human_touched": copy.BOOL,
        "embedding": copy.halfvec(dimensions),
    }
    parameters = {"event": event_id, "model": model, "d": dimensions, "nobody": _NOBODY}
    rows = copy.copy_out(conn, _LOAD, parameters, columns)
    media = copy.to_uuids(rows["media"])
    media_ids = sorted(set(media))
    position = {media_id: i for i, media_id in enumerate(media_ids)}
    return FaceTable(
        ids=copy.to_uuids(rows["id"]),
        media=np.array([position[one] for one in media], np.int64),
        media_ids=media_ids,
        embedding=_unit(rows["embedding"]["values"].astype(np.float32)),
        quality=rows["quality"].astype(np.float32),
        quality_class=rows["quality_class"].astype(np.str_),
        det_score=rows["det_score"].astype(np.float32),
        person=[None if one == _NOBODY else one for one in copy.to_uuids(rows["person"])],
        human_touched=rows["human_touched"].astype(np.bool_),
    )


_LOAD = """
    select f.id, f.media_id, coalesce(f.face_person_id, %(nobody)s), coalesce(f.det_score, 0),
        f.quality_score, f.quality_class, f.human_touched, subvector(f.embedding, 1, %(d)s)
    from memoria.faces f
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


def fingerprint(conn: sa.Connection, event_id: UUID, model: str) -> str:
    """A text that changes when a face that `load` gives is added, removed or re-embedded."""
    found = conn.execute(
        sa.text(
            "select count(*) as n, coalesce(sum(hashtextextended("
            " f.id::text || extract(epoch from f.embedded_at)::text, 0)), 0) as total"
            " from memoria.faces f"
            " join memoria.media m on m.event_id = f.event_id and m.id = f.media_id"
            " where f.event_id = :event and f.model = :model and f.embedding is not null"
            " and m.status <> 'missing'"
        ),
        {"event": event_id, "model": model},
    ).one()
    return f"{model}:{found.n}:{found.total}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A face to write, and the id it has or gets."""

    id: UUID
    media_id: UUID
    event_id: UUID
    face: Face
    known: bool


def replace(
    conn: sa.Connection, photos: Sequence[tuple[UUID, UUID, Sequence[Face]]], model: str
) -> None:
    """Make the faces of some photos, each (media id, event id, faces), those just found.

    A box that was known keeps its row; what is no longer found goes, or is flagged as lost where a
    human touched it.
    """
    old = _old_boxes(conn, photos)
    placed: list[_Placed] = []
    gone: list[UUID] = []
    for media_id, event_id, found in photos:
        ids, boxes = old.get(media_id, ([], []))
        kept = {j: ids[i] for i, j in match_boxes(np.array(boxes), _boxes(found))}
        gone += sorted(set(ids) - set(kept.values()))
        placed += [
            _Placed(kept.get(j) or uuid4(), media_id, event_id, face, j in kept)
            for j, face in enumerate(found)
        ]
    events = list({event_id for _, event_id, _ in photos})
    _part(conn, gone, events)
    if placed:
        _write(conn, placed, events, model)


def let_go(conn: sa.Connection, media_id: UUID, event_id: UUID) -> None:
    """The photo shows nobody of its own any more: its faces go, those a human touched are lost."""
    replace(conn, [(media_id, event_id, ())], "")


def _boxes(found: Sequence[Face]) -> NDArray[np.float64]:
    return np.array([face.detection.box for face in found], np.float64).reshape(-1, 4)


def _old_boxes(
    conn: sa.Connection, photos: Sequence[tuple[UUID, UUID, Sequence[Face]]]
) -> dict[UUID, tuple[list[UUID], list[tuple[float, ...]]]]:
    rows = conn.execute(
        sa.text(
            "select media_id, id, (bbox ->> 'x')::float8, (bbox ->> 'y')::float8,"
            " (bbox ->> 'w')::float8, (bbox ->> 'h')::float8 from memoria.faces"
            " where event_id = any (cast(:events as uuid[]))"
            " and media_id = any (cast(:photos as uuid[])) order by media_id, id"
        ),
        {"events": list({photo[1] for photo in photos}), "photos": [photo[0] for photo in photos]},
    )
    old: dict[UUID, tuple[list[UUID], list[tuple[float, ...]]]] = {}
    for row in rows:
        ids, boxes = old.setdefault(row[0], ([], []))
        ids.append(row[1])
        boxes.append(tuple(row[2:]))
    return old


def _part(conn: sa.Connection, gone: Sequence[UUID], events: Sequence[UUID]) -> None:
    if not gone:
        return
    which = {"events": events, "ids": gone}
    conn.execute(_FLAG, which)
    conn.execute(_DELETE, which)


_FLAG = sa.text(
    "update memoria.faces set lost = true where event_id = any (cast(:events as uuid[]))"
    " and id = any (cast(:ids as uuid[])) and human_touched"
)
_DELETE = sa.text(
    "delete from memoria.faces where event_id = any (cast(:events as uuid[]))"
    " and id = any (cast(:ids as uuid[])) and not human_touched"
)
_POINTS = [f"{axis}{i}" for i in range(5) for axis in "xy"]


def _write(
    conn: sa.Connection, placed: Sequence[_Placed], events: Sequence[UUID], model: str
) -> None:
    conn.execute(_STAGE)
    statement = "copy pg_temp.memoria_new_faces from stdin with (format binary)"
    copy.copy_in(conn, statement, _columns(placed))
    conn.execute(_UPSERT, {"model": model, "events": events})
    conn.execute(sa.text("truncate pg_temp.memoria_new_faces"))


def _columns(placed: Sequence[_Placed]) -> dict[str, NDArray[Any]]:
    faces = [one.face for one in placed]
    boxes = _boxes(faces)
    points = np.round([face.detection.landmarks for face in faces], 6).reshape(-1, 10)
    vectors = np.array([face.embedding for face in faces], np.float32)
    columns: dict[str, NDArray[Any]] = {
        "id": copy.uuids([one.id for one in placed]),
        "media": copy.uuids([one.media_id for one in placed]),
        "event": copy.uuids([one.event_id for one in placed]),
        "known": np.array([one.known for one in placed], copy.BOOL),
        "class": np.array([face.quality_class for face in faces], copy.CHAR),
        "score": np.array([face.detection.score for face in faces], copy.FLOAT4),
        "quality": np.array([face.quality for face in faces], copy.FLOAT4),
    }
    columns |= {name: boxes[:, i].astype(copy.FLOAT8) for i, name in enumerate("xywh")}
    columns |= {name: points[:, i].astype(copy.FLOAT8) for i, name in enumerate(_POINTS)}
    columns["embedding"] = copy.halfvecs(vectors, STORED_DIMENSIONS)
    return columns


# Once per connection; later calls find it. What a transaction put in is gone at its end.
_STAGE = sa.text("""
    create temporary table if not exists memoria_new_faces (
        id uuid, media_id uuid, event_id uuid, known boolean,
        quality_class text, det_score real, quality_score real,
        x float8, y float8, w float8, h float8,
        x0 float8, y0 float8, x1 float8, y1 float8, x2 float8, y2 float8,
        x3 float8, y3 float8, x4 float8, y4 float8,
        embedding halfvec(512)
    ) on commit delete rows
""")
_UPSERT = sa.text("""
    with staged as (
        select *, jsonb_build_object('x', x, 'y', y, 'w', w, 'h', h) as bbox,
            jsonb_build_array(jsonb_build_array(x0, y0), jsonb_build_array(x1, y1),
                jsonb_build_array(x2, y2), jsonb_build_array(x3, y3),
                jsonb_build_array(x4, y4)) as landmarks
        from pg_temp.memoria_new_faces
    ), known as (
        update memoria.faces f
        set bbox = s.bbox, landmarks = s.landmarks, det_score = s.det_score,
            quality_score = s.quality_score, quality_class = s.quality_class,
            embedding = s.embedding, model = :model, lost = false
        from staged s
        where s.known and f.id = s.id and f.event_id = s.event_id
            and f.event_id = any (cast(:events as uuid[]))
    )
    insert into memoria.faces (id, media_id, event_id, bbox, landmarks, det_score, quality_score,
        quality_class, embedding, model)
    select id, media_id, event_id, bbox, landmarks, det_score, quality_score,
        quality_class, embedding, :model
    from staged where not known
""")
