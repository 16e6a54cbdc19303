"""What to ask the organiser: computed by the pipeline, kept as rows, read by the review.

A batch is all that one computation asked. What is open of it is decided when it is read (see
open_questions.py), so that an answer counts at once, and not only after the next computation.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.store import decisions, standing
from memoria_pipeline.store.open_questions import Open as Open
from memoria_pipeline.store.open_questions import get as get
from memoria_pipeline.store.open_questions import open_ as open_
from memoria_pipeline.store.open_questions import undone
from memoria_pipeline.store.standing import Asked

_KEPT = "1 hour"  # a page that shows an older batch may still answer it


@dataclass(frozen=True, slots=True)
class Made:
    """A question as it will be kept; persons and faces as in people.suggest.Question.

    detail: of a conflict its kind, its sentence and its decisions. p, gain: as there; of "confirm":
    that all faces are the person, and how many are expected not to be.
    """

    kind: str
    persons: tuple[UUID, ...]
    faces: tuple[UUID, ...]
    p: float
    gain: float
    detail: dict[str, Any]

    @property
    def key(self) -> tuple[str, tuple[UUID, ...], tuple[UUID, ...]]:
        """The same question has the same one."""
        return self.kind, self.persons, self.faces


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one computation asks, best first, and what was decided when it began.

    total: answers until everybody who was seen more than once has a name and is right to 99 %.
    """

    made: list[Made]
    forecast: Forecast
    total: int
    seq: int


def ask(conn: sa.Connection, event_id: UUID, thresholds: Any, limit: int = 200) -> Batch:
    """Compute what to ask; seconds for 60,000 faces, and nothing is locked meanwhile.

    For a transaction that sees one moment (`db.steady`): people go on deciding. Raises
    DatabaseError when there is no such event.
    """
    seq = decisions.last_seq(conn, event_id)
    asked = standing.ask(conn, event_id, thresholds, limit)
    made = [*_conflicts(asked), *_confirmations(conn, event_id), *_others(asked)]
    left = asked.queue.forecast.answers.get(0.99)
    certain = sum(each.kind in ("conflict", "confirm", "lost") for each in made)
    nameless: int = conn.execute(_NAMELESS, {"event": event_id}).scalar_one()
    return Batch(made, asked.queue.forecast, (left or 0) + certain + nameless, seq)


def _conflicts(asked: Asked) -> list[Made]:
    rows = [each for each in asked.queue.questions if each.kind == "conflict"]
    return [
        Made(
            "conflict",
            about.persons,
            tuple(asked.faces[i] for i in row.faces),
            row.p,
            row.gain,
            {
                "conflict": about.kind,
                "sentence": about.sentence,
                "decisions": [str(one) for one in about.decisions],
            },
        )
        for row, about in zip(rows, asked.conflicts, strict=False)
    ]


def _others(asked: Asked) -> list[Made]:
    return [
        Made(
            each.kind,
            tuple(asked.persons[i] for i in each.persons),
            tuple(asked.faces[i] for i in each.faces),
            each.p,
            each.gain,
            {},
        )
        for each in asked.queue.questions
        if each.kind != "conflict"
    ]


def _confirmations(conn: sa.Connection, event_id: UUID) -> list[Made]:
    """Faces that came to a member since: no tags until a human says so, hence no vectors needed."""
    return [
        Made("confirm", (row.person,), tuple(row.faces), row.p, row.gain, {})
        for row in conn.execute(_CONFIRM, {"event": event_id})
    ]


_CONFIRM = sa.text(
    "select p.id as person, array_agg(f.id order by f.probability, f.id) as faces,"
    " coalesce(avg(f.probability), 0)::real as p,"
    " sum(1 - coalesce(f.probability, 0))::real as gain"
    " from memoria.face_persons p join memoria.faces f"
    " on f.event_id = p.event_id and f.face_person_id = p.id"
    " where p.event_id = :event and f.event_id = :event and p.status in ('linked', 'invited')"
    " and f.verdict is null and not f.lost group by p.id order by count(*) desc, p.id"
)
_NAMELESS = sa.text(
    "select count(*) from memoria.face_persons where event_id = :event and status = 'pending'"
    " and (metadata ->> 'face_count')::integer > 1"
)


def save(conn: sa.Connection, event_id: UUID, batch: Batch) -> dict[str, int]:
    """Put a batch in the place of the one before; how many questions of each kind.

    A question that was asked before keeps its id, and that it was skipped. What was answered since
    the batch was begun is not asked again.
    """
    known = _known(conn, event_id, batch.seq)
    done = {key for key, row in known.items() if row.answered}
    fresh = [each for each in batch.made if each.key not in done]
    ids = [known[each.key].id if each.key in known else uuid4() for each in fresh]
    conn.execute(_FORECAST, _row(event_id, batch))
    if fresh:
        conn.execute(_QUESTION, _rows(event_id, batch.seq, fresh, ids))
    conn.execute(_FORGET, {"event": event_id, "kept": _KEPT})
    kinds = [each.kind for each in fresh]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _known(conn: sa.Connection, event_id: UUID, seq: int) -> dict[Any, sa.Row[Any]]:
    values = {"event": event_id, "seq": seq, "undone": list(undone(conn, event_id))}
    rows = conn.execute(_KNOWN, values)
    return {(row.kind, tuple(row.persons), tuple(row.faces)): row for row in rows}


