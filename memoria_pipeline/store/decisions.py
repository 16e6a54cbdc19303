"""What humans decide: each decision goes into the log, and the tables become what the log says.

Every function is part of the caller's transaction and takes the event's row first, then persons by
id, then faces: two organisers at once wait for one another, and so does a grouping. Whoever locks
otherwise (deletes a photo, say, whose faces and their persons go along) takes the event's row
before; else PostgreSQL ends one of the two with 40P01. Nothing of that one was kept: take it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.people.decisions import Decision, State, fold
from memoria_pipeline.people.refusals import refuse
from memoria_pipeline.store import carry_out, decision_log, events, found_so, snapshot, tags
from memoria_pipeline.store.decision_log import last_seq as last_seq
from memoria_pipeline.store.decision_log import log as log
from memoria_pipeline.store.decision_log import state as state


@dataclass(frozen=True, slots=True)
class Taken:
    """Who takes a decision and why.

    supersedes: the decision on which this is a change of mind. expected: person → the version that
    was shown to the human; where another one is there by now, the decision is refused.
    """

    actor: UUID
    reason: str | None = None
    supersedes: UUID | None = None
    expected: Mapping[UUID, int] = field(default_factory=dict)


def record(conn: sa.Connection, event_id: UUID, draft: Decision, taken: Taken) -> Decision:
    """Take a decision: into the log, and into the faces and persons it changes.

    draft: as it is to be, bar its seq. Returned as it was recorded. Raises DecisionError where it
    cannot be taken (people.refusals says when); nothing was changed then.
    """
    events.lock(conn, event_id)
    past = _past(conn, event_id, draft, taken.supersedes)
    return _record(conn, event_id, draft, taken, past, fold(past))


def _past(
    conn: sa.Connection, event_id: UUID, draft: Decision, supersedes: UUID | None
) -> list[Decision]:
    """What was decided that a decision like this one has to do with."""
    back = [each for each in (draft.supersedes, supersedes) if each is not None]
    return decision_log.about(conn, event_id, draft.faces, draft.named(), back)


def _record(
    conn: sa.Connection,
    event_id: UUID,
    draft: Decision,
    taken: Taken,
    past: Sequence[Decision],
    standing: State,
) -> Decision:
    """`record`, with the event's row locked. past: of the log what has to do with it; standing:
    what follows from that."""
    snapshot.check_versions(conn, event_id, [*taken.expected], [*taken.expected.values()])
    found = found_so.unheard_of(conn, event_id, draft, past, standing)
    if found:
        past = [*past, *found]
        standing = fold(past)
    made = replace(draft, seq=past[-1].seq + 1 if past else 1)
    if made.kind != "undo":
        made = replace(made, supersedes=taken.supersedes)
    known = {*made.faces, *made.rest, *snapshot.faces_of(conn, event_id, made.named())}
    refuse(made, past, snapshot.photos(conn, event_id, known), state=standing)
    change = carry_out.plan(conn, event_id, past, standing, made)
    found_so.append(conn, event_id, found)
    seq = decision_log.insert(conn, event_id, made, change, actor=taken.actor, reason=taken.reason)
    carry_out.write(conn, event_id, change)
    faces, persons = [each.id for each in change.faces], [each.id for each in change.persons]
    tags.sync(conn, event_id, change.state, faces, persons)
    return replace(made, seq=seq)


def _take(
    conn: sa.Connection,
    event_id: UUID,
    draft: Decision,
    who: Mapping[str, Any],
    *,
    whole: bool = False,
    apart: bool = False,
) -> Decision:
    """`record`, with the persons named as they live; whole: all faces of the persons are meant;
    apart: the faces are told apart from the person's other ones."""
    events.lock(conn, event_id)
    past = _past(conn, event_id, draft, who.get("supersedes"))
    known = fold(past)
    person = snapshot.live(conn, event_id, draft.person, known)
    # the other person of a split is yet to be made
    split = draft.kind == "split"
    other = draft.other if split else snapshot.live(conn, event_id, draft.other, known)
    faces = draft.faces
    rest: tuple[UUID, ...] = ()
    if whole:
        faces = tuple(snapshot.faces_of(conn, event_id, (person, other)))
    if apart:
        theirs, said = snapshot.faces_of(conn, event_id, (person,)), set(faces)
        rest = tuple(face for face in theirs if face not in said)
    named = replace(draft, person=person, other=other, faces=faces, rest=rest)
    return _record(conn, event_id, named, Taken(**who), past, known)


