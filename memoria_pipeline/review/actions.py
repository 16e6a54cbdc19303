"""What a human can do to people and faces: each thing once, for the API and the pages alike.

Every function is part of the caller's transaction (role authenticated). It takes the event's row
first, so what it looked at is still so when the decision is taken. Raises NotFound for what the
caller does not see, Problem 403 for who is no organiser, VersionConflict where somebody was faster,
DecisionError for what cannot be; nothing was changed then.
"""

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.review.deciding import Outcome as Outcome
from memoria_pipeline.review.deciding import VersionConflict as VersionConflict
from memoria_pipeline.review.deciding import decided_on, organising, outcome
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store import decisions, invitations, members, questions, snapshot
from memoria_pipeline.store.shown import history, people
from memoria_pipeline.store.shown.photos import one as photo_shown


def assign(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    member: UUID,
    expected: int | None = None,
    reason: str | None = None,
) -> Outcome:
    """This person is this member: tags follow. Who is no member of the event becomes a guest."""
    found = decided_on(conn, person, expected)
    members.ensure_guest(conn, found.event_id, member)
    made = decisions.assign(conn, found.event_id, found.id, member, actor=user, reason=reason)
    return outcome(conn, found.event_id, made)


def unassign(conn: sa.Connection, user: UUID, person: UUID, expected: int | None = None) -> Outcome:
    """This person is no member, and nobody is invited for it (any more): tags go."""
    found = decided_on(conn, person, expected)
    invitations.end(conn, found.event_id, found.id)
    return outcome(
        conn, found.event_id, decisions.unassign(conn, found.event_id, found.id, actor=user)
    )


def merge(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    other: UUID,
    expected: int | None = None,
    other_expected: int | None = None,
    reason: str | None = None,
) -> Outcome:
    """Both are one person: `person` stays, `other` leads to it from now on."""
    stays = decided_on(conn, person, expected)
    goes = decided_on(conn, other, other_expected)
    if goes.event_id != stays.event_id:
        raise NotFound("person in this event")
    made = decisions.merge(conn, stays.event_id, stays.id, goes.id, actor=user, reason=reason)
    return outcome(conn, stays.event_id, made)


def split(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    faces: Sequence[UUID],
    expected: int | None = None,
    reason: str | None = None,
) -> Outcome:
    """These faces of the person are somebody else, who is new."""
    found = decided_on(conn, person, expected)
    own = set(snapshot.faces_of(conn, found.event_id, [found.id]))
    if not own.issuperset(faces):
        raise DecisionError(
            f"{len(set(faces) - own)} of the faces are not of person {found.id} (any more). Load"
            " it again and choose among those that are there."
        )
    made = decisions.split(conn, found.event_id, found.id, faces, actor=user, reason=reason)
    return outcome(conn, found.event_id, made)


def confirm(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    faces: Sequence[UUID] | None = None,
    expected: int | None = None,
    *,
    twice: bool = False,
    reason: str | None = None,
) -> Outcome:
    """These faces, or all that it has, are this person; twice: even two of one photo."""
    found = decided_on(conn, person, expected)
    event_id = found.event_id
    which = snapshot.faces_of(conn, event_id, [found.id]) if faces is None else faces
    made = decisions.confirm(
        conn, event_id, which, found.id, twice=twice, actor=user, reason=reason
    )
    return outcome(conn, event_id, made)


def reject(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    faces: Sequence[UUID],
    expected: int | None = None,
    reason: str | None = None,
) -> Outcome:
    """These faces are not this person; whose they are, nobody says."""
    found = decided_on(conn, person, expected)
    made = decisions.reject(conn, found.event_id, faces, found.id, actor=user, reason=reason)
    return outcome(conn, found.event_id, made)


def ignore(
    conn: sa.Connection,
    user: UUID,
    person: UUID,
    expected: int | None = None,
    reason: str | None = None,
) -> Outcome:
    """Nobody is asked about this person again."""
    found = decided_on(conn, person, expected)
    invitations.end(conn, found.event_id, found.id)
    made = decisions.ignore_person(conn, found.event_id, found.id, actor=user, reason=reason)
    return outcome(conn, found.event_id, made)