_KNOWN = sa.text(
    "select q.id, q.kind, q.persons, q.faces,"
    " q.answered_at is not null and not coalesce(q.decision_id = any (cast(:undone as uuid[])),"
    " false) as answered from memoria.questions q"
    " left join memoria.decisions d on d.id = q.decision_id"
    " where q.event_id = :event and (q.answered_at is null or d.seq > :seq"
    " or q.decision_id = any (cast(:undone as uuid[])))"
    " order by answered, q.asked_at"
)


def _row(event_id: UUID, batch: Batch) -> dict[str, Any]:
    answers = {f"{target:g}": n for target, n in batch.forecast.answers.items()}
    return {
        "event": event_id,
        "right": batch.forecast.right,
        "answers": json.dumps(answers),
        "total": batch.total,
        "seq": batch.seq,
    }


_FORECAST = sa.text(
    "insert into memoria.forecasts (event_id, right_now, answers, total, decisions_seq, asked_at)"
    " values (:event, :right, cast(:answers as jsonb), :total, :seq, now())"
    " on conflict (event_id) do update set right_now = excluded.right_now,"
    " answers = excluded.answers, total = excluded.total, decisions_seq = excluded.decisions_seq,"
    " asked_at = excluded.asked_at"
)


def _rows(
    event_id: UUID, seq: int, made: Sequence[Made], ids: Sequence[UUID]
) -> list[dict[str, Any]]:
    return [
        {
            "id": one,
            "event": event_id,
            "rank": rank,
            "kind": each.kind,
            "persons": list(each.persons),
            "faces": list(each.faces),
            "p": each.p,
            "gain": each.gain,
            "detail": json.dumps(each.detail),
            "seq": seq,
        }
        for rank, (each, one) in enumerate(zip(made, ids, strict=True))
    ]


_QUESTION = sa.text(
    "insert into memoria.questions (id, event_id, rank, kind, persons, faces, p, gain, detail,"
    " asked_at, decisions_seq) values (:id, :event, :rank, :kind, cast(:persons as uuid[]),"
    " cast(:faces as uuid[]), :p, :gain, cast(:detail as jsonb), now(), :seq)"
    " on conflict (id) do update set rank = excluded.rank, p = excluded.p, gain = excluded.gain,"
    " detail = excluded.detail, asked_at = excluded.asked_at,"
    " decisions_seq = excluded.decisions_seq, answered_at = null, answer = null, decision_id = null"
)
# Ids of who is gone tell nobody anything, and are not kept either.
_FORGET = sa.text(
    "delete from memoria.questions q where q.event_id = :event and ("
    " q.answered_at is null and q.asked_at < now() - cast(:kept as interval)"
    " or exists (select from unnest(q.persons) as one (id) where not exists ("
    "  select from memoria.face_persons p where p.event_id = :event and p.id = one.id))"
    " or exists (select from unnest(q.faces) as one (id) where not exists ("
    "  select from memoria.faces f where f.event_id = :event and f.id = one.id)))"
)


def answered(
    conn: sa.Connection, question_id: UUID, answer: str, decision: UUID | None = None
) -> bool:
    """The question was answered, by this decision where it took one; False where it is gone."""
    values = {"id": question_id, "answer": answer, "decision": decision}
    return conn.execute(_ANSWERED, values).rowcount > 0


def skipped(conn: sa.Connection, question_id: UUID) -> bool:
    """The question comes last from now on; False where it is gone."""
    return conn.execute(_SKIPPED, {"id": question_id}).rowcount > 0


_ANSWERED = sa.text(
    "update memoria.questions set answered_at = clock_timestamp(), answer = :answer,"
    " decision_id = :decision where id = :id"
)
_SKIPPED = sa.text(
    "update memoria.questions set skipped_at = clock_timestamp() where id = :id"
    " and answered_at is null"
)


@dataclass(frozen=True, slots=True)
class Left:
    """What the last computation promised. answers: per "0.95" and "0.99" how many, None where no
    question leads there. total: until all are named as well. since: answers given since then."""

    right_now: float
    answers: dict[str, int | None]
    total: int
    since: int
    asked_at: datetime


def forecast(conn: sa.Connection, event_id: UUID) -> Left | None:
    """What is left to answer, as last computed; None before the first computation."""
    row = conn.execute(_LEFT, {"event": event_id}).first()
    return None if row is None else Left(**row._mapping)


_LEFT = sa.text(
    "select f.right_now, f.answers, f.total, f.asked_at, (select count(*) from memoria.questions q"
    " where q.event_id = f.event_id and q.answered_at > f.asked_at) as since"
    " from memoria.forecasts f where f.event_id = :event"
)
