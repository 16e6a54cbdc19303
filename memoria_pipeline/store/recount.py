"""What is left of whoever was erased: every column that could name them, counted anew.

Not by what the erasure knows of tables, but by what there is: each column of our schema that can
hold an id, an address or a text, of the event, and of users whom no event knows any more of all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.privacy import places
from memoria_pipeline.store.erasure import Subject

_NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Column:
    """type: as PostgreSQL writes it. of_event: its table says of which event a row is."""

    table: str
    name: str
    type: str
    of_event: bool

    @property
    def place(self) -> str:
        return f"memoria.{self.table}.{self.name}"


def recount(conn: sa.Connection, subject: Subject, event_id: UUID | None) -> dict[str, int]:
    """Column → rows that still hold the user's id, the address, or ids of erased persons and faces.

    All are 0 where the erasure is right. For an event, or its archive, without a user or photos:
    rows of tables that go with it. "faces of the photos", of photos.
    """
    event = event_id or _NOTHING
    named = (subject.user_id, subject.person_ids, subject.face_ids, subject.media_ids)
    if not any(named):
        return _whole(conn, event, subject)
    return {
        place: number
        for table, columns in _by_table(_columns(conn)).items()
        for place, number in _table(conn, table, columns, subject, event).items()
    } | _of_photos(conn, event, subject)


def _columns(conn: sa.Connection) -> list[_Column]:
    return [_Column(**row._mapping) for row in conn.execute(_COLUMNS)]


_COLUMNS = sa.text(
    "select c.relname as table, a.attname as name, format_type(a.atttypid, null) as type,"
    " exists (select from pg_attribute e where e.attrelid = c.oid and e.attname = 'event_id'"
    "  and not e.attisdropped) as of_event"
    " from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
    " and not a.attisdropped where c.relnamespace = 'memoria'::regnamespace"
    " and c.relkind in ('r', 'p') and not c.relispartition and format_type(a.atttypid, null) in"
    " ('uuid', 'uuid[]', 'text', 'text[]', 'jsonb', 'json') order by c.relname, a.attnum"
)


def _by_table(columns: Iterable[_Column]) -> dict[str, list[_Column]]:
    found: dict[str, list[_Column]] = {}
    for each in columns:
        found.setdefault(each.table, []).append(each)
    return found


def _table(
    conn: sa.Connection, table: str, columns: list[_Column], subject: Subject, event: UUID
) -> dict[str, int]:
    """One pass over the rows of a table."""
    known = places.columns()
    looked = {
        each.place: _looks(each, known[each.place].holds if each.place in known else "", subject)
        for each in columns
    }
    wanted = {place: test for place, test in looked.items() if test is not None}
    if not wanted or not (columns[0].of_event or subject.alone):
        return {}
    counts = ", ".join(f"count(*) filter (where {test})" for test in wanted.values())
    query = f"select {counts} from memoria.{table}"  # noqa: S608
    if columns[0].of_event:
        query += " where event_id = :event" + (" or event_id is null" if subject.alone else "")
    row = conn.execute(sa.text(query), _values(subject, event)).one()
    return dict(zip(wanted, row, strict=True))


def _values(subject: Subject, event: UUID) -> dict[str, Any]:
    """user: what the id of a user is looked for as; ids: of persons and faces as well."""
    users = [subject.user_id] if subject.user_id else []
    return {
        "event": event,
        "users": users,
        "ids": [*users, *subject.person_ids, *subject.face_ids],
        "things": [*subject.person_ids, *subject.face_ids],
        "words": [] if subject.kept else subject.emails,
    }


def _looks(column: _Column, holds: str, subject: Subject) -> str | None:
    """What tells a row that still names them; None where it may.

    Who runs the event goes on acting in it, as a member of it: such columns may name them.
    """
    if holds in ("shadow", "label") or (subject.kept and holds in ("member id", "actor id")):
        return None
    name = column.name
    if column.type == "uuid":
        return f"{name} = any (cast(:ids as uuid[]))"
    if column.type == "uuid[]":
        return f"{name} && cast(:ids as uuid[])"
    ids = ":things" if subject.kept else ":ids"
    # Most texts hold no id at all, and to look at all ids for each would take minutes.
    return (
        f"memoria.mentions({name}::text, case when {name}::text ~ '-[0-9a-f]{{4}}-'"
        f" then cast({ids} as uuid[]) else '{{}}' end, cast(:words as text[]))"
    )


_OF_PHOTOS = sa.text(
    "select count(*) from memoria.faces where event_id = :event"
    " and media_id = any (cast(:photos as uuid[]))"
)


def _of_photos(conn: sa.Connection, event: UUID, subject: Subject) -> dict[str, int]:
    if not subject.media_ids:
        return {}
    values = {"event": event, "photos": subject.media_ids}
    return {"faces of the photos": conn.execute(_OF_PHOTOS, values).scalar_one()}


def _whole(conn: sa.Connection, event: UUID, subject: Subject) -> dict[str, int]:
    """Of a whole event: rows that should have gone with it."""
    over = conn.scalar(_OVER, {"event": event})
    counted = {
        table: int(conn.execute(_count(table), {"event": event}).scalar_one())
        for table in _gone(conn, "event" if over else "archive")
    }
    return counted | _of_photos(conn, event, subject)


def _gone(conn: sa.Connection, what: str) -> Iterator[str]:
    known = places.columns()
    for table, columns in _by_table(_columns(conn)).items():
        said = [known[each.place] for each in columns if each.place in known]
        if columns[0].of_event and said and getattr(said[0], what) == places.GO:
            yield table


def _count(table: str) -> sa.TextClause:
    return sa.text(f"select count(*) from memoria.{table} where event_id = :event")  # noqa: S608


_OVER = sa.text("select erased_at is not null from memoria.events where id = :event")
