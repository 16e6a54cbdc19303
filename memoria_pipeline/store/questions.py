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

from memoria_pipeline.store import fence
from memoria_pipeline.store.batch import Batch as Batch
from memoria_pipeline.store.batch import Made as Made
from memoria_pipeline.store.batch import ask as ask
from memoria_pipeline.store.open_questions import Open as Open
from memoria_pipeline.store.open_questions import get as get
from memoria_pipeline.store.open_questions import open_ as open_
from memoria_pipeline.store.open_questions import undone

_KEPT = "1 hour"  # a page that shows an older batch may still answer it


def save(conn: sa.Connection, event_id: UUID, batch: Batch) -> dict[str, int]:
    """Put a batch in the place of the one before; how many questions of each kind, none where one
    that was begun later is there already.

    A question that was asked before keeps its id, and that it was skipped. What was answered since
    the batch was begun is not asked again. Raises Overtaken where somebody was erased since.
    """
    fence.hold(conn, event_id, batch.epoch)
    known = _known(conn, event_id, batch.seq)
    done = {key for key, row in known.items() if row.answered}
    fresh = [each for each in batch.made if each.key not in done]
    ids = [known[each.key].id if each.key in known else uuid4() for each in fresh]
    if not conn.execute(_FORECAST, _row(event_id, batch)).rowcount:
        return {}
    if fresh:
        about = {"event": event_id, "seq": batch.seq, "asked": batch.at}
        conn.execute(_QUESTIONS, about | {"rows": json.dumps(_rows(fresh, ids))})
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
        "right": min(max(batch.forecast.right, 0), 1),
        "answers": json.dumps(answers),
        "total": batch.total,
        "seq": batch.seq,
        "at": batch.at,
    }


_FORECAST = sa.text(
    "insert into memoria.forecasts (event_id, right_now, answers, total, decisions_seq, asked_at)"
    " values (:event, :right, cast(:answers as jsonb), :total, :seq, :at)"
    " on conflict (event_id) do update set right_now = excluded.right_now,"
    " answers = excluded.answers, total = excluded.total, decisions_seq = excluded.decisions_seq,"
    " asked_at = excluded.asked_at where forecasts.asked_at <= excluded.asked_at"
)


def _rows(made: Sequence[Made], ids: Sequence[UUID]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(one),
            "rank": rank,
            "kind": each.kind,
            "persons": [str(person) for person in each.persons],
            "faces": [str(face) for face in each.faces],
            "p": float(min(max(each.p, 0), 1)),
            "gain": float(each.gain),
            "detail": each.detail,
        }
        for rank, (each, one) in enumerate(zip(made, ids, strict=True))
    ]


# Two conflicts may be about the same faces: the last one is kept.
_QUESTIONS = sa.text(
    "insert into memoria.questions (id, event_id, rank, kind, persons, faces, p, gain, detail,"
    " asked_at, decisions_seq) select distinct on (r.id) r.id, :event, r.rank, r.kind,"
    " r.persons, r.faces, r.p, r.gain, r.detail, :asked, :seq"
    " from jsonb_to_recordset(cast(:rows as jsonb)) as r (id uuid, rank integer, kind text,"
    " persons uuid[], faces uuid[], p real, gain real, detail jsonb) order by r.id, r.rank desc"
    " on conflict (id) do update set rank = excluded.rank, p = excluded.p, gain = excluded.gain,"
    " detail = excluded.detail, asked_at = excluded.asked_at,"
    " decisions_seq = excluded.decisions_seq, answered_at = null, answer = null, decision_id = null"
)
# Ids of who is gone tell nobody anything, and are not kept either.
_FORGET = sa.text(
    "delete from memoria.questions q where q.event_id = :event and ("
    " q.answered_at is null and q.asked_at < clock_timestamp() - cast(:kept as interval)"
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


def taken_back(conn: sa.Connection, question_id: UUID, decision: UUID) -> None:
    """A decision of the answer is undone: the question is open while that undo stands."""
    conn.execute(_TAKEN_BACK, {"id": question_id, "decision": decision})


def skipped(conn: sa.Connection, question_id: UUID) -> bool:
    """The question comes last from now on; False where it is gone."""
    return conn.execute(_SKIPPED, {"id": question_id}).rowcount > 0


_ANSWERED = sa.text(
    "update memoria.questions set answered_at = clock_timestamp(), answer = :answer,"
    " decision_id = :decision where id = :id"
)
_TAKEN_BACK = sa.text(
    "update memoria.questions set decision_id = :decision"
    " where id = :id and answered_at is not null"
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
