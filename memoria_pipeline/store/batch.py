"""All that one computation asks the organiser of an event."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.people.suggest import WORTH, Question
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.store import decisions, fence, standing
from memoria_pipeline.store.standing import Asked


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
    """All that one computation asks, best first. seq: of the last decision when it began, at `at`.

    epoch: of the event then. total: answers until everybody who was seen more than once has a name
    and is right to 99 %.
    """

    made: list[Made]
    forecast: Forecast
    total: int
    seq: int
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    epoch: int = 0


def ask(conn: sa.Connection, event_id: UUID, thresholds: Thresholds, limit: int = 200) -> Batch:
    """Compute what to ask; seconds for 60,000 faces, and nothing is locked meanwhile.

    For a transaction that sees one moment (`db.steady`): people go on deciding. Raises
    DatabaseError when there is no such event.
    """
    at: datetime = conn.execute(sa.text("select clock_timestamp()")).scalar_one()
    epoch = fence.epoch(conn, event_id)
    seq = decisions.last_seq(conn, event_id)
    asked = standing.ask(conn, event_id, thresholds, limit)
    made = [*_conflicts(asked), *_confirmations(conn, event_id), *_others(asked)]
    left = asked.queue.forecast.answers.get(0.99)
    certain = sum(each.kind in ("conflict", "confirm", "lost") for each in made)
    nameless: int = conn.execute(_NAMELESS, {"event": event_id}).scalar_one()
    return Batch(made, asked.queue.forecast, (left or 0) + certain + nameless, seq, at, epoch)


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
        if each.kind != "conflict" and _pays(each, asked)
    ]


def _pays(question: Question, asked: Asked) -> bool:
    """Whether it is worth an organiser's time: once 99 % are right, hardly likely mistakes are not;
    eight people who are all right would be eight questions more."""
    reached = asked.queue.forecast.answers.get(0.99) == 0
    return not reached or question.kind in ("name", "lost") or question.gain >= WORTH


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
