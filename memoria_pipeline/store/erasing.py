"""What the work on erasures keeps while it is under way, and how it is looked up by people.

Once everything but the bytes is done, the subject is forgotten and a draft of the receipt stands in
its place: the subject's own row must be gone before the tables are rewritten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy.receipt import Signed
from memoria_pipeline.privacy.replay import Somebody
from memoria_pipeline.store import erasure
from memoria_pipeline.store.erasure import Scope


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. receipt: the draft until it is completed; None before that. root: where the
    photos of an event that is erased were."""

    id: UUID
    event_id: UUID | None
    scope: Scope
    status: str
    source: str
    reason: str
    requested_at: datetime
    due_at: datetime
    rows_at: datetime | None
    completed_at: datetime | None
    attempts: int
    error: str | None
    counts: Mapping[str, Any]
    receipt: Mapping[str, Any] | None
    subject_hash: str | None
    signature: str | None
    key_id: str | None

    @property
    def signed(self) -> Signed | None:
        """Its receipt, where it is completed; those of before there were keys have no signature."""
        if self.receipt is None or self.signature is None or self.key_id is None:
            return None
        return Signed(self.receipt, self.signature, self.key_id)


_COLUMNS = (
    "select id, event_id, scope, status, source, reason, requested_at, due_at, rows_at,"
    " completed_at, attempts, error, counts, receipt, subject_hash, signature, key_id"
    " from memoria.erasures"
)


def get(conn: sa.Connection, erasure_id: UUID) -> Erasure:
    """One of them. Raises ErasureError where there is none."""
    row = conn.execute(sa.text(_COLUMNS + " where id = :id"), {"id": erasure_id}).first()
    if row is None:
        raise ErasureError(f"There is no erasure {erasure_id}; `memoria erase list` names them.")
    return Erasure(*row)


def list_(conn: sa.Connection, *, open_only: bool = False, limit: int = 50) -> list[Erasure]:
    """The newest; open_only: of those that are not completed."""
    values = {"open": open_only, "limit": limit}
    return [Erasure(*row) for row in conn.execute(_LIST, values)]


_LIST = sa.text(
    _COLUMNS + " where completed_at is null or not :open"
    " order by requested_at desc, id limit :limit"
)


def root_of(conn: sa.Connection, erasure_id: UUID) -> str | None:
    """Where the photos of the event that it erases were; the event itself no longer says."""
    root: str | None = conn.execute(_ROOT, {"id": erasure_id}).scalar()
    return root


_ROOT = sa.text("select photo_root from memoria.erasure_requests where id = :id")


def set_aside(
    conn: sa.Connection, erasure_id: UUID, draft: Mapping[str, Any], subject_hash: str
) -> None:
    """The subject is forgotten; what there is to say of the erasure so far is kept."""
    values = {"id": erasure_id, "draft": json.dumps(dict(draft)), "hash": subject_hash}
    conn.execute(_DRAFT, values)
    conn.execute(_FORGET, {"id": erasure_id})


_DRAFT = sa.text(
    "update memoria.erasures set receipt = cast(:draft as jsonb), subject_hash = :hash"
    " where id = :id and completed_at is null"
)
_FORGET = sa.text("delete from memoria.erasure_requests where id = :id")


def known_by(conn: sa.Connection, event_id: UUID, email: str) -> tuple[list[UUID], list[UUID]]:
    """Whom an address means in an event: its users, and persons who were invited by it."""
    values = {"event": event_id, "email": email.strip().lower()}
    found = conn.execute(_KNOWN, values).one()
    return found.users, found.persons


def address_alone(conn: sa.Connection, event_id: UUID, email: str) -> UUID | None:
    """An erasure of an address that means nobody (any more), though the log or an invitation has
    it; None where nothing has. It is that of a user whom nobody is."""
    values = {"event": event_id, "email": email.strip().lower()}
    if not conn.execute(_ALONE, values).scalar_one():
        return None
    made = erasure.request(conn, "person", event_id, user=uuid4(), source="cli")
    conn.execute(_NAME, {"id": made, "emails": [values["email"]]})
    return made


# Of an address that some user's person was invited by, nobody can say so whose it is now.
_ALONE = sa.text("""
    select (exists (select from memoria.invitations where event_id = :event and email = :email)
            or exists (select from memoria.decisions d where d.event_id = :event and (
                lower(btrim(d.details ->> 'email')) = :email
                or memoria.mentions(d.reason, '{}', array[cast(:email as text)])
                or memoria.mentions(d.before::text, '{}', array[cast(:email as text)]))))
        and not exists (select from memoria.face_persons where event_id = :event
            and lower(btrim(invitation_email)) = :email)
""")
_NAME = sa.text("update memoria.erasure_requests set emails = :emails where id = :id")
_KNOWN = sa.text("""
    select array(select distinct user_id from memoria.event_members
                 where event_id = :event and email = :email) as users,
        array(select id from memoria.face_persons
              where event_id = :event and lower(btrim(invitation_email)) = :email
                and linked_user_id is null) as persons
""")


def tables_left(conn: sa.Connection) -> tuple[UUID | None, list[str]]:
    """Of the last 30 days, the newest erasure that left tables to the night, and which all did."""
    rows = conn.execute(_LEFT).all()
    return (rows[0].id if rows else None), sorted({row.name for row in rows})


_LEFT = sa.text("""
    select e.id, t.name from memoria.erasures e
    cross join lateral jsonb_array_elements_text(e.receipt #> '{bytes,too_large}') as t (name)
    where e.status = 'completed' and e.completed_at > now() - interval '30 days'
    order by e.completed_at desc
""")


def everybody(conn: sa.Connection, events: Sequence[UUID]) -> list[Somebody]:
    """All members, users, persons and addresses of these events: after a restore some of them may
    be erased ones."""
    return [Somebody(*row) for row in conn.execute(_EVERYBODY, {"events": list(events)})]


_EVERYBODY = sa.text("""
    with those as (select unnest(cast(:events as uuid[])) as id)
    select m.event_id, 'user', m.user_id, m.email, m.created_at
    from memoria.event_members m join those on those.id = m.event_id
    union all
    select p.event_id, 'user', p.linked_user_id, null, min(p.created_at)
    from memoria.face_persons p join those on those.id = p.event_id
    where p.linked_user_id is not null group by 1, 3
    union all
    select t.event_id, 'user', t.tagged_user_id, null, min(t.created_at)
    from memoria.media_tags t join those on those.id = t.event_id group by 1, 3
    union all
    select p.event_id, 'person', p.id, lower(btrim(p.invitation_email)), p.created_at
    from memoria.face_persons p join those on those.id = p.event_id
    union all
    select m.event_id, 'photo', m.id, null, min(f.embedded_at)
    from memoria.faces f join those on those.id = f.event_id
    join memoria.media m on m.event_id = f.event_id and m.id = f.media_id group by 1, 3
    union all
    select f.event_id, 'archive', f.event_id, null, min(f.embedded_at)
    from memoria.faces f join those on those.id = f.event_id group by 1
    union all
    select e.id, 'event', e.id, null, e.created_at
    from memoria.events e join those on those.id = e.id where e.status <> 'deleted'
""")
