"""Writes what an analysis found: the faces of photos, and the vectors that go nowhere else."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.people.match import match_boxes
from memoria_pipeline.store import copy
from memoria_pipeline.store.faces import NOBODY, STORED_DIMENSIONS
from memoria_pipeline.vision.model import Face


@dataclass(frozen=True, slots=True)
class Placed:
    """A face to write, and the id it has or gets. person: who it is, if that is known."""

    id: UUID
    media_id: UUID
    event_id: UUID
    face: Face
    known: bool
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """When a box that is known is the face that was there.

    model: the pack of the faces just found. cosine: with the old vector of that pack, from which on
    two are one person. changed: photos whose file has other bytes than those analysed before; asked
    of them, and of lost faces, which some earlier file may have shown. Vectors of two packs say
    nothing: then only the same bytes show the same face.
    """

    model: str
    cosine: float
    changed: Collection[UUID]


def replace(
    conn: sa.Connection,
    photos: Sequence[tuple[UUID, UUID, Sequence[Face]]],
    model: str,
    alike: Alike | None = None,
    whose: Mapping[Face, UUID] | None = None,
) -> None:
    """Make the faces of some photos, each (media id, event id, faces), those just found.

    A box that was known keeps its row; what is no longer found goes, or is flagged as lost where a
    human touched it. whose: the persons of faces that were compared before they came here.
    """
    placed, gone = place(conn, photos, alike, whose or {})
    events = list({event_id for _, event_id, _ in photos})
    _part(conn, gone, events)
    if placed:
        _write(conn, placed, events, model)


def place(
    conn: sa.Connection,
    photos: Sequence[tuple[UUID, UUID, Sequence[Face]]],
    alike: Alike | None = None,
    whose: Mapping[Face, UUID] | None = None,
) -> tuple[list[Placed], list[UUID]]:
    """Which of the faces just found are known, by their boxes; and those not found again.

    alike: without it a box is enough.
    """
    old = _old_boxes(conn, photos)
    doubtful = _doubtful(conn, photos, alike) if alike else {}
    placed: list[Placed] = []
    gone: list[UUID] = []
    for media_id, event_id, found in photos:
        ids, known = old.get(media_id, ([], []))
        allowed = np.array([_may_be(doubtful.get(one, _SURE), found) for one in ids], bool)
        boxes = np.array(known), _boxes(found)
        kept = {j: ids[i] for i, j in match_boxes(*boxes, allowed=allowed)}
        gone += sorted(set(ids) - set(kept.values()))
        placed += [
            Placed(
                kept.get(j) or uuid4(), media_id, event_id, face, j in kept, (whose or {}).get(face)
            )
            for j, face in enumerate(found)
        ]
    return placed, gone


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
        ids, where = old.setdefault(row[0], ([], []))
        ids.append(row[1])
        where.append(tuple(row[2:]))
    return old


_Doubt = tuple[NDArray[np.float32] | None, float]
"""The old vector and the cosine that it takes; without a vector and at a cosine of 2, nothing."""
_SURE: _Doubt = (None, -1.0)


def _doubtful(
    conn: sa.Connection, photos: Sequence[tuple[UUID, UUID, Sequence[Face]]], alike: Alike
) -> dict[UUID, _Doubt]:
    rows = conn.execute(
        sa.text(
            "select id, media_id, model, embedding::real[] as vector from memoria.faces"
            " where event_id = any (cast(:events as uuid[]))"
            " and media_id = any (cast(:photos as uuid[]))"
            " and (lost or media_id = any (cast(:changed as uuid[])))"
        ),
        {
            "events": list({photo[1] for photo in photos}),
            "photos": [photo[0] for photo in photos],
            "changed": list(alike.changed),
        },
    )
    found: dict[UUID, _Doubt] = {}
    for row in rows:
        if row.model == alike.model and row.vector is not None:
            found[row.id] = np.array(row.vector, np.float32), alike.cosine
        elif row.media_id in alike.changed:
            found[row.id] = None, 2.0
    return found


def _may_be(doubt: _Doubt, found: Sequence[Face]) -> list[bool]:
    vector, least = doubt
    if vector is None:
        return [least < 0] * len(found)
    return [float(vector[: len(face.embedding)] @ face.embedding) >= least for face in found]


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
    conn: sa.Connection, placed: Sequence[Placed], events: Sequence[UUID], model: str
) -> None:
    stage(conn, placed)
    conn.execute(_UPSERT, {"model": model, "events": events, "nobody": NOBODY})
    conn.execute(sa.text("truncate pg_temp.memoria_new_faces"))


def stage(conn: sa.Connection, placed: Sequence[Placed]) -> None:
    """Put faces into the connection's table memoria_new_faces; memoria_staged_faces shows them."""
    conn.execute(_STAGE)
    conn.execute(_VIEW)
    statement = "copy pg_temp.memoria_new_faces from stdin with (format binary)"
    copy.copy_in(conn, statement, _columns(placed))


