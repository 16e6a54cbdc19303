"""The photos of an event that a caller may see."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of


@dataclass(frozen=True, slots=True)
class PhotoShown:
    """A photo. name: of its file, without folders. width, height: upright, once it was analysed.

    error_code, error: where it could not be read, why and what to do.
    """

    id: UUID
    event_id: UUID
    name: str
    status: str
    width: int | None
    height: int | None
    faces_found: int | None
    error_code: str | None
    error: str | None
    created_at: datetime
    analysed_at: datetime | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos: of one status; with a tag of one member; both None: all that are there."""

    status: str | None = None
    tagged_user_id: UUID | None = None


ALL = Wanted()


def page(
    conn: sa.Connection, event_id: UUID, wanted: Wanted = ALL, which: Paging = FIRST
) -> Page[PhotoShown]:
    """One part of the event's photos, by the names of their files."""
    values: dict[str, Any] = {"event": event_id, "status": wanted.status}
    values |= {"tagged": wanted.tagged_user_id, **which.values}
    rows = conn.execute(_PAGE, values).all()
    total = total_of(rows) if rows or which.page == 1 else conn.scalar(_COUNT, values) or 0
    return paged([_photo(row) for row in rows], total, which)


def one(conn: sa.Connection, media: UUID) -> PhotoShown | None:
    """One photo; None where it is not there, or not for the caller."""
    row = conn.execute(_ONE, {"id": media}).first()
    return None if row is None else _photo(row)


def event_of(conn: sa.Connection, media: UUID) -> UUID | None:
    """The event that a photo is in; None where the caller does not see it."""
    found: UUID | None = conn.scalar(_EVENT, {"id": media})
    return found


def _photo(row: sa.Row[Any]) -> PhotoShown:
    return PhotoShown(*tuple(row)[:12])


_COLUMNS = (
    "select m.id, m.event_id, regexp_replace(m.storage_key, '^.*/', '') as name, m.status, m.width,"
    " m.height, m.faces_found, m.error_code, m.error, m.created_at, m.analysed_at, m.etag"
)
_WHERE = (
    " from memoria.media m where m.event_id = :event"
    " and case when cast(:status as text) is null then m.status not in ('missing', 'selfie')"
    " else m.status = :status end"
    " and (cast(:tagged as uuid) is null or m.id in (select t.media_id from memoria.media_tags t"
    " where t.event_id = :event and t.tagged_user_id = :tagged))"
)
_PAGE = sa.text(
    _COLUMNS
    + ", count(*) over () as total"
    + _WHERE
    + " order by m.storage_key, m.id limit :limit offset :offset"
)
_COUNT = sa.text("select count(*)" + _WHERE)
_ONE = sa.text(_COLUMNS + " from memoria.media m where m.id = :id and m.status <> 'selfie'")
_EVENT = sa.text("select event_id from memoria.media where id = :id and status <> 'selfie'")
