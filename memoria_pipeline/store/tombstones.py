"""What keeps erased people away when their photos come again: boxes, and photos that are closed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.people.match import match_boxes
from memoria_pipeline.store import analysis
from memoria_pipeline.vision.model import Face

Photo = tuple[UUID, UUID, str, Sequence[Face]]
"""A photo's id, its event, the sha256 of its bytes in hex, and the faces found in it."""


def left(conn: sa.Connection, photos: Sequence[Photo]) -> dict[UUID, list[Face]]:
    """Photo → the faces found in it, without those of whom was erased from it or from its copies.

    A tombstone takes one face, that which overlaps it best; never one that overlaps a face that is
    still there better, as that is somebody else's.
    """
    found = {media_id: list(faces) for media_id, _, _, faces in photos}
    buried = _boxes(conn, _BURIED, photos)
    if not buried:
        return found
    there = _boxes(conn, _THERE, [photo for photo in photos if photo[0] in buried])
    for media_id, graves in buried.items():
        found[media_id] = _without(found[media_id], graves, there.get(media_id, ()))
    return found


def answered(
    conn: sa.Connection, event_id: UUID, media_id: UUID, sha256: str, faces: Sequence[Face]
) -> list[Face]:
    """As `left`, as the bare login, for faces that go into an answer and nowhere else."""
    values = {"event": event_id, "media": media_id, "sha256": sha256}
    rows = conn.execute(_ANSWERED, values).all()
    if any(row.closed for row in rows):
        return []
    return _without(faces, [(row.x, row.y, row.w, row.h) for row in rows], ())


def _without(
    faces: Sequence[Face], graves: Sequence[tuple[float, ...]], there: Sequence[tuple[float, ...]]
) -> list[Face]:
    boxes = np.array([face.detection.box for face in faces], np.float64).reshape(-1, 4)
    pairs = match_boxes(np.array([*there, *graves]).reshape(-1, 4), boxes)
    gone = {j for i, j in pairs if i >= len(there)}
    return [face for j, face in enumerate(faces) if j not in gone]


def _boxes(
    conn: sa.Connection, query: sa.TextClause, photos: Sequence[Photo]
) -> dict[UUID, list[tuple[float, ...]]]:
    values = {
        "ids": [photo[0] for photo in photos],
        "events": [photo[1] for photo in photos],
        "sha256s": [photo[2] for photo in photos],
    }
    boxes: dict[UUID, list[tuple[float, ...]]] = {}
    for row in conn.execute(query, values):
        boxes.setdefault(row.media_id, []).append((row.x, row.y, row.w, row.h))
    return boxes


# Two lookups: one with `or` would read all of an event's.
_BURIED = sa.text(
    "with asked as materialized (select * from unnest(cast(:ids as uuid[]),"
    "  cast(:events as uuid[]), cast(:sha256s as text[])) as r (id, event, sha256))"
    " select distinct r.id as media_id, b.* from asked r cross join lateral ("
    "  select bbox from memoria.tombstones where event_id = r.event and media_id = r.id"
    "  union all select bbox from memoria.tombstones where event_id = r.event and sha256 = r.sha256"
    " ) t cross join lateral jsonb_to_record(t.bbox) as b (x float8, y float8, w float8, h float8)"
)
_ANSWERED = sa.text(
    "select t.closed, b.* from memoria.api_tombstones(:event, :media, :sha256) t"
    " left join lateral jsonb_to_record(t.bbox) as b (x float8, y float8, w float8, h float8)"
    " on true"
)
_THERE = sa.text(
    "select f.media_id, b.* from memoria.faces f"
    " join unnest(cast(:ids as uuid[]), cast(:events as uuid[]), cast(:sha256s as text[]))"
    " as r (id, event, sha256) on f.event_id = r.event and f.media_id = r.id"
    " cross join lateral jsonb_to_record(f.bbox) as b (x float8, y float8, w float8, h float8)"
)


def seen(conn: sa.Connection) -> None:
    """This transaction has left out whom tombstones name: the database need not look again."""
    conn.execute(sa.text("select set_config('memoria.tombstones_seen', 'on', true)"))


def spread(conn: sa.Connection, sha256s: Mapping[UUID, str]) -> set[UUID]:
    """Of photos whose bytes are known now, erase those that are copies of erased ones; which.

    Erased bytes may come back under another name, or after the file that had them has gone.
    """
    values = {"ids": list(sha256s), "sha256s": list(sha256s.values())}
    found = {row.id: row.event_id for row in conn.execute(_SPREAD, values)}
    for media_id, event_id in found.items():
        analysis.let_go(conn, media_id, event_id)
    return set(found)


_SPREAD = sa.text(
    "update memoria.media m set faces_erased_at = now(), sha256 = r.sha256"
    " from unnest(cast(:ids as uuid[]), cast(:sha256s as text[])) as r (id, sha256)"
    " where m.id = r.id and exists (select from memoria.media o where o.event_id = m.event_id"
    "  and o.sha256 = r.sha256 and o.faces_erased_at is not null) returning m.id, m.event_id"
)