def confirm(
    conn: sa.Connection,
    event_id: UUID,
    faces: Sequence[UUID],
    person: UUID,
    *,
    twice: bool = False,
    **who: Any,
) -> Decision:
    """These faces are this person; twice: even two of one photo (a mirror, a collage).

    `who`, here and below: the fields of Taken, of which actor is needed.
    """
    draft = Decision(uuid4(), 0, "confirm", tuple(faces), person=person, twice=twice)
    return _take(conn, event_id, draft, who)


def reject(
    conn: sa.Connection, event_id: UUID, faces: Sequence[UUID], person: UUID, **who: Any
) -> Decision:
    """These faces are not this person."""
    draft = Decision(uuid4(), 0, "reject", tuple(faces), person=person)
    return _take(conn, event_id, draft, who, apart=True)


def merge(conn: sa.Connection, event_id: UUID, person: UUID, other: UUID, **who: Any) -> Decision:
    """Both are one person: `person` stays, `other` leads to it."""
    draft = Decision(uuid4(), 0, "merge", person=person, other=other)
    return _take(conn, event_id, draft, who, whole=True)


def split(
    conn: sa.Connection, event_id: UUID, person: UUID, faces: Sequence[UUID], **who: Any
) -> Decision:
    """These faces of a person are someone else: `other` of what is returned."""
    draft = Decision(uuid4(), 0, "split", tuple(faces), person=person, other=uuid4())
    return _take(conn, event_id, draft, who, apart=True)


def move(
    conn: sa.Connection,
    event_id: UUID,
    faces: Sequence[UUID],
    other: UUID,
    *,
    person: UUID | None = None,
    **who: Any,
) -> Decision:
    """These faces are `other`, and not `person`, where they were so far."""
    draft = Decision(uuid4(), 0, "move", tuple(faces), person=person, other=other)
    return _take(conn, event_id, draft, who, apart=True)


def ignore_person(conn: sa.Connection, event_id: UUID, person: UUID, **who: Any) -> Decision:
    """Nobody is asked about this person again, nor made anew of such faces."""
    draft = Decision(uuid4(), 0, "ignore", person=person)
    return _take(conn, event_id, draft, who, whole=True)


def ignore_faces(
    conn: sa.Connection, event_id: UUID, faces: Sequence[UUID], **who: Any
) -> Decision:
    """Nobody is asked about these faces again."""
    return _take(conn, event_id, Decision(uuid4(), 0, "ignore", tuple(faces)), who)


def ignore_others(
    conn: sa.Connection, event_id: UUID, media: UUID, keep: Sequence[UUID] = (), **who: Any
) -> Decision:
    """Everyone in the photo is ignored but the faces `keep`, those that were decided on and those
    of who is linked or invited."""
    events.lock(conn, event_id)
    faces, persons = snapshot.others_in(conn, event_id, media, keep)
    draft = Decision(uuid4(), 0, "ignore", tuple(faces), media=media, persons=tuple(persons))
    return _take(conn, event_id, draft, who)


def not_a_face(conn: sa.Connection, event_id: UUID, faces: Sequence[UUID], **who: Any) -> Decision:
    """These are no faces: a statue, a print, a pattern."""
    return _take(conn, event_id, Decision(uuid4(), 0, "not_a_face", tuple(faces)), who)


def assign(conn: sa.Connection, event_id: UUID, person: UUID, user: UUID, **who: Any) -> Decision:
    """This person is this member."""
    draft = Decision(uuid4(), 0, "assign", person=person, user=user)
    return _take(conn, event_id, draft, who, whole=True)


def invite(conn: sa.Connection, event_id: UUID, person: UUID, email: str, **who: Any) -> Decision:
    """This person is invited by e-mail."""
    draft = Decision(uuid4(), 0, "invite", person=person, email=email)
    return _take(conn, event_id, draft, who, whole=True)


def unassign(conn: sa.Connection, event_id: UUID, person: UUID, **who: Any) -> Decision:
    """This person is no member (any more); whose faces are whose stays decided."""
    return _take(conn, event_id, Decision(uuid4(), 0, "unassign", person=person), who)


def undo(
    conn: sa.Connection, event_id: UUID, decision: UUID, *, actor: UUID, reason: str | None = None
) -> Decision:
    """That decision no longer counts; what it changed is again as it was."""
    draft = Decision(uuid4(), 0, "undo", supersedes=decision)
    return record(conn, event_id, draft, Taken(actor, reason))
