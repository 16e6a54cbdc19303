"""What a decision changes in the tables: planned from the log, then written.

The plan is made before the decision is recorded, because the log is append-only and says what each
entry changed; it is written after, because the database asks for the decision first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.decisions import Decision, State, fold, root
from memoria_pipeline.store import face_rows, person_rows
from memoria_pipeline.store.face_rows import FaceRow
from memoria_pipeline.store.person_rows import PersonRow


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision makes of faces and persons.

    faces, persons: as they are to be. edits: per person how many decisions count. stale: persons
    whose counts change. sweep: persons that go if nothing refers to them. before: what its undo
    needs beyond the log. state: what follows from the log with it.
    """

    faces: list[FaceRow]
    persons: list[PersonRow]
    edits: Mapping[UUID, int]
    stale: set[UUID]
    sweep: list[UUID]
    before: dict[str, Any]
    state: State


def plan(
    conn: sa.Connection, event_id: UUID, past: Sequence[Decision], old: State, made: Decision
) -> Change:
    """What becomes of faces and persons when `made` joins the log. past: what it has to do with of
    it (decision_log.about), or all of it; old: the fold of that."""
    new = fold([*past, made])
    at_bottom, about = root(past, made), _moved_persons(old, new)
    rows = face_rows.load(
        conn, event_id, _moved_faces(old, new) | {*at_bottom.faces}, about | _redirected(old, new)
    )
    undone = next((each for each in past if each.id == made.supersedes), made)
    wanted = _restored(conn, rows, new, undone) if made.kind == "undo" else rows
    named = {person for face in wanted.values() for person in _named_by(face, new) if person}
    known = person_rows.load(conn, event_id, about | named)
    about |= named - known.keys()
    # What the machine said before a decision may still name them.
    about -= person_rows.erased(conn, event_id)
    earlier = person_rows.baselines(conn, [each.id for each in past])
    after, before = _persons(earlier, about, known, old, new)
    leads = {each.id: each.merged_into for each in {**known, **after}.values()}
    faces = [_decided(face, new, leads) for face in wanted.values()]
    named_faces = set(at_bottom.faces)
    before["faces"] = [
        face_rows.machine_layer(each) for each in rows.values() if each.id in named_faces
    ]
    moved = {each.person for each in (*rows.values(), *faces) if each.person is not None}
    # An undo may have made again whom it does not name: what a machine had said before.
    gone = about | person_rows.made_by(conn, [undone.id])
    by_decisions = person_rows.made_by(conn, [each.id for each in past])
    sweep = [each for each in gone & by_decisions if each not in new.persons]
    edits = {each: new.edits.get(each, 0) for each in after}
    return Change(faces, [*after.values()], edits, moved | set(after), sweep, before, new)


def _moved_faces(old: State, new: State) -> set[UUID]:
    said = {face for face in {*old.verdict, *new.verdict} if _said(old, face) != _said(new, face)}
    apart = {
        face
        for face in {*old.rejected, *new.rejected}
        if old.rejected.get(face) != new.rejected.get(face)
    }
    return said | apart | (old.touched ^ new.touched)


def _said(state: State, face: UUID) -> tuple[str, UUID | None] | None:
    said = state.verdict.get(face)
    return None if said is None else (said.kind, said.person)


def _moved_persons(old: State, new: State) -> set[UUID]:
    return {
        person
        for person in {*old.persons, *new.persons}
        if old.persons.get(person) != new.persons.get(person)
        or old.edits.get(person) != new.edits.get(person)
        or _governed(old, person) != _governed(new, person)
    }


def _governed(state: State, person: UUID) -> bool:
    """Whether a human said who a person is, or that a face is of it: no run may change it then."""
    known = state.persons.get(person)
    return person in state.reviewed or (known is not None and known.decided)


def _redirected(old: State, new: State) -> set[UUID]:
    """Persons who lead elsewhere now: their faces do so too."""
    return {
        person
        for person in {*old.persons, *new.persons}
        if old.resolve(person) != new.resolve(person)
    }


