"""What a human decides, by its address; `actions.py` says what each does."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import BackgroundTasks, Depends, Request
from pydantic import Field

from memoria_pipeline.review import actions, inviting
from memoria_pipeline.review.api.shapes import (
    Confirm,
    Expected,
    FaceIds,
    Invite,
    KeepFaces,
    LinkUser,
    Merge,
    Move,
    OfFaces,
)
from memoria_pipeline.review.api.shown import Done, person_of
from memoria_pipeline.review.callers import Conn, Here, Signed, limited_user
from memoria_pipeline.review.deciding import Outcome
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.routes import routes
from memoria_pipeline.review.words import Words, words_of

router = routes("decisions")


def user_of(caller: Signed) -> UUID:
    """Whoever is signed in."""
    assert caller.user is not None
    return caller.user


User = Annotated[UUID, Depends(user_of)]


def done(parts: Parts, user: UUID, outcome: Outcome) -> Done:
    """An outcome as it is answered to this user."""
    signer = parts.signer.of(user)
    persons = [person_of(signer, each) for each in outcome.persons]
    return Done(event_id=outcome.event_id, decision_ids=outcome.decision_ids, persons=persons)


def seen(body: Expected | None) -> int | None:
    """The version that the caller saw, where it says so."""
    return body.expected_version if body else None


@router.post("/person/{person_id}/link-user")
def link_user(person_id: UUID, body: LinkUser, conn: Conn, user: User, parts: Here) -> Done:
    """The person is this member: every face of the person becomes a tag."""
    outcome = actions.assign(conn, user, person_id, body.user_id, body.expected_version)
    return done(parts, user, outcome)


@router.post("/person/{person_id}/unassign")
def unassign(
    person_id: UUID, conn: Conn, user: User, parts: Here, body: Expected | None = None
) -> Done:
    """The person is no member (any more), nor invited: the tags by its faces go."""
    return done(parts, user, actions.unassign(conn, user, person_id, seen(body)))


@router.post("/person/{person_id}/invite", dependencies=[Depends(limited_user("invite"))])
def invite(
    person_id: UUID,
    body: Invite,
    conn: Conn,
    user: User,
    parts: Here,
    request: Request,
    later: BackgroundTasks,
) -> Done:
    """Send a link that works once, with a message and up to five photos of the person."""
    words = Words(body.language) if body.language else words_of(request)
    outcome, letter = inviting.invite(
        conn, parts, user, person_id, body.email, words, body.message, body.expected_version
    )
    later.add_task(inviting.post, parts, user, letter)
    return done(parts, user, outcome)


@router.post("/person/{person_id}/merge")
def merge(person_id: UUID, body: Merge, conn: Conn, user: User, parts: Here) -> Done:
    """Both are one person: faces and tags of the other move here, and it is `merged`."""
    outcome = actions.merge(
        conn,
        user,
        person_id,
        body.other_person_id,
        body.expected_version,
        body.other_expected_version,
    )
    return done(parts, user, outcome)


@router.post("/person/{person_id}/split")
def split(person_id: UUID, body: OfFaces, conn: Conn, user: User, parts: Here) -> Done:
    """These faces are somebody else: a new person, who is among `persons` of the answer."""
    outcome = actions.split(conn, user, person_id, body.face_ids, body.expected_version)
    return done(parts, user, outcome)


@router.post("/person/{person_id}/ignore")
def ignore(
    person_id: UUID, conn: Conn, user: User, parts: Here, body: Expected | None = None
) -> Done:
    """Nobody is asked about this person again, nor is it made anew of such faces."""
    return done(parts, user, actions.ignore(conn, user, person_id, seen(body)))


@router.post("/person/{person_id}/confirm")
def confirm(
    person_id: UUID,
    conn: Conn,
    user: User,
    parts: Here,
    body: Confirm | None = None,
) -> Done:
    """These faces are the person."""
    faces = body.face_ids if body else None
    twice = body is not None and body.twice
    outcome = actions.confirm(conn, user, person_id, faces, seen(body), twice=twice)
    return done(parts, user, outcome)


@router.post("/person/{person_id}/reject")
def reject(person_id: UUID, body: OfFaces, conn: Conn, user: User, parts: Here) -> Done:
    """These faces are not the person."""
    outcome = actions.reject(conn, user, person_id, body.face_ids, body.expected_version)
    return done(parts, user, outcome)


@router.post("/event/{event_id}/move")
def move(event_id: UUID, body: Move, conn: Conn, user: User, parts: Here) -> Done:
    """These faces are that person, and not the one where they were."""
    outcome = actions.move(
        conn, user, event_id, body.face_ids, body.to_person_id, body.from_person_id
    )
    return done(parts, user, outcome)


@router.post("/event/{event_id}/not-a-face")
def not_a_face(event_id: UUID, body: FaceIds, conn: Conn, user: User, parts: Here) -> Done:
    """These are no faces: a statue, a print, a pattern."""
    return done(parts, user, actions.not_a_face(conn, user, event_id, body.face_ids))


@router.post("/event/{event_id}/ignore-faces")
def ignore_faces(event_id: UUID, body: FaceIds, conn: Conn, user: User, parts: Here) -> Done:
    """Nobody is asked about these faces again."""
    return done(parts, user, actions.ignore_faces(conn, user, event_id, body.face_ids))


@router.post("/media/{media_id}/ignore-others")
def ignore_others(
    media_id: UUID,
    conn: Conn,
    user: User,
    parts: Here,
    body: KeepFaces | None = None,
) -> Done:
    """Everyone in the photo is ignored but these faces, what was decided on, and members."""
    keep = body.keep_face_ids if body else ()
    return done(parts, user, actions.ignore_others(conn, user, media_id, keep))


@router.post("/decision/{decision_id}/undo")
def undo(decision_id: UUID, conn: Conn, user: User, parts: Here) -> Done:
    """That decision no longer counts: people, faces and tags are as they were before it."""
    return done(parts, user, actions.undo(conn, user, decision_id))


@router.post("/event/{event_id}/undo")
def undo_last(event_id: UUID, conn: Conn, user: User, parts: Here) -> Done:
    """What the caller did last in the event no longer counts; of an answer, all of it."""
    return done(parts, user, actions.undo_last(conn, user, event_id))


class LinkAction(LinkUser):
    """As `/person/{id}/link-user`."""

    action: Literal["link-user", "link_user", "link"]
    person_id: UUID


class InviteAction(Invite):
    """As `/person/{id}/invite`."""

    action: Literal["invite"]
    person_id: UUID


class MergeAction(Merge):
    """As `/person/{id}/merge`."""

    action: Literal["merge"]
    person_id: UUID


class PlainAction(Expected):
    """As `/person/{id}/ignore` and `/person/{id}/unassign`."""

    action: Literal["ignore", "unassign"]
    person_id: UUID


Action = Annotated[
    LinkAction | InviteAction | MergeAction | PlainAction, Field(discriminator="action")
]


@router.post("/face-person-actions")
def face_person_actions(
    body: Action,
    conn: Conn,
    user: User,
    parts: Here,
    request: Request,
    later: BackgroundTasks,
) -> Done:
    """One address for several actions, as applications know it: `action` says which."""
    if isinstance(body, LinkAction):
        return link_user(body.person_id, body, conn, user, parts)
    if isinstance(body, InviteAction):
        parts.limiter.take("invite", str(user))
        return invite(body.person_id, body, conn, user, parts, request, later)
    if isinstance(body, MergeAction):
        return merge(body.person_id, body, conn, user, parts)
    act = ignore if body.action == "ignore" else unassign
    return act(body.person_id, conn, user, parts, body)
