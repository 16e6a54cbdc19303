"""What people did in the review that the pipeline has to follow: decisions, answers about runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.reviews import Behind


def last_number(conn: sa.Connection) -> int | None:
    """Changes with every decision of any event, undone transactions included; None where we may
    not see it."""
    found: int | None = conn.execute(_LAST).scalar()
    return found


# Of the view, which says null where the sequence itself would refuse.
_LAST = sa.text(
    "select coalesce(last_value, 0) from pg_sequences where schemaname = 'memoria'"
    " and sequencename = 'decisions_seq_seq'"
    " and has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'select')"
)


def behind(conn: sa.Connection, limit: int) -> list[Behind]:
    """Events whose questions are older than their decisions or their people; those without a person
    never have any. Drawn by chance where they are more than limit: those whose run fails each time
    (a pack that is gone) would stand before the others for good."""
    return [Behind(**row._mapping) for row in conn.execute(_BEHIND, {"limit": limit})]


# Of each event one look into two indexes: decisions by (event, seq), runs by (event, published).
_BEHIND = sa.text(
    "select e.id as event_id, coalesce(d.seq, 0) as seq, d.created_at as decided_at,"
    " r.published_at, now() as now,"
    " case when f.event_id is null then 0 else (select count(*) from (select from memoria.decisions"
    "  n where n.event_id = e.id and n.seq > f.decisions_seq limit 100) many) end as decisions"
    " from memoria.events e left join memoria.forecasts f on f.event_id = e.id"
    " left join lateral (select seq, created_at from memoria.decisions"
    "  where event_id = e.id order by seq desc limit 1) d on true"
    " left join lateral (select published_at from memoria.cluster_runs where event_id = e.id"
    "  and published_at is not null order by published_at desc limit 1) r on true"
    " where e.status = 'active' and e.face_model <> '' and (d.seq > coalesce(f.decisions_seq, 0)"
    " or r.published_at > coalesce(f.asked_at, '-infinity'))"
    " order by random() limit :limit"
)


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """What an organiser wants of a run that waits for approval."""

    id: UUID
    run_id: UUID
    event_id: UUID
    answer: Literal["publish", "turn_down"]
    created_at: datetime


def run_answers(conn: sa.Connection, event_id: UUID | None = None) -> list[RunAnswer]:
    """What is to be done, of one event or of all, the oldest first."""
    return [RunAnswer(*row) for row in conn.execute(_ANSWERS, {"event": event_id})]


def waits(conn: sa.Connection, answer: RunAnswer) -> bool:
    """Whether it is yet to be carried out, for who holds the event's row."""
    return conn.scalar(_WAITS, {"id": answer.id}) is not None


def done(conn: sa.Connection, answer: RunAnswer, problem: str | None = None) -> None:
    """It was carried out, or why it cannot be."""
    conn.execute(_DONE, {"id": answer.id, "problem": problem})


_ANSWERS = sa.text(
    "select id, run_id, event_id, answer, created_at from memoria.run_answers where done_at is null"
    " and (cast(:event as uuid) is null or event_id = :event) order by created_at, id"
)
_WAITS = sa.text("select id from memoria.run_answers where id = :id and done_at is null")
_DONE = sa.text(
    "update memoria.run_answers set done_at = clock_timestamp(), problem = :problem where id = :id"
)
