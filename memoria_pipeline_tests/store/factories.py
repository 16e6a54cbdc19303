"""Made-up events, photos and faces for tests of the store: random unit vectors, nobody's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.store import callers, decisions, events, media, persons
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.model import Detection, Face

PACK = "pack"
ORGANISER = UUID("0" * 31 + "7")
_random = np.random.default_rng(7)

Box = tuple[float, float, float, float]
LEFT: Box = (0.1, 0.2, 0.2, 0.3)
RIGHT: Box = (0.6, 0.2, 0.2, 0.3)


def a_face(box: Box = LEFT, dimensions: int = 512) -> Face:
    vector = _random.normal(size=dimensions).astype(np.float32)
    vector /= np.linalg.norm(vector)
    landmarks = _random.random((5, 2)).astype(np.float32)
    return Face(Detection(box, landmarks, 0.9), 0.75, "A", vector)


def an_event(conn: sa.Connection, *, consent: bool = True) -> UUID:
    return events.ensure(
        conn, name="Fête", photo_root=f"/album/{uuid4()}", face_model=PACK, consent=consent
    )


def found(*keys: str, etag: str = "1") -> list[FoundPhoto]:
    return [FoundPhoto(key, 1000, etag) for key in keys]


def photos(conn: sa.Connection, event: UUID, *keys: str) -> list[UUID]:
    """Register these photos; their ids in the order of their keys."""
    media.register(conn, event, found(*keys))
    return [photo.id for photo in media.pending(conn, event, PACK)]


def analysed(photo: UUID, *found_faces: Face, sha256: str | None = None) -> media.Analysed:
    return media.Analysed(photo, sha256 or photo.hex * 2, 640, 480, 0.1, found_faces)


@dataclass(frozen=True)
class Album:
    """An event of photos with two faces each; `faces` holds a list of two ids per photo."""

    event: UUID
    photos: list[UUID]
    faces: list[list[UUID]]


def an_album(conn: sa.Connection, size: int = 3) -> Album:
    event = an_event(conn)
    ids = photos(conn, event, *(f"{i:03}.jpg" for i in range(size)))
    found_faces = [analysed(photo, a_face(LEFT), a_face(RIGHT)) for photo in ids]
    media.save_analysis(conn, found_faces, PACK)
    return Album(event, ids, [faces_of(conn, photo) for photo in ids])


def faces_of(conn: sa.Connection, photo: UUID) -> list[UUID]:
    """The ids of a photo's faces, from left to right."""
    return list(
        conn.scalars(
            sa.text(
                "select id from memoria.faces where media_id = :photo"
                " order by (bbox ->> 'x')::float8"
            ),
            {"photo": photo},
        )
    )


def group(
    conn: sa.Connection,
    event: UUID,
    clusters: Sequence[Sequence[UUID]],
    continues: Sequence[UUID | None] | None = None,
    alone: Sequence[UUID] = (),
    model: str = PACK,
    **more: Any,
) -> UUID:
    """Publish a grouping in which each cluster holds these faces."""
    labels: list[persons.Label] = [
        (face, i, 0.9, 0.2) for i, cluster in enumerate(clusters) for face in cluster
    ]
    return persons.save_grouping(
        conn,
        event,
        model=model,
        method="constrained",
        parameters={"threshold": 0.4},
        measures={"silhouette": 0.5, "noise_ratio": 0.1},
        fingerprint="as it was",
        labels=labels + [(face, None, 0.0, 0.0) for face in alone],
        persons=continues or [None] * len(clusters),
        **more,
    )


def touch(conn: sa.Connection, event: UUID, *faces: UUID) -> UUID:
    """A human decides on these faces: nobody is to be asked about them. The decision's id."""
    return decisions.ignore_faces(conn, event, faces, actor=ORGANISER).id


def one(conn: sa.Connection, query: str, **values: Any) -> Any:
    """The single value of a query."""
    return conn.execute(sa.text(query), values).scalar()


@contextmanager
def acting_as(conn: sa.Connection, user: UUID) -> Iterator[sa.Connection]:
    """What runs in it, runs as this user, under row level security; an error ends it as well."""
    callers.become(conn, user)
    yield conn
    conn.execute(sa.text("reset role"))
