"""An event as everyone but guest 0 knows it, in words that mean the same in another life of it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline_tests.bench.privacy_script import GONE
from memoria_pipeline_tests.bench.privacy_world import World

Rows = frozenset[Any]


@dataclass(frozen=True, slots=True)
class View:
    """Faces with what humans said of them; who is grouped with whom; tags; members; the rest.

    people, linked: by faces that are firm, or that a human spoke of.
    wrong: what does not agree with itself, such as a count.
    """

    faces: Rows
    people: Rows
    linked: Rows
    tags: Rows
    members: Rows
    untagged: Rows
    consents: Rows
    invitations: Rows
    photos: Rows
    sessions: Rows
    wrong: Rows = frozenset()

    def losses(self, after: "View") -> list[str]:
        """What `after` has less of, or otherwise, than this."""
        return list(self._losses(after))

    def _losses(self, after: "View") -> Iterator[str]:
        for each in fields(self):
            before, now = getattr(self, each.name), getattr(after, each.name)
            if each.name == "wrong":
                yield from (f"wrong: {row}" for row in sorted(now - before))
                continue
            for word, rows in (("lost", before - now), ("too many", now - before)):
                yield from (f"{each.name}: {word} {row}" for row in sorted(map(str, rows)))


def view(conn: sa.Connection, world: World) -> View:
    """What there is, guest 0's part left out."""
    guest = {world.users[i]: i for i in range(len(world.users))} | {world.organiser: 99}
    others = {user: i for user, i in guest.items() if i != GONE}
    label = {row.id: row.label for row in world.rows(conn) if row.guest != GONE}
    faces = [row for row in _rows(conn, world, _FACES) if row.id in label]
    together: dict[UUID, set[Any]] = {}
    for row in faces:
        firm = row.verdict is not None or world.firm(*label[row.id])
        if row.face_person_id is not None and firm:
            together.setdefault(row.face_person_id, set()).add(label[row.id])
    people = {person: frozenset(labels) for person, labels in together.items()}
    persons = _rows(conn, world, _PERSONS)
    return View(
        faces=frozenset((*label[row.id], row.verdict, row.lost) for row in faces),
        people=frozenset(people.values()),
        linked=frozenset(
            (others.get(row.linked_user_id), row.status, people[row.id])
            for row in persons
            if row.id in people
        ),
        tags=frozenset(
            (row.storage_key, others[row.tagged_user_id], row.source)
            for row in _rows(conn, world, _TAGS)
            if row.tagged_user_id in others
        ),
        members=frozenset(
            (others[row.user_id], row.role, row.has_name, row.has_email)
            for row in _rows(conn, world, _MEMBERS)
            if row.user_id in others
        ),
        untagged=frozenset(
            (row.storage_key, others[row.user_id])
            for row in _rows(conn, world, _UNTAGGED)
            if row.user_id in others
        ),
        # Whether, not how many, as of sessions: a kill after the commit is told from one before it
        # by nobody, and what is said twice is in the ledger twice.
        consents=frozenset(
            (others[r.user_id],) for r in _rows(conn, world, _CONSENTS) if r.user_id in others
        ),
        invitations=_counted(
            world.emails.index(row.email)
            for row in _rows(conn, world, _INVITATIONS)
            if row.email in world.emails[1:]
        ),
        photos=frozenset((row.storage_key, row.status) for row in _rows(conn, world, _PHOTOS)),
        sessions=frozenset(
            (others[row.user_id],) for row in conn.execute(_SESSIONS, {"users": list(others)})
        ),
        wrong=frozenset(str(tuple(row)) for row in _rows(conn, world, _WRONG)),
    )


def _rows(conn: sa.Connection, world: World, query: sa.TextClause) -> list[Any]:
    return list(conn.execute(query, {"event": world.event}))


def _counted(values: Iterator[int]) -> Rows:
    found = list(values)
    return frozenset((value, found.count(value)) for value in found)


_FACES = sa.text(
    "select id, face_person_id, verdict, lost from memoria.faces where event_id = :event"
)
_PERSONS = sa.text(
    "select id, linked_user_id, status from memoria.face_persons where event_id = :event"
    " and status <> 'merged'"
)
_TAGS = sa.text(
    "select m.storage_key, t.tagged_user_id, t.source from memoria.media_tags t"
    " join memoria.media m on m.id = t.media_id where t.event_id = :event"
)
_MEMBERS = sa.text(
    "select user_id, role, display_name is not null as has_name, email is not null as has_email"
    " from memoria.event_members where event_id = :event"
)
_UNTAGGED = sa.text(
    "select m.storage_key, u.user_id from memoria.untagged u"
    " join memoria.media m on m.id = u.media_id where u.event_id = :event"
)
_CONSENTS = sa.text("select user_id from memoria.consents where event_id = :event")
_INVITATIONS = sa.text("select email from memoria.invitations where event_id = :event")
_PHOTOS = sa.text("select storage_key, status from memoria.media where event_id = :event")
_SESSIONS = sa.text("select user_id from memoria.sessions where user_id = any (:users)")
_WRONG = sa.text(
    "select 'faces_found', m.storage_key from memoria.media m where m.event_id = :event"
    " and m.status = 'analysed' and m.faces_found is distinct from (select count(*)"
    "  from memoria.faces f where f.event_id = :event and f.media_id = m.id and not f.lost)"
    " union all select 'face_count', p.status from memoria.face_persons p"
    " where p.event_id = :event and p.status <> 'merged'"
    " and (p.metadata ->> 'face_count')::integer is distinct from (select count(*)"
    "  from memoria.faces f where f.event_id = :event and f.face_person_id = p.id)"
    " union all select 'representative', p.status from memoria.face_persons p"
    " where p.event_id = :event and p.representative_face_id is not null"
    " and not exists (select from memoria.faces f where f.event_id = :event"
    "  and f.id = p.representative_face_id)"
    " union all select 'evidence', f.quality_class from memoria.faces f, unnest(f.evidence) e (id)"
    " where f.event_id = :event and not exists (select from memoria.faces o"
    "  where o.event_id = :event and o.id = e.id)"
)
