"""Everything that is held about one person in an event: what the law lets them ask for.

By the list of places: each column that can hold their id, their address, or the id of a person or
a face of theirs. What signs somebody in is left out, and addresses of others are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.privacy import places
from memoria_pipeline.privacy.places import Place

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Whom:
    """A user, by id and addresses, with the event's persons and faces that are theirs."""

    user_id: UUID | None
    emails: list[str]
    person_ids: list[UUID]
    face_ids: list[UUID]
    media_ids: list[UUID]

    @property
    def anybody(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.user_id or self.person_ids)


def user_of(conn: sa.Connection, email: str) -> UUID | None:
    """The user of an address, in any event."""
    found: UUID | None = conn.scalar(
        sa.text("select memoria.user_of_address(:email)"), {"email": email}
    )
    return found


def events_of(conn: sa.Connection, user: UUID | None, email: str | None) -> list[UUID]:
    """Events that know the user or the address, oldest first."""
    return list(conn.scalars(_EVENTS, {"user": user, "email": email}))


def whom(conn: sa.Connection, event: UUID, user: UUID | None, email: str | None) -> Whom:
    """Who that is in this event."""
    values = {"event": event, "user": user}
    known: list[str] = list(conn.scalars(_EMAILS, values))
    emails = sorted({*known, *([email.strip().lower()] if email else [])})
    persons = list(conn.scalars(_PERSONS, {**values, "emails": emails}))
    faces = list(conn.scalars(_FACES, {"event": event, "persons": persons}))
    photos = list(conn.scalars(_PHOTOS, {**values, "faces": faces}))
    return Whom(user, emails, persons, faces, photos)


def everything(conn: sa.Connection, event: UUID, who: Whom) -> dict[str, Rows]:
    """Table → its rows that are about them, secrets left out; tables without one are left out."""
    found = {
        table: _rows(conn, table, columns, event, who)
        for table, columns in _tables()
        if table != "memoria.erasure_requests"
    }
    return {table: rows for table, rows in found.items() if rows}


def photo_keys(conn: sa.Connection, event: UUID, who: Whom) -> list[str]:
    """The storage keys of the photos that they are on, and that are there."""
    return list(conn.scalars(_KEYS, {"event": event, "photos": who.media_ids}))


def _tables() -> Iterator[tuple[str, list[Place]]]:
    known = sorted(places.columns().values(), key=lambda each: each.name)
    for table, columns in groupby(known, key=lambda each: each.name.rpartition(".")[0]):
        yield table, list(columns)


def _rows(conn: sa.Connection, table: str, columns: list[Place], event: UUID, who: Whom) -> Rows:
    types: dict[str, str] = {row.name: row.type for row in conn.execute(_TYPES, {"table": table})}
    tests = [
        test
        for each in columns
        if (name := each.name.rpartition(".")[2]) in types
        if (test := _names(name, types[name], each.holds, table))
    ]
    if not tests:
        return []
    of_event = " and (event_id = :event or event_id is null)" if "event_id" in types else ""
    query = sa.text(_ROWS.format(table=table, tests=" or ".join(tests), of_event=of_event))
    secrets = {each.name.rpartition(".")[2] for each in columns if each.holds == "secret"}
    rows = conn.scalars(query, _values(event, who))
    return [_without(row, secrets, who.emails) for row in rows]


_LIST_OF = {
    "subject id": "users",
    "member id": "users",
    "actor id": "users",
    "person id": "persons",
    "face id": "faces",
    "e-mail": "emails",
}


def _names(column: str, type_: str, holds: str, table: str) -> str | None:
    """What tells a row whose column names them."""
    if table == "memoria.media" and column == "id":
        return "id = any (cast(:photos as uuid[]))"
    if holds == "free text":
        return f"{column}::text ~* :words"
    if (listed := _LIST_OF.get(holds)) is None:
        return None
    element = "text" if holds == "e-mail" else "uuid"
    how = "&&" if type_.endswith("[]") else "= any"
    given = f"cast(:{listed} as {element}[])"
    return f"{column} {how} ({given})"


def _values(event: UUID, who: Whom) -> dict[str, Any]:
    users = [who.user_id] if who.user_id else []
    words = [*who.emails, *map(str, [*users, *who.person_ids])]
    return {
        "event": event,
        "users": users,
        "emails": who.emails,
        "persons": who.person_ids,
        "faces": who.face_ids,
        "photos": who.media_ids,
        "words": "|".join(re.escape(each) for each in words) or _NEVER,
    }


_NEVER = "$.^"
_ADDRESS = re.compile(r"[^\s@\"'<>,;:]+@[^\s@\"'<>,;:]+\.[^\s@\"'<>,;:.]+")


def _without(row: Mapping[str, Any], secrets: set[str], emails: list[str]) -> dict[str, Any]:
    return {name: _own(value, emails) for name, value in row.items() if name not in secrets}


def _own(value: Any, emails: list[str]) -> Any:
    """As it is, without the addresses of others."""
    if isinstance(value, str):
        return _ADDRESS.sub(
            lambda found: found[0] if found[0].lower() in emails else "(somebody else's address)",
            value,
        )
    if isinstance(value, list):
        return [_own(each, emails) for each in value]
    if isinstance(value, dict):
        return {name: _own(each, emails) for name, each in value.items()}
    return value


_EVENTS = sa.text(
    "select id from memoria.events where status <> 'deleted' and id in ("
    " select event_id from memoria.event_members"
    "  where user_id = :user or email = lower(btrim(cast(:email as text)))"
    " union select event_id from memoria.face_persons where linked_user_id = :user"
    "  or lower(btrim(invitation_email)) = lower(btrim(cast(:email as text)))"
    " union select event_id from memoria.media_tags where tagged_user_id = :user"
    " union select event_id from memoria.consents where user_id = :user"
    ") order by created_at, id"
)
_EMAILS = sa.text(
    "select distinct email from memoria.event_members where user_id = :user and email is not null"
)
_PERSONS = sa.text(
    "with recursive theirs as ("
    " select id from memoria.face_persons where event_id = :event and (linked_user_id = :user"
    "  or lower(btrim(invitation_email)) = any (cast(:emails as text[])))"
    " union select p.id from memoria.face_persons p join theirs t on p.merged_into_id = t.id"
    "  where p.event_id = :event"
    ") select id from theirs order by id"
)
_FACES = sa.text(
    "select id from memoria.faces where event_id = :event"
    " and face_person_id = any (cast(:persons as uuid[])) order by id"
)
_PHOTOS = sa.text(
    "select media_id from memoria.faces where event_id = :event"
    " and id = any (cast(:faces as uuid[]))"
    " union select media_id from memoria.media_tags"
    " where event_id = :event and tagged_user_id = :user"
)
_KEYS = sa.text(
    "select storage_key from memoria.media where event_id = :event and status <> 'missing'"
    " and id = any (cast(:photos as uuid[])) order by storage_key"
)
_TYPES = sa.text(
    "select attname as name, format_type(atttypid, null) as type from pg_attribute"
    " where attrelid = cast(:table as regclass) and attnum > 0 and not attisdropped"
)
_ROWS = "select to_jsonb(t) from {table} t where ({tests}){of_event}"
