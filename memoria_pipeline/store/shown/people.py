"""The people of an event, and one of them: counts, status, the face that stands for each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of


@dataclass(frozen=True, slots=True)
class PersonShown:
    """A person. name: of the member it is linked to. photo_count: photos with one of its faces.

    version: for `expected_version` of whoever decides on it.
    """

    id: UUID
    event_id: UUID
    status: str
    cluster_label: int | None
    representative_face_id: UUID | None
    linked_user_id: UUID | None
    name: str | None
    invitation_email: str | None
    merged_into_id: UUID | None
    version: int
    face_count: int
    avg_quality: float | None
    manual_edits: int
    updated_at: datetime
    photo_count: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which people. statuses: none means all but those that are part of another; q: a part of the
    name or of the address that somebody was invited by."""

    statuses: Collection[str] = ()
    q: str = ""


ALL = Wanted()


def page(
    conn: sa.Connection, event_id: UUID, wanted: Wanted = ALL, which: Paging = FIRST
) -> Page[PersonShown]:
    """One part of the event's people, those with the most faces first."""
    values: dict[str, Any] = {"event": event_id, **_filter(wanted), **which.values}
    rows = conn.execute(_PAGE, values).all()
    total = total_of(rows) if rows or which.page == 1 else conn.scalar(_COUNT, values) or 0
    return paged(_with_photos(conn, event_id, rows), total, which)


def _filter(wanted: Wanted) -> dict[str, Any]:
    escaped = wanted.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "all": not wanted.statuses,
        "statuses": list(wanted.statuses),
        "like": f"%{escaped}%" if wanted.q else None,
    }


def of(conn: sa.Connection, event_id: UUID, ids: Collection[UUID]) -> dict[UUID, PersonShown]:
    """Those of these persons that the caller may see, by id, merged ones too."""
    rows = conn.execute(_THESE, {"event": event_id, "ids": list(ids)}).all()
    return {each.id: each for each in _with_photos(conn, event_id, rows)}


def one(conn: sa.Connection, person: UUID) -> PersonShown | None:
    """The person, or whom it has become part of; None where the caller sees neither."""
    rows = conn.execute(_ONE, {"id": person}).all()
    found = _with_photos(conn, rows[0].event_id, rows) if rows else []
    return found[0] if found else None


def event_of(conn: sa.Connection, person: UUID) -> UUID | None:
    """The event that a person is in; None where the caller does not see the person."""
    found: UUID | None = conn.scalar(_EVENT, {"id": person})
    return found


def by_status(conn: sa.Connection, event_id: UUID) -> dict[str, int]:
    """How many people there are of each status."""
    return {row[0]: row[1] for row in conn.execute(_BY_STATUS, {"event": event_id})}


def _with_photos(
    conn: sa.Connection, event_id: UUID, rows: Collection[sa.Row[Any]]
) -> list[PersonShown]:
    """In how many photos each is: one query for all of them."""
    ids = [row.id for row in rows]
    counted: Iterable[sa.Row[Any]] = (
        conn.execute(_PHOTOS, {"event": event_id, "ids": ids}) if ids else []
    )
    photos: dict[UUID, int] = {row.face_person_id: row.photos for row in counted}
    shown = [PersonShown(*list(row)[:15]) for row in rows]
    return [replace(each, photo_count=photos.get(each.id, 0)) for each in shown]


# Sub-selects, which run for the rows that are shown: a join with statistics that are not there yet
# compared 5,000 people with each of 500 members, for a third of a second.
_COLUMNS = (
    "select p.id, p.event_id, p.status, p.cluster_label, p.representative_face_id,"
    " p.linked_user_id, (select m.display_name from memoria.event_members m"
    "  where m.event_id = p.event_id and m.user_id = p.linked_user_id),"
    " p.invitation_email, p.merged_into_id, p.version,"
    " coalesce((p.metadata ->> 'face_count')::integer, 0) as face_count,"
    " (p.metadata ->> 'avg_quality')::float8 as avg_quality,"
    " coalesce((p.metadata ->> 'manual_edits')::integer, 0) as manual_edits, p.updated_at,"
    " 0 as photo_count"
)
_FROM = " from memoria.face_persons p"
_WHERE = (
    " where p.event_id = :event"
    " and case when :all then p.status <> 'merged'"
    " else p.status = any (cast(:statuses as text[])) end"
    " and (cast(:like as text) is null or p.invitation_email ilike :like"
    " or p.linked_user_id in (select m.user_id from memoria.event_members m"
    "  where m.event_id = :event and (m.display_name ilike :like or m.email ilike :like)))"
)
_PAGE = sa.text(
    _COLUMNS
    + ", count(*) over () as total"
    + _FROM
    + _WHERE
    + " order by face_count desc, p.id limit :limit offset :offset"
)
_COUNT = sa.text("select count(*)" + _FROM + _WHERE)
_THESE = sa.text(
    _COLUMNS + _FROM + " where p.event_id = :event and p.id = any (cast(:ids as uuid[]))"
)
# Whoever merges goes last in the chain; a chain has no end only while it is being written.
_LED = (
    "with recursive led as (select id, merged_into_id, 0 as n from memoria.face_persons"
    " where id = :id union all select p.id, p.merged_into_id, led.n + 1"
    " from memoria.face_persons p join led on led.merged_into_id = p.id where led.n < 1000),"
    " live as (select id from led order by n desc limit 1) "
)
_ONE = sa.text(_LED + _COLUMNS + _FROM + " where p.id = (table live)")
_EVENT = sa.text("select event_id from memoria.face_persons where id = :id")
_BY_STATUS = sa.text(
    "select status, count(*) from memoria.face_persons where event_id = :event group by status"
)
_PHOTOS = sa.text(
    "select face_person_id, count(distinct media_id) as photos from memoria.faces"
    " where event_id = :event and face_person_id = any (cast(:ids as uuid[]))"
    " and media_id <> all (array(select memoria.selfies_of(:event)))"
    " group by face_person_id"
)
