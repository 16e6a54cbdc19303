"""The rows of an event's persons, as decisions and groupings write them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class PersonRow:
    """What is said of a person, beyond its faces. touched: an active decision names it."""

    id: UUID
    status: str = "pending"
    user: UUID | None = None
    email: str | None = None
    merged_into: UUID | None = None
    touched: bool = False

    def as_list(self) -> list[str | None]:
        """Without id and touched, for jsonb."""
        values = (self.status, self.user, self.email, self.merged_into)
        return [None if value is None else str(value) for value in values]


def load(conn: sa.Connection, event_id: UUID, ids: Collection[UUID]) -> dict[UUID, PersonRow]:
    """Those of these persons that there are, with all to whom merges lead from them."""
    found = conn.execute(_ROWS, {"event": event_id, "ids": list(ids)})
    return {row.id: PersonRow(*row) for row in found}


_ROWS = sa.text(
    "with recursive led as (select id, merged_into_id from memoria.face_persons"
    " where event_id = :event and id = any (cast(:ids as uuid[]))"
    " union select p.id, p.merged_into_id from memoria.face_persons p"
    " join led on led.merged_into_id = p.id where p.event_id = :event)"
    " select p.id, p.status, p.linked_user_id, p.invitation_email, p.merged_into_id,"
    " p.human_touched from memoria.face_persons p where p.event_id = :event"
    " and p.id in (select id from led)"
)


def erased(conn: sa.Connection, event_id: UUID) -> set[UUID]:
    """The persons that a purge took away: nothing makes them again."""
    query = sa.text("select person_id from memoria.erased_persons where event_id = :event")
    return set(conn.scalars(query, {"event": event_id}))


def baselines(conn: sa.Connection, decisions: Sequence[UUID]) -> dict[UUID, PersonRow]:
    """What was of persons before a human first spoke of them, where it was more than pending, as
    these decisions found it."""
    found = {}
    for row in conn.execute(_BASELINES, {"ids": decisions}):
        status, user, email, merged = row.was
        into = UUID(merged) if merged else None
        found[row.id] = PersonRow(row.id, status, UUID(user) if user else None, email, into)
    return found


_BASELINES = sa.text(
    "select distinct on (b.key) cast(b.key as uuid) as id, b.value as was"
    " from memoria.decisions d, jsonb_each(d.before -> 'persons') b"
    " where d.id = any (cast(:ids as uuid[])) order by b.key, d.seq desc"
)


def made_by(conn: sa.Connection, decisions: Sequence[UUID]) -> set[UUID]:
    """The persons that there were not before one of these decisions."""
    made = sa.text(
        "select cast(jsonb_array_elements_text(before -> 'made') as uuid) from memoria.decisions"
        " where id = any (cast(:ids as uuid[]))"
    )
    return set(conn.scalars(made, {"ids": list(decisions)}))


def put(
    conn: sa.Connection, event_id: UUID, those: Sequence[PersonRow], edits: Mapping[UUID, int]
) -> None:
    """Make these rows what a human said; edits: how many decisions each has by now."""
    values: dict[str, Any] = {
        "event": event_id,
        "ids": [each.id for each in those],
        "statuses": [each.status for each in those],
        "users": [each.user for each in those],
        "emails": [each.email for each in those],
        "merged": [each.merged_into for each in those],
        "touched": [each.touched for each in those],
        "edits": [edits.get(each.id, 0) for each in those],
    }
    conn.execute(_LOCK, values)
    conn.execute(_PUT, values)


_LOCK = sa.text(
    "select from memoria.face_persons where event_id = :event"
    " and id = any (cast(:ids as uuid[])) order by id for no key update"
)
_PUT = sa.text(
    "insert into memoria.face_persons as p (id, event_id, status, linked_user_id,"
    " invitation_email, merged_into_id, human_touched, metadata)"
    " select r.id, :event, r.status, r.linked, r.email, r.merged, r.touched, jsonb_build_object("
    " 'face_count', 0, 'avg_quality', null, 'manual_edits', r.edits)"
    " from unnest(cast(:ids as uuid[]), cast(:statuses as text[]), cast(:users as uuid[]),"
    " cast(:emails as text[]), cast(:merged as uuid[]), cast(:touched as boolean[]),"
    " cast(:edits as integer[])) as r (id, status, linked, email, merged, touched, edits)"
    " on conflict (id) do update set status = excluded.status,"
    " linked_user_id = excluded.linked_user_id, invitation_email = excluded.invitation_email,"
    " merged_into_id = excluded.merged_into_id, human_touched = excluded.human_touched,"
    " metadata = p.metadata || jsonb_build_object('manual_edits',"
    " excluded.metadata -> 'manual_edits'), version = p.version + 1, updated_at = now()"
    " where p.event_id = excluded.event_id"
)


def sweep(conn: sa.Connection, event_id: UUID, made: Sequence[UUID] | None = None) -> None:
    """Pending persons go that nothing refers to (any more), nor a decision that counts.

    made: only of these, which a decision made.
    """
    conn.execute(_SWEEP, {"event": event_id, "made": None if made is None else list(made)})


_SWEEP = sa.text(
    "delete from memoria.face_persons p where p.event_id = :event and p.status = 'pending'"
    " and not p.human_touched"
    " and not exists (select from memoria.faces f"
    " where f.event_id = :event and f.face_person_id = p.id)"
    " and not exists (select from memoria.faces f"
    " where f.event_id = :event and f.machine_person_id = p.id)"
    " and not exists (select from memoria.face_persons m"
    " where m.event_id = :event and m.merged_into_id = p.id)"
    " and (cast(:made as uuid[]) is null or p.id = any (cast(:made as uuid[])))"
)


@contextmanager
def no_pairwise_loops(conn: sa.Connection) -> Iterator[None]:
    """New partitions have no statistics: the planner expects one row and loops over all pairs. A
    failure rolls the transaction back, and this with it."""
    conn.execute(sa.text("set local enable_nestloop = off"))
    yield
    conn.execute(sa.text("set local enable_nestloop = on"))
