"""Events that have something to do: noticed, due, asked for, done. Only the sensor writes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.uploads import Ask, Decision, Done, Wait


@dataclass(frozen=True, slots=True)
class Row:
    """One due row. photos: pending ones, counted up to a burst. now: the database's clock."""

    event_id: UUID
    photos: int
    gone: bool
    last_at: datetime
    quiet_since: datetime
    asked_key: str | None
    asked_at: datetime | None
    tried: int
    allowed: bool
    now: datetime


def notice(conn: sa.Connection, cursor: str | None) -> str:
    """Turn what arrived since `cursor` into rows that are due; return the next cursor.

    Each arrival is read once: a transaction that stays open for hours does not bring back what came
    after it began. Without a cursor, or with one of another server, all that is pending is noticed.
    """
    known = cursor is not None and _SNAPSHOT.fullmatch(cursor) is not None
    if known and conn.execute(_IS_OURS, {"cursor": cursor}).scalar_one():
        return str(conn.execute(_ARRIVED, {"cursor": cursor}).scalar_one())
    return str(conn.execute(_PENDING).scalar_one())


_SNAPSHOT = re.compile(r"\d{1,18}:\d{1,18}:[\d,]*")
_IS_OURS = sa.text(
    "select pg_snapshot_xmax(cast(:cursor as pg_snapshot))"
    " <= pg_snapshot_xmax(pg_current_snapshot())"
)
# A snapshot is the cursor: what it shows was seen, whatever it does not show is new, or will be.
# Photos restored from another server have numbers beyond xmax, which would be read for ever.
_NOTICE = """
    with snapshot as (select pg_current_snapshot() as now),
    seen as (
        select event_id, min(arrived_at) as first_at, max(arrived_at) as last_at,
            bool_or(status = 'missing') as gone
        from memoria.media, snapshot
        where {}
        group by event_id
    ),
    noticed as (
        insert into memoria.uploads as u (event_id, first_at, last_at, quiet_since, gone, due_at)
        select s.event_id, s.first_at, now(),
            case when w.registered_at >= s.last_at then least(w.changed_at, s.last_at)
                else s.last_at end,
            s.gone, now()
        from seen s
        join memoria.events e on e.id = s.event_id and e.status = 'active'
        left join memoria.watched w on w.event_id = s.event_id
        on conflict (event_id) do update
        set last_at = excluded.last_at, gone = u.gone or excluded.gone, due_at = now(), tried = 0,
            quiet_since = greatest(u.quiet_since, excluded.quiet_since)
    )
    select now::text from snapshot
"""
_ARRIVED = sa.text(
    _NOTICE.format(
        "arrived >= pg_snapshot_xmin(cast(:cursor as pg_snapshot))"
        " and not pg_visible_in_snapshot(arrived, cast(:cursor as pg_snapshot))"
        " and arrived < pg_snapshot_xmax(now)"
    )
)
_PENDING = sa.text(
    _NOTICE.format(
        "arrived_at is not null and (status = 'pending'"
        " or (status = 'missing' and arrived_at > now() - interval '1 day'))"
    )
)


def followed(conn: sa.Connection) -> list[str]:
    """The run keys of those rows of uploads and moves that are due and wait for their run's end."""
    return list(conn.scalars(_FOLLOWED))


_FOLLOWED = sa.text(
    "(select asked_key from memoria.uploads where due_at <= now() and asked_key is not null"
    "  order by due_at, event_id limit 50)"
    " union all (select asked_key from memoria.moves"
    "  where due_at <= now() and asked_key is not null order by due_at, event_id limit 20)"
)


def due(conn: sa.Connection, *, burst: int, limit: int = 50) -> list[Row]:
    """The rows to decide on now, locked: those without a run first, then by how long they wait."""
    rows = conn.execute(_DUE, {"burst": burst, "limit": limit})
    return [Row(**row._mapping) for row in rows]