def move(
    conn: sa.Connection,
    user: UUID,
    event_id: UUID,
    faces: Sequence[UUID],
    to: UUID,
    come_from: UUID | None = None,
) -> Outcome:
    """These faces are person `to`, and not `come_from`, where they were so far."""
    organising(conn, event_id)
    ends = [None if each is None else people.one(conn, each) for each in (to, come_from)]
    for given, found in zip((to, come_from), ends, strict=True):
        if given is not None and (found is None or found.event_id != event_id):
            raise NotFound("person in this event")
    target, source = ends
    assert target is not None
    left = None if source is None or source.id == target.id else source.id
    made = decisions.move(conn, event_id, faces, target.id, person=left, actor=user)
    return outcome(conn, event_id, made)


def not_a_face(
    conn: sa.Connection,
    user: UUID,
    event_id: UUID,
    faces: Sequence[UUID],
    reason: str | None = None,
) -> Outcome:
    """These are no faces: a statue, a print, a pattern."""
    organising(conn, event_id)
    made = decisions.not_a_face(conn, event_id, faces, actor=user, reason=reason)
    return outcome(conn, event_id, made)


def ignore_faces(conn: sa.Connection, user: UUID, event_id: UUID, faces: Sequence[UUID]) -> Outcome:
    """Nobody is asked about these faces again."""
    organising(conn, event_id)
    return outcome(conn, event_id, decisions.ignore_faces(conn, event_id, faces, actor=user))


def ignore_others(
    conn: sa.Connection, user: UUID, media: UUID, keep: Sequence[UUID] = ()
) -> Outcome:
    """Everyone in the photo is ignored but these faces, what was decided on, and members."""
    photo = photo_shown(conn, media)
    if photo is None:
        raise NotFound("photo")
    organising(conn, photo.event_id)
    made = decisions.ignore_others(conn, photo.event_id, media, keep, actor=user)
    return outcome(conn, photo.event_id, made)


def undo(conn: sa.Connection, user: UUID, decision: UUID, reason: str | None = None) -> Outcome:
    """That decision no longer counts: people, faces and tags are as they were before it. Where it
    was part of an answer, its question is asked again."""
    found = history.one(conn, decision)
    if found is None:
        raise NotFound("decision")
    organising(conn, found.event_id)
    made = decisions.undo(conn, found.event_id, decision, actor=user, reason=reason)
    if found.reason is not None and found.reason.startswith(ANSWER):
        questions.taken_back(conn, UUID(found.reason.removeprefix(ANSWER)), decision)
    named = {each for each in (found.person_id, found.other_person_id) if each is not None}
    shown = people.of(conn, found.event_id, named)
    return Outcome(found.event_id, [made.id], list(shown.values()))


def undo_last(conn: sa.Connection, user: UUID, event_id: UUID) -> Outcome:
    """What the caller did last in the event no longer counts; of an answer, all of it."""
    organising(conn, event_id)
    last = history.latest(conn, event_id, user)
    if last is None:
        raise DecisionError("There is nothing of yours to undo in this event.")
    return undo_whole(conn, user, last)


ANSWER, TOGETHER = "answer to question ", "together "
"""How the reasons begin that the decisions of one answer, or of one key, have in common."""


def undo_whole(conn: sa.Connection, user: UUID, found: history.DecisionShown) -> Outcome:
    """A decision and those that one answer, or one key, took with it no longer count."""
    organising(conn, found.event_id)
    reason = found.reason or ""
    grouped = reason.startswith((ANSWER, TOGETHER))
    whole = history.together(conn, found.event_id, reason) if grouped else []
    done = [undo(conn, user, each) for each in whole or [found.id]]
    named = {person.id for each in done for person in each.persons}
    shown = people.of(conn, found.event_id, named)
    made = [one for each in done for one in each.decision_ids]
    return Outcome(found.event_id, made, list(shown.values()))
