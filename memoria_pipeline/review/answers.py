"""Answers to the questions of the queue: each becomes decisions, and the question is answered.

One tap may take several decisions (three candidates who are all one person). They carry the same
reason, so that one undo takes all of them back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.review import actions
from memoria_pipeline.review.deciding import Outcome, organising
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store import questions, snapshot
from memoria_pipeline.store.questions import Open
from memoria_pipeline.store.shown import faces, history, members, people
from memoria_pipeline.store.snapshot import faces_of

Said = Literal["yes", "no", "skip", "ignore"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a human said to a question.

    person_ids: of same_person, who of the candidates is the first person (yes without any: all of
    them; the others are not). face_ids: of mixed, those of somebody else; of confirm, those that
    are the member's (yes without any: all). user_id: of name, who it is. decision_id: of conflict,
    which of its decisions holds. seen: of mixed and confirm, the faces that were shown, where that
    was not all of them: nothing is decided on the others.
    """

    said: Said
    person_ids: Sequence[UUID] = ()
    face_ids: Sequence[UUID] = ()
    user_id: UUID | None = None
    decision_id: UUID | None = None
    seen: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with who answers it. reason: what its decisions have in common."""

    conn: sa.Connection
    user: UUID
    event_id: UUID
    question: Open
    reason: str


def answer(conn: sa.Connection, user: UUID, question_id: UUID, said: Answer) -> Outcome:
    """Take the answer. Raises NotFound for a question that is not there, or has settled itself;
    DecisionError where the answer is none to this question."""
    found = questions.get(conn, question_id)
    if found is None:
        raise NotFound("question (any more)")
    organising(conn, found[0])
    again = questions.get(conn, question_id)  # as it is now that nobody else decides
    if again is None:
        raise DecisionError("The question was settled meanwhile; load the next one.")
    event_id, question = again
    if said.said == "skip":
        questions.skipped(conn, question_id)
        return Outcome(event_id, [], [])
    asked = _Asked(conn, user, event_id, _seen(question, said), reason_of(question_id))
    done = _taken(asked, said)
    last = done[-1].decision_ids[-1] if done else None
    questions.answered(conn, question_id, said.said, last)
    return _together(conn, event_id, done)


def _seen(question: Open, said: Answer) -> Open:
    if question.kind not in ("mixed", "confirm") or not said.seen:
        return question
    seen = set(said.seen)
    return replace(question, faces=tuple(each for each in question.faces if each in seen))


def reason_of(question_id: UUID) -> str:
    """Why the decisions of an answer were taken: what finds all of them again."""
    return f"{actions.ANSWER}{question_id}"


def _taken(asked: _Asked, said: Answer) -> list[Outcome]:
    if said.said == "ignore":
        return _ignored(asked)
    return _KINDS[asked.question.kind](asked, said)


def _together(conn: sa.Connection, event_id: UUID, done: Sequence[Outcome]) -> Outcome:
    named = {person.id for each in done for person in each.persons}
    shown = people.of(conn, event_id, named)
    made = [one for each in done for one in each.decision_ids]
    return Outcome(event_id, made, list(shown.values()))


def _ignored(asked: _Asked) -> list[Outcome]:
    """Nobody's business: who is asked about, or the face where there is nobody."""
    question, conn, user = asked.question, asked.conn, asked.user
    if question.kind not in ("name", "mixed", "confirm", "same_person"):
        raise DecisionError(f"A question {question.kind} is not answered by ignore; see /docs.")
    return [actions.ignore(conn, user, question.persons[0], reason=asked.reason)]


def _same_person(asked: _Asked, said: Answer) -> list[Outcome]:
    conn, user, reason = asked.conn, asked.user, asked.reason
    (first, *others), (_, *shown) = asked.question.persons, asked.question.faces
    chosen = _chosen(said, said.person_ids, others, "person_ids")
    merged = [
        actions.merge(conn, user, first, other, reason=reason)
        for other in others
        if other in chosen
    ]
    no = [face for other, face in zip(others, shown, strict=True) if other not in chosen]
    if no:
        # A no is about the face that was shown, wherever it goes.
        merged.append(actions.reject(conn, user, first, no, reason=reason))
    return merged


def _chosen(
    said: Answer, given: Sequence[UUID], offered: Sequence[UUID], name: str
) -> Sequence[UUID]:
    """Those of what was offered that the answer names; a plain yes means all, a no none."""
    if unknown := set(given) - set(offered):
        raise DecisionError(
            f"{len(unknown)} of {name} are not what the question is about (any more). Load it"
            " again."
        )
    if said.said == "no":
        return ()
    return given or offered


