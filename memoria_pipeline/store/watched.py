"""What the sensor knows of the places that photos come from: rows, no files."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Watched:
    """A place to look at. now: the database's clock."""

    event_id: UUID
    root: str
    signature: str | None
    changed_at: datetime
    now: datetime


def due(conn: sa.Connection, limit: int) -> list[Watched]:
    """The places to look at now, longest overdue first."""
    return [Watched(*row) for row in conn.execute(_DUE, {"limit": limit})]


def early(conn: sa.Connection, limit: int) -> list[Watched]:
    """Places whose time has not come, but that a look costs next to nothing, the next one first."""
    return [Watched(*row) for row in conn.execute(_EARLY, {"limit": limit})]


_WHICH = (
    "select event_id, root, signature, changed_at, clock_timestamp() as now"
    " from memoria.watched where {} order by next_look_at, event_id limit :limit"
)
_DUE = sa.text(_WHICH.format("next_look_at <= now()"))
_EARLY = sa.text(_WHICH.format("quick and next_look_at > now()"))


def save_change(conn: sa.Connection, event_id: UUID, signature: str, newest: float) -> None:
    """Photos of it were registered; newest: when it changed, in seconds since 1970, 0 if unknown.

    It is looked at again at the next tick. A clock that runs ahead of ours changes nothing.
    """
    values = {"event": event_id, "signature": signature, "newest": newest or None}
    conn.execute(_CHANGED, values)


_CHANGED = sa.text(
    "update memoria.watched set signature = :signature, problem = null,"
    " changed_at = least(coalesce(to_timestamp(:newest), clock_timestamp()), clock_timestamp()),"
    " looked_at = clock_timestamp(), registered_at = clock_timestamp(), next_look_at = now()"
    " where event_id = :event"
)


@dataclass(frozen=True, slots=True)
class Look:
    """At a place that did not change: when to look again, why it could not be read, and whether it
    may be looked at earlier."""

    event_id: UUID
    until: datetime
    problem: str | None
    quick: bool


def save_looks(conn: sa.Connection, looks: Sequence[Look]) -> None:
    """What came of looks, but for places that changed."""
    if not looks:
        return
    values = {
        "events": [each.event_id for each in looks],
        "until": [each.until for each in looks],
        "problems": [each.problem for each in looks],
        "quick": [each.quick for each in looks],
    }
    conn.execute(_LOOKED, values)


# Locked in order: the tick of a second daemon may be writing the same ones.
_LOOKED = sa.text("""
    with r as (
        select r.* from unnest(cast(:events as uuid[]), cast(:until as timestamptz[]),
            cast(:problems as text[]), cast(:quick as boolean[]))
            as r (event_id, until, problem, quick)
        join memoria.watched w on w.event_id = r.event_id
        order by w.event_id for no key update of w
    )
    update memoria.watched w
    set looked_at = now(), next_look_at = r.until, problem = r.problem, quick = r.quick
    from r where w.event_id = r.event_id
""")


def hurry(conn: sa.Connection, roots: Collection[str]) -> int:
    """Look at these places in this tick; how many of them are known."""
    return conn.execute(_HURRY, {"roots": list(roots)}).rowcount


_HURRY = sa.text(
    "update memoria.watched set next_look_at = now()"
    " where root = any (cast(:roots as text[])) and next_look_at > now()"
)


def make_events(conn: sa.Connection, places: Sequence[tuple[str, str]]) -> int:
    """Events of new places, each (root, name), with the switch off; how many are new.

    A place whose event was deleted stays without: its photos were to go.
    """
    roots, names = [root for root, _ in places], [name for _, name in places]
    return conn.execute(_MAKE, {"roots": roots, "names": names}).rowcount


_MAKE = sa.text(
    "insert into memoria.events (name, photo_root) select r.name, r.root"
    " from unnest(cast(:roots as text[]), cast(:names as text[])) as r (root, name)"
    " where not exists (select from memoria.events e where e.photo_root = r.root)"
    " on conflict do nothing"
)


@dataclass(frozen=True, slots=True)
class Lookout:
    """What the sensor looks at as a whole. due: whether it is time. now: the database's clock."""

    signature: str | None
    due: bool
    now: datetime


def lookout(conn: sa.Connection, name: str) -> Lookout:
    """One of them, made where it is new."""
    conn.execute(_NEW_LOOKOUT, {"name": name})
    return Lookout(*conn.execute(_LOOKOUT, {"name": name}).one())


_NEW_LOOKOUT = sa.text("insert into memoria.lookouts (name) values (:name) on conflict do nothing")
_LOOKOUT = sa.text(
    "select signature, next_look_at <= clock_timestamp(), clock_timestamp()"
    " from memoria.lookouts where name = :name"
)


def save_lookout(
    conn: sa.Connection,
    name: str,
    *,
    until: datetime | None = None,
    signature: str | None = None,
    problem: str | None = None,
) -> None:
    """It was looked at: when to do so again, and what it looked like; a problem keeps that."""
    values = {"name": name, "until": until, "signature": signature, "problem": problem}
    conn.execute(_SAVE_LOOKOUT, values)


_SAVE_LOOKOUT = sa.text(
    "insert into memoria.lookouts as l (name, signature, problem, next_look_at)"
    " values (:name, :signature, :problem, coalesce(:until, now()))"
    " on conflict (name) do update set looked_at = clock_timestamp(), problem = excluded.problem,"
    " next_look_at = excluded.next_look_at, signature = coalesce(excluded.signature, l.signature)"
)


def sensor_runs(conn: sa.Connection, within: float) -> bool:
    """Whether the sensor looked in the last `within` seconds: a daemon is there."""
    found = conn.scalar(
        sa.text(
            "select looked_at > now() - make_interval(secs => :within)"
            " from memoria.lookouts where name = 'sensor'"
        ),
        {"within": within},
    )
    return bool(found)


def problems(conn: sa.Connection) -> list[tuple[UUID | None, str]]:
    """Places that cannot be read, each with its event, or None for what holds all of them."""
    rows = conn.execute(
        sa.text(
            "select null as event_id, problem from memoria.lookouts where problem is not null"
            " union all (select event_id::text, problem from memoria.watched"
            " where problem is not null order by event_id)"
        )
    )
    return [(row.event_id and UUID(row.event_id), row.problem) for row in rows]