_DUE = sa.text(
    "select u.event_id, (select count(*) from (select from memoria.media m"
    "  where m.event_id = u.event_id and m.status = 'pending' limit :burst) p) as photos,"
    " u.gone, u.last_at, u.quiet_since, u.asked_key, u.asked_at, u.tried,"
    " e.status = 'active' and e.face_recognition_enabled as allowed, now() as now"
    " from memoria.uploads u join memoria.events e on e.id = u.event_id"
    " where u.due_at <= now() order by u.asked_key is not null, u.due_at, u.event_id"
    " limit :limit for update of u skip locked"
)


def save(
    conn: sa.Connection, rows: Sequence[Row], decided: Mapping[UUID, Decision]
) -> dict[UUID, str]:
    """Write what was decided; the run keys to ask for, by event."""
    counts = {"events": [row.event_id for row in rows], "photos": [row.photos for row in rows]}
    conn.execute(_COUNTED, counts)
    return save_in(conn, "uploads", decided)


_COUNTED = sa.text(
    "update memoria.uploads u set photos = r.photos"
    " from unnest(cast(:events as uuid[]), cast(:photos as integer[])) as r (event_id, photos)"
    " where u.event_id = r.event_id and u.photos <> r.photos"
)


def save_in(conn: sa.Connection, table: str, decided: Mapping[UUID, Decision]) -> dict[UUID, str]:
    """As `save`, for a table with the columns of a row that follows a run."""
    waits = {event: one for event, one in decided.items() if isinstance(one, Wait)}
    asks = {event: one for event, one in decided.items() if isinstance(one, Ask)}
    done = [event for event, one in decided.items() if isinstance(one, Done)]
    if done:
        conn.execute(sa.text(_DONE.format(table=table)), {"events": done})
    if waits:
        conn.execute(
            sa.text(_WAIT.format(table=table)), _columns(waits, "until", "reason", "again", "tried")
        )
    rows = conn.execute(sa.text(_ASK.format(table=table)), _columns(asks, "same_key", "tried"))
    return {row.event_id: row.asked_key for row in rows}


def _columns(decided: Mapping[UUID, Any], *names: str) -> dict[str, Sequence[Any]]:
    values = {name: [getattr(one, name) for one in decided.values()] for name in names}
    return {"events": list(decided), **values}


_DONE = "delete from memoria.{table} where event_id = any (cast(:events as uuid[]))"
_WAIT = (
    "update memoria.{table} u set due_at = coalesce(r.until, 'infinity'), reason = r.reason,"
    " tried = r.tried, asked_key = case when r.again then null else u.asked_key end,"
    " version = case when r.again and u.asked_key is not null"
    "  then nextval('memoria.uploads_version') else u.version end"
    " from unnest(cast(:events as uuid[]), cast(:until as timestamptz[]), cast(:reason as text[]),"
    " cast(:again as boolean[]), cast(:tried as integer[]))"
    " as r (event_id, until, reason, again, tried) where u.event_id = r.event_id"
)
_ASK = (
    "with r as (select u.event_id, r.tried, case when u.asked_key is null or r.same_key"
    "  then u.version else nextval('memoria.uploads_version') end as version"
    " from memoria.{table} u join unnest(cast(:events as uuid[]), cast(:same_key as boolean[]),"
    " cast(:tried as integer[])) as r (event_id, same_key, tried) on r.event_id = u.event_id)"
    " update memoria.{table} u set version = r.version, asked_key = r.event_id || '/' || r.version,"
    " asked_at = now(), tried = r.tried, reason = null, due_at = now() + interval '5 s'"
    " from r where u.event_id = r.event_id returning u.event_id, u.asked_key"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event whose photos wait. due_at: None where something has to happen first."""

    event_id: UUID
    photos: int
    due_at: datetime | None
    reason: str | None


def waiting(conn: sa.Connection) -> list[Waiting]:
    """Every event whose photos wait or whose run is underway, the longest waiting first."""
    rows = conn.execute(
        sa.text(
            "select event_id, photos, nullif(due_at, 'infinity') as due_at, reason"
            " from memoria.uploads order by first_at, event_id"
        )
    )
    return [Waiting(**row._mapping) for row in rows]
