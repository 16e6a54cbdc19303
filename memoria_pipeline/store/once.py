"""Answers to writes that carry a key, so that a request sent twice happens once."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. fingerprint: of the request; body: as JSON."""

    fingerprint: str
    status: int
    body: Any


def answered(conn: sa.Connection, user: UUID, key: str) -> Answer | None:
    """The answer to this user's request with this key; None where there is none.

    Holds the key until the transaction ends: another request with it waits for what comes of this.
    """
    values = {"user": user, "key": key}
    conn.execute(_HOLD, values)
    row = conn.execute(_FIND, values).first()
    return None if row is None else Answer(**row._mapping)


def keep(conn: sa.Connection, user: UUID, key: str, answer: Answer) -> None:
    """Keep the answer in the transaction that it is about."""
    values = {"user": user, "key": key, "fingerprint": answer.fingerprint}
    conn.execute(_KEEP, {**values, "status": answer.status, "body": json.dumps(answer.body)})


def prune(conn: sa.Connection, days: int = 1) -> None:
    """Forget answers that nobody asks for again: they may hold names."""
    conn.execute(_PRUNE, {"days": days})


_PRUNE = sa.text(
    "delete from memoria.idempotency where created_at < now() - make_interval(days => :days)"
)
_HOLD = sa.text(
    "select pg_advisory_xact_lock(hashtextextended("
    "'memoria idempotency ' || cast(:user as text) || ' ' || :key, 0))"
)
_FIND = sa.text(
    "select fingerprint, status, body from memoria.idempotency where user_id = :user and key = :key"
)
_KEEP = sa.text(
    "insert into memoria.idempotency (user_id, key, fingerprint, status, body)"
    " values (:user, :key, :fingerprint, :status, cast(:body as jsonb))"
)
