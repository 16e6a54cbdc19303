"""Where a picture comes from: asked by the server itself, once a signature says that it may."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.vision.hide import Box


@dataclass(frozen=True, slots=True)
class Source:
    """A photo's place; box: the face in it, x, y, w, h in [0, 1]. etag changes with the file."""

    media_id: UUID
    photo_root: str
    storage_key: str
    etag: str
    box: Box | None = None


def photo(conn: sa.Connection, event: UUID, media: UUID) -> Source | None:
    """Where this photo is; None where it is not there any more."""
    query = sa.text(
        "select coalesce(photo_root, '') as photo_root, storage_key, coalesce(etag, '') as etag"
        " from memoria.api_photo_source(:event, :id)"
    )
    row = conn.execute(query, {"event": event, "id": media}).first()
    return None if row is None else Source(media, row.photo_root, row.storage_key, row.etag)


def face(conn: sa.Connection, event: UUID, face_id: UUID) -> Source | None:
    """The photo that this face is cut out of, and where; None where it is not there any more."""
    query = sa.text(
        "select coalesce(photo_root, '') as photo_root, storage_key, coalesce(etag, '') as etag,"
        " bbox, media_id from memoria.api_face_source(:event, :id)"
    )
    row = conn.execute(query, {"event": event, "id": face_id}).first()
    if row is None:
        return None
    box = (row.bbox["x"], row.bbox["y"], row.bbox["w"], row.bbox["h"])
    return Source(row.media_id, row.photo_root, row.storage_key, row.etag, box)
