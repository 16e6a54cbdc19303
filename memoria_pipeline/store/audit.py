"""Who looked at, decided, exported or erased what: written by the database, read here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store.shown.page import FIRST, Page, Paging, paged, total_of

Verb = Literal["looked", "decided", "exported", "erased", "invited", "signed_in", "changed"]
Via = Literal["page", "api", "cli", "job", "sql", "schedule"]


@dataclass(frozen=True, slots=True)
class Deed:
    """One row. actor_id: None for nobody who is known; name: of the actor, as the event knows it
    now. thing: the kind of thing_id. times: how many things it was."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    name: str | None
    verb: Verb
    event_id: UUID | None
    thing: str
    thing_id: UUID | None
    via: Via
    times: int


def by_way_of(conn: sa.Connection, via: Via) -> None:
    """What this transaction does is done by way of a page, the API, a command, …"""
    conn.execute(_VIA, {"via": via})


_VIA = sa.text("select set_config('memoria.via', :via, true)")


def looked(
    conn: sa.Connection, via: Via, event_id: UUID | None, thing: str, thing_id: UUID | None = None
) -> None:
    """The caller looks at this, by way of `via`: written down once an hour.

    event_id: None where the thing (a photo, a person) says it.
    """
    values = {"via": via, "event": event_id, "thing": thing, "id": thing_id}
    conn.execute(_LOOKED, values)


# In this order: the second one reads what the first one sets.
_LOOKED = sa.text(
    "select memoria.note('looked', :event, :thing, :id)"
    " from (select set_config('memoria.via', :via, true) as via offset 0) as set"
    " where set.via <> ''"
)


def exported(
    conn: sa.Connection, event_id: UUID, thing: str, times: int, thing_id: UUID | None = None
) -> None:
    """So many of these things left the house; by whom, the transaction says."""
    values = {"event": event_id, "thing": thing, "times": times, "id": thing_id}
    conn.execute(_EXPORTED, values)


_EXPORTED = sa.text("select memoria.note('exported', :event, :thing, :id, :times)")


def of_event(
    conn: sa.Connection, event_id: UUID, which: Paging = FIRST, by: UUID | None = None
) -> Page[Deed]:
    """The event's rows that the caller may see, the latest first: organisers all, others theirs.

    by: only those of this user.
    """
    rows = conn.execute(_OF_EVENT, {"event": event_id, "by": by, **which.values}).all()
    return paged([Deed(*tuple(row)[:10]) for row in rows], total_of(rows), which)


_OF_EVENT = sa.text(
    "select a.id, a.at, a.actor_id, m.display_name, a.verb, a.event_id, a.thing, a.thing_id, a.via,"
    " a.times, count(*) over ()::integer as total from memoria.audit a"
    " left join memoria.event_members m on m.event_id = a.event_id and m.user_id = a.actor_id"
    " where a.event_id = :event and (cast(:by as uuid) is null or a.actor_id = :by)"
    " order by a.at desc, a.id limit :limit offset :offset"
)
