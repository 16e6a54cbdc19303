"""The queue: the next questions as screens, and what is answered to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import Response

from memoria_pipeline.review import answers, keeping
from memoria_pipeline.review.answers import Answer
from memoria_pipeline.review.deciding import Outcome
from memoria_pipeline.review.pages.frame import Frame, Organised
from memoria_pipeline.review.pages.layout import tells
from memoria_pipeline.review.pages.progress import progress_of
from memoria_pipeline.review.pages.sentences import HistoryLine, history_lines
from memoria_pipeline.review.pages.views import (
    LARGE,
    FaceView,
    PersonView,
    Views,
    keyed,
)
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store import questions
from memoria_pipeline.store.questions import Open
from memoria_pipeline.store.shown import faces, history, members, people

router = APIRouter()
_AHEAD = 4  # questions in the page: the one that is shown, and those that an answer leads to
_MOST = 200
_EXAMPLES = 5
_MEMBERS = 1000
_DRAWN, _FURTHER = 24, 96
"""Faces of a question that are in the page, most in doubt first; those that a tap adds."""


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One screen. person: whom it is about, with face and examples; candidates: who else it may be;
    faces: those to look at, and how many are left out; sides: of a conflict, what was decided;
    reconcilable: whether both may hold."""

    id: UUID
    kind: str
    person: PersonView | None
    face: str | None
    examples: list[FaceView]
    candidates: list[PersonView]
    faces: list[FaceView]
    left_out: int
    photo: UUID | None
    sides: list[HistoryLine]
    reconcilable: bool


def questions_of(frame: Frame, first: UUID | None = None) -> dict[str, Any]:
    """What the queue's templates need; first: the question to begin with, where it is open."""
    found = questions.open_(frame.conn, frame.event.id, _MOST)
    if first is not None:
        found.sort(key=lambda each: each.id != first)
    everyone = members.search(frame.conn, frame.event.id, limit=_MEMBERS)
    choices = keyed(each for each in everyone if each.display_name or each.email)
    return {
        "questions": _views(frame, found[:_AHEAD]),
        "total": len(found),
        "choices": [each for each in choices if each.key],
        "far": [each for each in choices if not each.key],
    }


def _views(frame: Frame, found: Sequence[Open]) -> list[QuestionView]:
    conn, event = frame.conn, frame.event.id
    persons = {one for each in found for one in each.persons}
    people_ = people.of(conn, event, persons)
    best = faces.best_of(conn, event, persons, _EXAMPLES + 1)
    shown = faces.these(conn, event, {one for each in found for one in each.faces[:_DRAWN]})
    return [_view(frame, each, people_, best, shown) for each in found]


def _view(
    frame: Frame,
    question: Open,
    known: Mapping[UUID, people.PersonShown],
    best: Mapping[UUID, Sequence[faces.FaceShown]],
    shown: Mapping[UUID, faces.FaceShown],
) -> QuestionView:
    views = frame.views
    first = question.persons[0] if question.persons else None
    large = _large(question, best, shown)
    examples = [each for each in best.get(first, ()) if each.id != large] if first else []
    here = [views.face(shown[each]) for each in question.faces[:_DRAWN] if each in shown]
    options = question.detail.get("decisions", []) if question.kind == "conflict" else []
    return QuestionView(
        question.id,
        question.kind,
        None if first is None else _known(views, known, first),
        views.crop(large, LARGE) if large else None,
        [views.face(each) for each in examples[:_EXAMPLES]],
        _candidates(views, question, known),
        here,
        len(question.faces[_DRAWN:]),
        here[0].media_id if here else None,
        _sides(frame, options),
        question.detail.get("conflict") in ("same_photo", "same_member"),
    )


def _known(
    views: Views, known: Mapping[UUID, people.PersonShown], person: UUID
) -> PersonView | None:
    return views.person(known[person]) if person in known else None


def _large(
    question: Open,
    best: Mapping[UUID, Sequence[faces.FaceShown]],
    shown: Mapping[UUID, faces.FaceShown],
) -> UUID | None:
    if question.kind in ("name", "same_person") and question.faces and question.faces[0] in shown:
        return question.faces[0]
    theirs = best.get(question.persons[0], ()) if question.persons else ()
    return theirs[0].id if theirs else None