def _columns(placed: Sequence[Placed]) -> dict[str, NDArray[Any]]:
    faces = [one.face for one in placed]
    where = _boxes(faces)
    points = np.round([face.detection.landmarks for face in faces], 6).reshape(-1, 10)
    vectors = np.array([face.embedding for face in faces], np.float32)
    columns: dict[str, NDArray[Any]] = {
        "id": copy.uuids([one.id for one in placed]),
        "media": copy.uuids([one.media_id for one in placed]),
        "event": copy.uuids([one.event_id for one in placed]),
        "known": np.array([one.known for one in placed], copy.BOOL),
        "person": copy.uuids([one.person or NOBODY for one in placed]),
        "class": np.array([face.quality_class for face in faces], copy.CHAR),
        "score": np.array([face.detection.score for face in faces], copy.FLOAT4),
        "quality": np.array([face.quality for face in faces], copy.FLOAT4),
    }
    columns |= {name: where[:, i].astype(copy.FLOAT8) for i, name in enumerate("xywh")}
    columns |= {name: points[:, i].astype(copy.FLOAT8) for i, name in enumerate(_POINTS)}
    columns["embedding"] = copy.halfvecs(vectors, STORED_DIMENSIONS)
    return columns


# Once per connection; later calls find it. What a transaction put in is gone at its end.
_STAGE = sa.text("""
    create temporary table if not exists memoria_new_faces (
        id uuid, media_id uuid, event_id uuid, known boolean, person_id uuid,
        quality_class text, det_score real, quality_score real,
        x float8, y float8, w float8, h float8,
        x0 float8, y0 float8, x1 float8, y1 float8, x2 float8, y2 float8,
        x3 float8, y3 float8, x4 float8, y4 float8,
        embedding halfvec(512)
    ) on commit delete rows
""")
_VIEW = sa.text("""
    do $$ begin
        if to_regclass('pg_temp.memoria_staged_faces') is null then
            create temporary view memoria_staged_faces as
            select *, jsonb_build_object('x', x, 'y', y, 'w', w, 'h', h) as bbox,
                jsonb_build_array(jsonb_build_array(x0, y0), jsonb_build_array(x1, y1),
                    jsonb_build_array(x2, y2), jsonb_build_array(x3, y3),
                    jsonb_build_array(x4, y4)) as landmarks
            from pg_temp.memoria_new_faces;
        end if;
    end $$
""")
_UPSERT = sa.text("""
    with known as (
        update memoria.faces f
        set bbox = s.bbox, landmarks = s.landmarks, det_score = s.det_score,
            quality_score = s.quality_score, quality_class = s.quality_class,
            embedding = s.embedding, model = :model, lost = false,
            face_person_id = case when f.verdict is null and s.person_id <> :nobody
                    and not s.person_id = any (f.not_person_ids)
                then s.person_id else f.face_person_id end,
            machine_person_id = case when f.verdict is null and s.person_id <> :nobody
                    and not s.person_id = any (f.not_person_ids)
                then s.person_id else f.machine_person_id end
        from pg_temp.memoria_staged_faces s
        where s.known and f.id = s.id and f.event_id = s.event_id
            and f.event_id = any (cast(:events as uuid[]))
    )
    insert into memoria.faces (id, media_id, event_id, bbox, landmarks, det_score, quality_score,
        quality_class, embedding, model, face_person_id, machine_person_id)
    select id, media_id, event_id, bbox, landmarks, det_score, quality_score,
        quality_class, embedding, :model, nullif(person_id, :nobody), nullif(person_id, :nobody)
    from pg_temp.memoria_staged_faces where not known
""")
