"""Which of the questions that were asked are still open, as the event stands when they are read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import decision_log


@dataclass(frozen=True, slots=True)
class Open:
    """A question that can be answered now, its persons followed to who they lead to.

    kind, persons, faces, p, gain: as in people.suggest.Question, "confirm" beside: are the faces of
    this member theirs? Persons and faces that no longer count are left out; of same_person
    `faces[i]` shows `persons[i]`. detail: of a conflict what it is about.
    """

    id: UUID
    kind: str
    persons: tuple[UUID, ...]
    faces: tuple[UUID, ...]
    p: float
    gain: float
    detail: dict[str, Any]
    skipped: bool


@dataclass(frozen=True, slots=True)
class _Person:
    """Whom a person leads to now."""

    id: UUID
    status: str
    user: UUID | None


_Row = sa.Row[Any]
_People = Mapping[UUID, _Person]
_Faces = Mapping[UUID, _Row]


def open_(conn: sa.Connection, event_id: UUID, limit: int = 50) -> list[Open]:
    """The open questions, best first, those that were skipped last.

    Not those that were answered, unless that was undone since; nor those whose answer follows from
    what was decided meanwhile.
    """
    reopened = undone(conn, event_id)
    rows = conn.execute(_ASKED, {"event": event_id, "undone": list(reopened)}).all()
    people = _people(conn, event_id, {one for row in rows for one in row.persons})
    faces = _faces(conn, event_id, {one for row in rows for one in row.faces})
    return list(_first(_open(rows, people, faces), limit))


def get(conn: sa.Connection, question_id: UUID) -> tuple[UUID, Open] | None:
    """Its event, and the question as it stands, answered or not; None where there is none, or where
    nothing is left to answer."""
    row = conn.execute(_ONE, {"id": question_id}).first()
    if row is None:
        return None
    people = _people(conn, row.event_id, set(row.persons))
    faces = _faces(conn, row.event_id, set(row.faces))
    found = next(_open([row], people, faces), None)
    return None if found is None else (row.event_id, found)


_COLUMNS = (
    "select q.id, q.event_id, q.kind, q.persons, q.faces, q.p, q.gain, q.detail,"
    " q.skipped_at is not null as skipped from memoria.questions q"
)
_ASKED = sa.text(
    f"{_COLUMNS} join memoria.forecasts f on f.event_id = q.event_id where q.event_id = :event"
    " and (q.answered_at is null and q.asked_at >= f.asked_at"
    " or q.decision_id = any (cast(:undone as uuid[]))) order by q.skipped_at nulls first, q.rank"
)
_ONE = sa.text(f"{_COLUMNS} where q.id = :id")


def undone(conn: sa.Connection, event_id: UUID) -> set[UUID]:
    """The decisions that were taken back since the questions were computed, and still are."""
    seq = conn.scalar(_COMPUTED, {"event": event_id}) or 0
    return decision_log.undone(conn, event_id, since=seq)


_COMPUTED = sa.text("select decisions_seq from memoria.forecasts where event_id = :event")


def _people(conn: sa.Connection, event_id: UUID, ids: set[UUID]) -> dict[UUID, _Person]:
    """Each person, followed through merges; who is gone is not in it."""
    rows = conn.execute(_LEADS, {"event": event_id, "ids": list(ids)})
    return {row.asked: _Person(row.id, row.status, row.linked_user_id) for row in rows}


_LEADS = sa.text(
    "with recursive leads as ("
    " select p.id as asked, p.id, p.status, p.linked_user_id, p.merged_into_id, 0 as steps"
    " from memoria.face_persons p where p.event_id = :event and p.id = any (cast(:ids as uuid[]))"
    " union all select l.asked, p.id, p.status, p.linked_user_id, p.merged_into_id, l.steps + 1"
    " from leads l join memoria.face_persons p on p.event_id = :event and p.id = l.merged_into_id"
    " where l.status = 'merged' and l.steps < 100)"
    " select asked, id, status, linked_user_id from leads where status <> 'merged'"
)


def _faces(conn: sa.Connection, event_id: UUID, ids: set[UUID]) -> dict[UUID, _Row]:
    rows = conn.execute(_FACES, {"event": event_id, "ids": list(ids)})
    return {row.id: row for row in rows}


_FACES = sa.text(
    "select id, face_person_id as person, verdict, lost, not_person_ids as rejected"
    " from memoria.faces where event_id = :event and id = any (cast(:ids as uuid[]))"
)


def _open(rows: Iterable[_Row], people: _People, faces: _Faces) -> Iterator[Open]:
    for row in rows:
        found = _KINDS[row.kind](row, people, faces)
        if found is not None:
            persons, shown = found
            yield Open(row.id, row.kind, persons, shown, row.p, row.gain, row.detail, row.skipped)


_Found = tuple[tuple[UUID, ...], tuple[UUID, ...]] | None
"""The persons and the faces that a question is now about; None where it is settled."""


def _same_person(row: _Row, people: _People, faces: _Faces) -> _Found:
    first = people.get(row.persons[0])
    if first is None or first.status == "ignored" or not _shows(row.faces[0], first, people, faces):
        return None
    kept: dict[UUID, UUID] = {}
    for person, face in zip(row.persons[1:], row.faces[1:], strict=False):
        other = people.get(person)
        if other is None or not _shows(face, other, people, faces):
            continue
        if _may_be_one(first, other) and not _rejected(face, first, faces):
            kept.setdefault(other.id, face)
    if not kept:
        return None
    return (first.id, *kept), (row.faces[0], *kept.values())


def _shows(face: UUID, person: _Person, people: _People, faces: _Faces) -> bool:
    """Whether the face is the person's still: an answer about another's would be a mistake."""
    return face in faces and _of(faces[face], people) == person.id


def _may_be_one(one: _Person, other: _Person) -> bool:
    members = None not in (one.user, other.user)
    return one.id != other.id and other.status != "ignored" and not members


def _rejected(face: UUID, person: _Person, faces: _Faces) -> bool:
    """Whether a human said since that the candidate's face is not the person."""
    return face in faces and person.id in faces[face].rejected


