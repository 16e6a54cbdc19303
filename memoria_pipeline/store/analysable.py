"""Whether faces may be looked for in an event: what the review's own login may know of it."""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Analysable:
    """allowed: it is active and its organiser agreed. face_model: its pack; empty where unsaid."""

    exists: bool
    allowed: bool
    face_model: str


def ask(conn: sa.Connection, event: UUID) -> Analysable:
    """What the event says now."""
    query = sa.text(
        "select a.exists, a.allowed, coalesce(a.face_model, '') as face_model"
        " from memoria.api_may_analyse(:event) a"
    )
    row = conn.execute(query, {"event": event}).one()
    return Analysable(bool(row.exists), bool(row.allowed), row.face_model)
