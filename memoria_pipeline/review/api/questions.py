"""The queue: what to ask next, and answers."""

from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from memoria_pipeline.review import answers
from memoria_pipeline.review.answers import Answer
from memoria_pipeline.review.api.deciding import User, done
from memoria_pipeline.review.api.shapes import Said
from memoria_pipeline.review.api.shown import Done, Face, Person, face_of, person_of
from memoria_pipeline.review.callers import Conn, Eyes, Here
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.routes import routes
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.store import questions
from memoria_pipeline.store.questions import Open
from memoria_pipeline.store.shown import faces, people

router = routes("questions")
_EXAMPLES = 5
Kind = Literal["same_person", "name", "mixed", "twice", "lost", "conflict", "confirm"]


class Asked(BaseModel):
    """Somebody whom a question is about, with some of the faces, each of another photo."""

    person: Person
    faces: list[Face]


class Question(BaseModel):
    """One question.

    same_person: which of persons[1:] are persons[0] as well (`person_ids`)? name: who is persons[0]
    (`user_id`)? mixed: which of the faces are somebody else (`face_ids`), or no: none. confirm:
    which of the faces are the member's (`face_ids`; a plain yes: all). twice: are the two faces of
    one photo one person? lost: no analysis finds the face any more: is it still somebody's?
    conflict: which of the decisions of `detail` holds (`decision_id`)? Any: skip; name, mixed,
    confirm, same_person: ignore.
    """

    id: UUID
    kind: Kind
    persons: list[Asked]
    faces: list[Face]
    p: float
    gain: float
    detail: dict[str, Any]
    skipped: bool


class Queue(BaseModel):
    """The next questions, best first."""

    items: list[Question]


class GivenAnswer(Said):
    """An answer; which members it needs, each kind of question says."""

    answer: Literal["yes", "no", "skip", "ignore"]
    person_ids: Annotated[list[UUID], Field(max_length=100)] = []
    face_ids: Annotated[list[UUID], Field(max_length=10_000)] = []
    user_id: UUID | None = None
    decision_id: UUID | None = None


@router.get("/event/{event_id}/questions")
def questions_of_event(
    event_id: UUID, conn: Conn, signer: Eyes, limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> Queue:
    """What to ask next, best first. What was answered meanwhile is not in it."""
    in_event(conn, event_id)
    found = questions.open_(conn, event_id, limit)
    return Queue(items=_shown(conn, signer, event_id, found))


def _shown(conn: Conn, signer: Signer, event_id: UUID, found: list[Open]) -> list[Question]:
    """All of them by three queries, however many there are."""
    ids = {person for each in found for person in each.persons}
    persons = people.of(conn, event_id, ids)
    examples = faces.best_of(conn, event_id, ids, _EXAMPLES)
    known = faces.these(conn, event_id, {face for each in found for face in each.faces})
    return [
        Question(
            id=each.id,
            kind=cast(Kind, each.kind),
            persons=[
                Asked(
                    person=person_of(signer, persons[one]),
                    faces=[face_of(signer, face) for face in examples[one]],
                )
                for one in each.persons
                if one in persons
            ],
            faces=[face_of(signer, known[one]) for one in each.faces if one in known],
            p=each.p,
            gain=each.gain,
            detail=each.detail,
            skipped=each.skipped,
        )
        for each in found
    ]


@router.post("/question/{question_id}/answer")
def answer(question_id: UUID, body: GivenAnswer, conn: Conn, user: User, parts: Here) -> Done:
    """Answer a question: its decisions are taken, and it is not asked again."""
    said = Answer(body.answer, body.person_ids, body.face_ids, body.user_id, body.decision_id)
    return done(parts, user, answers.answer(conn, user, question_id, said))