def _name(row: _Row, people: _People, faces: _Faces) -> _Found:
    person = people.get(row.persons[0])
    if person is None or person.status != "pending":
        return None
    own = _own(row, person, people, faces)
    return ((person.id,), own) if own else None


def _own(row: _Row, person: _Person, people: _People, faces: _Faces) -> tuple[UUID, ...]:
    return tuple(one for one in _there(row, faces) if _shows(one, person, people, faces))


def _mixed(row: _Row, people: _People, faces: _Faces) -> _Found:
    person = people.get(row.persons[0])
    if person is None or person.status == "ignored":
        return None
    own = _own(row, person, people, faces)
    return ((person.id,), own) if len(own) > 1 else None


def _of(face: _Row, people: _People) -> UUID | None:
    """Whose a face is; faces of merged persons are their new one's already."""
    return people[face.person].id if face.person in people else face.person


def _twice(row: _Row, people: _People, faces: _Faces) -> _Found:
    pair = [people.get(one) for one in row.persons]
    both = [one for one in pair if one is not None and one.status != "ignored"]
    shown = [one for one in _there(row, faces) if faces[one].verdict in (None, "person")]
    if len(both) < 2 or len(shown) < 2 or both[0].id == both[1].id:
        return None
    if any(_rejected(face, who, faces) for face in shown for who in both):
        return None
    return tuple(one.id for one in both), tuple(shown)


def _lost(row: _Row, people: _People, faces: _Faces) -> _Found:
    shown = tuple(one for one in row.faces if one in faces and faces[one].lost)
    return (tuple(people[one].id for one in row.persons if one in people), shown) if shown else None


def _confirm(row: _Row, people: _People, faces: _Faces) -> _Found:
    person = people.get(row.persons[0])
    if person is None or person.status not in ("linked", "invited"):
        return None
    own = _own(row, person, people, faces)
    left = tuple(one for one in own if faces[one].verdict is None)
    return ((person.id,), left) if left else None


def _conflict(row: _Row, people: _People, faces: _Faces) -> _Found:
    there = tuple(one for one in row.faces if one in faces)
    if row.faces and not there:
        return None
    return tuple(people[one].id for one in row.persons if one in people), there


def _there(row: _Row, faces: _Faces) -> tuple[UUID, ...]:
    return tuple(one for one in row.faces if one in faces and not faces[one].lost)


_KINDS = {
    "same_person": _same_person,
    "name": _name,
    "mixed": _mixed,
    "twice": _twice,
    "lost": _lost,
    "confirm": _confirm,
    "conflict": _conflict,
}


def _first(found: Iterable[Open], limit: int) -> Iterator[Open]:
    """At most so many, none about persons that one before it is about in the same way."""
    seen: set[tuple[str, frozenset[UUID], tuple[UUID, ...]]] = set()
    for each in found:
        apart = each.faces if each.kind in ("twice", "lost", "conflict") else ()
        key = (each.kind, frozenset(each.persons), apart)
        if key not in seen:
            seen.add(key)
            limit -= 1
            if limit < 0:
                return
            yield each