def _candidates(
    views: Views, question: Open, known: Mapping[UUID, people.PersonShown]
) -> list[PersonView]:
    """Each beside the face that the question is about, which a no is about, too."""
    if question.kind != "same_person":
        return []
    pairs = zip(question.persons[1:], question.faces[1:], strict=True)
    return [views.person(known[each], crop=face) for each, face in pairs if each in known]


def _sides(frame: Frame, options: Sequence[str]) -> list[HistoryLine]:
    found = [history.one(frame.conn, UUID(each)) for each in options]
    return history_lines(frame, [each for each in found if each is not None])


@router.get("/review/{event_id}/questions")
def ahead(frame: Organised, first: Annotated[UUID | None, Query()] = None) -> Response:
    """The next questions, as parts of the page."""
    return _queue(frame, first)


@router.get("/review/{event_id}/questions/{question_id}/faces")
def further(
    frame: Organised, question_id: UUID, start: Annotated[int, Query(ge=0, le=100_000)]
) -> Response:
    """More of a question's faces, from the place `start` on."""
    about = _asked(frame, question_id)
    chosen = about.faces[start : start + _FURTHER]
    shown = faces.these(frame.conn, frame.event.id, chosen)
    return frame.page(
        "_question_faces.html",
        q={"id": question_id, "faces": [frame.views.face(shown[f]) for f in chosen if f in shown]},
        start=start,
        left_out=len(about.faces[start + _FURTHER :]),
    )


def _queue(frame: Frame, first: UUID | None = None) -> Response:
    return frame.page("_questions.html", **questions_of(frame, first), **progress_of(frame))


@dataclass(frozen=True, slots=True)
class Said:
    """What the form of a question sends. face_ids: those that were tapped, as somebody else; seen:
    those that were drawn, where there may be more."""

    answer: Annotated[Literal["yes", "no", "skip", "ignore"], Form()]
    person_ids: Annotated[tuple[UUID, ...], Form(max_length=100)] = ()
    face_ids: Annotated[tuple[UUID, ...], Form(max_length=5000)] = ()
    seen: Annotated[tuple[UUID, ...], Form(max_length=5000)] = ()
    user_id: Annotated[UUID | None, Form()] = None
    decision_id: Annotated[UUID | None, Form()] = None
    new_name: Annotated[str, Form(max_length=120)] = ""


@router.post("/review/{event_id}/questions/{question_id}")
def answer(frame: Organised, question_id: UUID, said: Annotated[Said, Depends()]) -> Response:
    """An answer; what is asked next comes back."""
    asked = _asked(frame, question_id)
    done = answers.answer(frame.conn, frame.user, question_id, _answer(frame, asked, said))
    response = _queue(frame)
    about = {"text": _told(frame, said, done)}
    if done.decision_ids:
        about["undo"] = str(done.decision_ids[-1])
    response.headers.update(tells(**about))
    return response


def _asked(frame: Frame, question_id: UUID) -> Open:
    found = questions.get(frame.conn, question_id)
    if found is None or found[0] != frame.event.id:
        raise NotFound("question (any more)")
    return found[1]


def _answer(frame: Frame, question: Open, said: Said) -> Answer:
    user, theirs, word = said.user_id, said.face_ids, said.answer
    if question.kind == "name" and word == "yes" and user is None and said.new_name.strip():
        user = _new(frame, said.new_name)
    if question.kind == "confirm" and theirs:
        # the page lets people tap who is wrong, the answer names who is right
        theirs = tuple(each for each in said.seen or question.faces if each not in set(theirs))
        word = "yes" if theirs else "no"
    return Answer(word, said.person_ids, theirs, user, said.decision_id, said.seen)


def _new(frame: Frame, name: str) -> UUID:
    made = keeping.add_member(frame.conn, frame.event.id, "guest", name=name.strip())
    return made.user_id


def _told(frame: Frame, said: Said, done: Outcome) -> str:
    _ = frame.words.gettext
    names = [each.name for each in done.persons if each.name]
    if said.answer == "skip":
        return _("Skipped")
    if said.answer == "ignore":
        return _("Ignored")
    return names[0] if names else _("Answered")
