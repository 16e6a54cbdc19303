"""The outbox `callbacks`: taken under a lease and sent, until somebody took them or tries are over.

An outside effect may repeat (a kill between sending and recording it); its id does not change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

LEASE = 60.0  # seconds; sending one batch takes a third of it at most


@dataclass(frozen=True, slots=True)
class Letter:
    """A callback to send. attempts: this one counted; token: as of a job's claim."""

    id: UUID
    payload: dict[str, Any]
    attempts: int
    token: UUID


def claim(conn: sa.Connection, limit: int = 20, lease_seconds: float = LEASE) -> list[Letter]:
    """Take callbacks that are due, the oldest first."""
    values = {"limit": limit, "lease": lease_seconds}
    return [Letter(*row) for row in conn.execute(_CLAIM, values)]


_CLAIM = sa.text("""
    with due as (
        select id from memoria.callbacks
        where delivered_at is null and dead_at is null and next_attempt_at <= clock_timestamp()
        order by next_attempt_at, id limit :limit for update skip locked
    ), taken as (
        update memoria.callbacks c
        set attempts = c.attempts + 1, claim_token = gen_random_uuid(),
            next_attempt_at = clock_timestamp() + make_interval(secs => :lease)
        from due where c.id = due.id
        returning c.id, c.payload, c.attempts, c.claim_token, c.created_at
    )
    select id, payload, attempts, claim_token from taken order by created_at, id
""")


def delivered(conn: sa.Connection, letter: Letter, status: int) -> bool:
    """Somebody took it; whether it was still ours to say so."""
    values = {"id": letter.id, "token": letter.token, "status": status}
    return bool(conn.execute(_DELIVERED, values).rowcount)


_DELIVERED = sa.text(
    "update memoria.callbacks set delivered_at = clock_timestamp(), claim_token = null,"
    " last_status = :status, last_error = null where id = :id and claim_token = :token"
)


def refused(
    conn: sa.Connection, letter: Letter, status: int | None, error: str, delay: float | None
) -> bool:
    """Nobody took it: again after `delay` seconds, or (None) never; whether it was still ours."""
    values = {"id": letter.id, "token": letter.token, "status": status, "error": error}
    return bool(conn.execute(_REFUSED, {**values, "delay": delay}).rowcount)


_REFUSED = sa.text(
    "update memoria.callbacks set claim_token = null, last_status = :status, last_error = :error,"
    " dead_at = case when cast(:delay as float8) is null then clock_timestamp() end,"
    " next_attempt_at = clock_timestamp()"
    "  + make_interval(secs => coalesce(cast(:delay as float8), 0))"
    " where id = :id and claim_token = :token"
)


def replay(conn: sa.Connection, ids: Sequence[UUID] | None = None) -> int:
    """Dead callbacks are sent again, these or all of them, with all their tries; how many."""
    return conn.execute(_REPLAY, {"ids": None if ids is None else list(ids)}).rowcount


_REPLAY = sa.text(
    "update memoria.callbacks set dead_at = null, attempts = 0, next_attempt_at = clock_timestamp()"
    " where dead_at is not null"
    " and (cast(:ids as uuid[]) is null or id = any (cast(:ids as uuid[])))"
)


def prune(conn: sa.Connection, days: int = 30) -> int:
    """Callbacks that were taken so long ago go, or they outnumber all else; how many."""
    return conn.execute(_PRUNE, {"days": days}).rowcount


_PRUNE = sa.text(
    "delete from memoria.callbacks where delivered_at < now() - make_interval(days => :days)"
)


@dataclass(frozen=True, slots=True)
class Callback:
    """One row, for a human. status: delivered, waiting or dead."""

    id: UUID
    job_id: UUID
    status: str
    attempts: int
    last_status: int | None
    last_error: str | None
    next_attempt_at: datetime


def list_(conn: sa.Connection, *, dead: bool = False, limit: int = 50) -> list[Callback]:
    """Callbacks, the newest first; dead: those given up only."""
    return [Callback(*row) for row in conn.execute(_LIST, {"dead": dead, "limit": limit})]


_LIST = sa.text(
    "select id, job_id, case when delivered_at is not null then 'delivered'"
    "  when dead_at is not null then 'dead' else 'waiting' end as status, attempts, last_status,"
    " last_error, next_attempt_at"
    " from memoria.callbacks where not :dead or dead_at is not null"
    " order by created_at desc, id limit :limit"
)