def _name(asked: _Asked, said: Answer) -> list[Outcome]:
    if said.said == "no" or said.user_id is None:
        raise DecisionError("Say who it is (user_id), or skip, or ignore.")
    conn, user, person = asked.conn, asked.user, asked.question.persons[0]
    member = members.one(conn, asked.event_id, said.user_id)
    known = member.person_id if member else None
    if known is not None and known != person:
        # a member who is identified already: these are more of that person's faces
        return [actions.merge(conn, user, known, person, reason=asked.reason)]
    return [actions.assign(conn, user, person, said.user_id, reason=asked.reason)]


def _mixed(asked: _Asked, said: Answer) -> list[Outcome]:
    """Others are split off; who stays was looked at."""
    conn, user, person = asked.conn, asked.user, asked.question.persons[0]
    if said.said == "yes" and not said.face_ids:
        raise DecisionError(
            "Say which faces are somebody else (face_ids), or no: it is one person."
        )
    done = []
    if said.said == "yes":
        gone = _chosen(said, said.face_ids, asked.question.faces, "face_ids")
        done = [actions.split(conn, user, person, gone, reason=asked.reason)]
    left = faces_of(conn, asked.event_id, [person])
    shown = [face for face in asked.question.faces if face in set(left)]
    return [*done, *_confirmed(asked, person, shown)]


def _confirmed(asked: _Asked, person: UUID, which: Sequence[UUID]) -> list[Outcome]:
    """These faces are the person, though two may be in one photo: each was looked at."""
    if not which:
        return []
    photos = snapshot.photos(asked.conn, asked.event_id, which)
    twice = len(set(photos.values())) < len(photos)
    conn, user, reason = asked.conn, asked.user, asked.reason
    return [actions.confirm(conn, user, person, which, twice=twice, reason=reason)]


def _twice(asked: _Asked, said: Answer) -> list[Outcome]:
    conn, user, reason = asked.conn, asked.user, asked.reason
    (one, other), pair = asked.question.persons, asked.question.faces
    if said.said == "no":
        owner = faces.these(conn, asked.event_id, pair)
        theirs = [face for face in pair if owner[face].person_id == other]
        return [actions.reject(conn, user, one, theirs or pair[1:], reason=reason)]
    merged = actions.merge(conn, user, one, other, reason=reason)
    return [merged, actions.confirm(conn, user, one, pair, twice=True, reason=reason)]


def _lost(asked: _Asked, said: Answer) -> list[Outcome]:
    """No analysis finds the face any more: yes, it is still somebody's."""
    conn, user, which = asked.conn, asked.user, asked.question.faces
    if said.said == "no":
        return [actions.not_a_face(conn, user, asked.event_id, which, reason=asked.reason)]
    owner = faces.these(conn, asked.event_id, which)
    person = owner[which[0]].person_id if which and which[0] in owner else None
    return [] if person is None else _confirmed(asked, person, which)


def _confirm(asked: _Asked, said: Answer) -> list[Outcome]:
    person, shown = asked.question.persons[0], asked.question.faces
    theirs = _chosen(said, said.face_ids, shown, "face_ids")
    done = _confirmed(asked, person, theirs)
    no = [face for face in shown if face not in set(theirs)]
    if no:
        done.append(actions.reject(asked.conn, asked.user, person, no, reason=asked.reason))
    return done


def _conflict(asked: _Asked, said: Answer) -> list[Outcome]:
    """Which decision holds: the others no longer count. Or a yes: one person after all."""
    question, conn, user = asked.question, asked.conn, asked.user
    decisions = [UUID(one) for one in question.detail.get("decisions", ())]
    if said.decision_id is not None:
        _chosen(said, [said.decision_id], decisions, "decision_id")
        gone = history.undone(conn, asked.event_id)
        rest = [each for each in decisions if each != said.decision_id and each not in gone]
        return [actions.undo(conn, user, each, reason=asked.reason) for each in rest]
    kind = question.detail.get("conflict")
    if said.said == "yes" and kind == "same_photo":
        person, pair = question.persons[0], question.faces
        return [actions.confirm(conn, user, person, pair, twice=True, reason=asked.reason)]
    if said.said == "yes" and kind == "same_member" and len(question.persons) > 1:
        first, *others = question.persons
        return [actions.merge(conn, user, first, each, reason=asked.reason) for each in others]
    raise DecisionError("Say which of its decisions holds (decision_id), or skip.")


_KINDS: dict[str, Callable[[_Asked, Answer], list[Outcome]]] = {
    "same_person": _same_person,
    "name": _name,
    "mixed": _mixed,
    "twice": _twice,
    "lost": _lost,
    "confirm": _confirm,
    "conflict": _conflict,
}
