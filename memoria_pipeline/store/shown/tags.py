"""Who is on which photo, as far as a caller may see it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of


@dataclass(frozen=True, slots=True)
class TagShown:
    """A tag: who is on the photo, who said so, and from what. bbox: as of a face, or None."""

    id: UUID
    event_id: UUID
    media_id: UUID
    tagged_user_id: UUID
    name: str | None
    tagged_by_user_id: UUID
    source: str
    bbox: dict[str, float] | None
    face_id: UUID | None
    created_at: datetime


def of_photo(conn: sa.Connection, event_id: UUID, media: UUID) -> list[TagShown]:
    """The tags of a photo, from left to right; those without a box last."""
    return [_tag(row) for row in conn.execute(_OF_PHOTO, {"event": event_id, "media": media})]


def of_photos(
    conn: sa.Connection, event_id: UUID, photos: Collection[UUID]
) -> dict[UUID, list[TagShown]]:
    """The tags of several photos, by photo."""
    found: dict[UUID, list[TagShown]] = {each: [] for each in photos}
    for row in conn.execute(_OF_PHOTOS, {"event": event_id, "photos": list(photos)}):
        found[row.media_id].append(_tag(row))
    return found


def of_user(
    conn: sa.Connection, event_id: UUID, user: UUID, which: Paging = FIRST
) -> Page[TagShown]:
    """One part of a member's tags in an event, by photo."""
    values = {"event": event_id, "user": user, **which.values}
    rows = conn.execute(_OF_USER, values).all()
    return paged([_tag(row) for row in rows], total_of(rows), which)


def _tag(row: sa.Row[Any]) -> TagShown:
    return TagShown(*tuple(row)[:10])


_COLUMNS = (
    "select t.id, t.event_id, t.media_id, t.tagged_user_id, u.display_name, t.tagged_by_user_id,"
    " t.source, t.bbox, t.face_id, t.created_at"
)
_FROM = (
    " from memoria.media_tags t left join memoria.event_members u"
    " on u.event_id = t.event_id and u.user_id = t.tagged_user_id where t.event_id = :event"
)
_LEFT_FIRST = " order by (t.bbox ->> 'x')::float8 nulls last, t.id"
_OF_PHOTO = sa.text(_COLUMNS + _FROM + " and t.media_id = :media" + _LEFT_FIRST)
_OF_PHOTOS = sa.text(
    _COLUMNS + _FROM + " and t.media_id = any (cast(:photos as uuid[]))" + _LEFT_FIRST
)
_OF_USER = sa.text(
    _COLUMNS
    + ", count(*) over () as total"
    + _FROM
    + " and t.tagged_user_id = :user order by t.media_id limit :limit offset :offset"
)