def _restored(
    conn: sa.Connection, rows: Mapping[UUID, FaceRow], new: State, undone: Decision
) -> dict[UUID, FaceRow]:
    """The faces with the machine's opinion of before what is undone; not those on which a later
    decision still stands: its own undo brings theirs."""
    kept = {face for each in new.active if each.seq > undone.seq for face in each.faces}
    found = conn.execute(_BEFORE, {"id": undone.id})
    wanted = dict(rows)
    for face, machine, probability, margin, evidence in (row.face for row in found):
        row = wanted.get(UUID(face))
        if row is not None and row.id not in kept:
            wanted[row.id] = replace(
                row,
                machine=machine and UUID(machine),
                probability=probability,
                margin=margin,
                evidence=tuple(map(UUID, evidence)),
            )
    return wanted


_BEFORE = sa.text(
    "select jsonb_array_elements(before -> 'faces') as face from memoria.decisions where id = :id"
)


def _named_by(face: FaceRow, state: State) -> tuple[UUID | None, UUID | None]:
    said = state.verdict.get(face.id)
    return face.machine, said.person if said else None


def _decided(face: FaceRow, state: State, leads: Mapping[UUID, UUID | None]) -> FaceRow:
    """leads: each person there is → whom it was merged into by anyone, or None."""
    said, rejected = state.verdict.get(face.id), state.rejected.get(face.id, frozenset())
    person = said.person if said else face.machine
    seen: set[UUID] = set()
    while person is not None and person not in seen and leads.get(person) is not None:
        seen.add(person)
        person = leads[person]
    if person not in leads:
        person, said = None, None if said and said.kind == "person" else said
    return replace(
        face,
        person=None if said is None and person in rejected else person,
        machine=face.machine if face.machine in leads else None,
        verdict=said.kind if said else None,
        rejected=tuple(sorted(rejected)),
        touched=face.id in state.touched or face.lost,
    )


def _persons(
    earlier: Mapping[UUID, PersonRow],
    about: Iterable[UUID],
    known: Mapping[UUID, PersonRow],
    old: State,
    new: State,
) -> tuple[dict[UUID, PersonRow], dict[str, Any]]:
    """The persons as they are to be, and what was of those that humans had not spoken of.

    earlier: what was of them before a human first spoke of them.
    """
    after: dict[UUID, PersonRow] = {}
    before: dict[str, Any] = {"made": [], "persons": {}}
    for person in sorted(about):
        row = known.get(person)
        if row is None:
            before["made"].append(str(person))
        elif _governed(new, person) and not _governed(old, person) and row.status != "pending":
            before["persons"][str(person)] = row.as_list()
        was = _governed(old, person)
        after[person] = _person(row or PersonRow(person), new, was, earlier.get(person), known)
    return after, before


def _person(
    row: PersonRow,
    state: State,
    was_governed: bool,
    earlier: PersonRow | None,
    known: Mapping[UUID, PersonRow],
) -> PersonRow:
    said, touched = state.persons.get(row.id), row.id in state.edits
    if said is not None and said.decided:
        return PersonRow(row.id, said.status, said.user, said.email, said.merged_into, touched)
    base = (earlier or PersonRow(row.id)) if was_governed else row
    # A run may have merged it while nobody had spoken of it, perhaps into someone who went since.
    astray = base.merged_into is not None and base.merged_into not in known
    if base.status == "merged" and (astray or _governed(state, row.id)):
        base = PersonRow(row.id)
    return replace(base, touched=touched)


def write(conn: sa.Connection, event_id: UUID, change: Change) -> None:
    """Make it so, in the order in which everybody locks: persons, then faces."""
    with person_rows.no_pairwise_loops(conn):
        person_rows.put(conn, event_id, change.persons, change.edits)
        face_rows.put(conn, event_id, change.faces)
        refresh = sa.text("select memoria.refresh_person_counts(:event, cast(:ids as uuid[]))")
        conn.execute(refresh, {"event": event_id, "ids": sorted(change.stale)})
    if change.sweep:  # few: looked up one by one, as without loops all faces would be read
        person_rows.sweep(conn, event_id, change.sweep)
