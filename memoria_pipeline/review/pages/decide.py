"""Where the forms of the grid, of a person and of a photo go: one action each, and its undo."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Form
from fastapi.responses import Response

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.review import actions
from memoria_pipeline.review.deciding import Outcome
from memoria_pipeline.review.pages.frame import Frame, Framed, Ids
from memoria_pipeline.review.pages.layout import decided
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store.shown import history, people

router = APIRouter()


def told(text: str, done: Outcome, **about: str) -> Response:
    """The answer to a decision that was taken; it can be taken back."""
    undo = {"undo": str(done.decision_ids[-1])} if done.decision_ids else {}
    return decided(text, **undo, **about)


@router.post("/review/{event_id}/merge")
def merge(frame: Framed, person_ids: Ids) -> Response:
    """They are all one person: who has a name stays, else whoever comes first."""
    reason = _together()
    first, *others = _named_first(frame, list(dict.fromkeys(person_ids)))
    if not others:
        raise DecisionError("One person alone cannot be merged; choose two.")
    done = [actions.merge(frame.conn, frame.user, first, each, reason=reason) for each in others]
    return told(frame.words.gettext("They are one person now."), done[-1])


def _named_first(frame: Frame, ids: list[UUID]) -> list[UUID]:
    found = people.of(frame.conn, frame.event.id, ids)
    if len(found) < len(ids):
        raise NotFound("person in this event")
    rank = {"linked": 0, "invited": 1}
    return sorted(ids, key=lambda each: rank.get(found[each].status, 2))


@router.post("/review/{event_id}/ignore")
def ignore(frame: Framed, person_ids: Ids) -> Response:
    """Nobody is asked about them again."""
    if len(people.of(frame.conn, frame.event.id, person_ids)) < len(set(person_ids)):
        raise NotFound("person in this event")
    reason, n = _together(), len(set(person_ids))
    done = [
        actions.ignore(frame.conn, frame.user, each, reason=reason)
        for each in dict.fromkeys(person_ids)
    ]
    text = frame.words.ngettext("%(num)d person ignored.", "%(num)d people ignored.", n)
    return told(text % {"num": n}, done[-1])


@router.post("/review/{event_id}/not-a-face")
def not_a_face(frame: Framed, face_ids: Ids) -> Response:
    """These are no faces."""
    done = actions.not_a_face(frame.conn, frame.user, frame.event.id, face_ids)
    return told(frame.words.gettext("Noted: not a face."), done)


@router.post("/review/{event_id}/ignore-faces")
def ignore_faces(frame: Framed, face_ids: Ids) -> Response:
    """Nobody is asked about these faces again."""
    done = actions.ignore_faces(frame.conn, frame.user, frame.event.id, face_ids)
    return told(frame.words.gettext("Ignored."), done)


@router.post("/review/{event_id}/move")
def move(
    frame: Framed,
    face_ids: Ids,
    to_person_id: Annotated[UUID, Form()],
    from_person_id: Annotated[UUID | None, Form()] = None,
) -> Response:
    """These faces are somebody else of the event."""
    done = actions.move(
        frame.conn, frame.user, frame.event.id, face_ids, to_person_id, from_person_id
    )
    return told(frame.words.gettext("Moved."), done)


@router.post("/review/{event_id}/undo")
def undo(
    frame: Framed,
    decision: Annotated[UUID | None, Form()] = None,
    question: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Take a decision back, else all that answered a question, else what the caller did last.

    What was done by one key is undone by one. A question that was skipped needs no undo.
    """
    _ = frame.words.gettext
    if question is not None and decision is None:
        return decided(_("Here it is again."), question=str(question))
    found = (
        history.one(frame.conn, decision)
        if decision
        else history.latest(frame.conn, frame.event.id, frame.user)
    )
    if found is None or found.event_id != frame.event.id:
        return decided(_("There is nothing of yours to undo."))
    actions.undo_whole(frame.conn, frame.user, found)
    reason = found.reason or ""
    asked = (
        {"question": reason.removeprefix(actions.ANSWER)}
        if reason.startswith(actions.ANSWER)
        else {}
    )
    return decided(_("Undone."), **asked)


def _together() -> str:
    return f"{actions.TOGETHER}{uuid4()}"
