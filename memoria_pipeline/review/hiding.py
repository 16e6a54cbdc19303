"""Hiding a member from viewers, as members do for themselves and organisers for others."""

from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.store import hidden
from memoria_pipeline.store.shown import members


def hide(conn: sa.Connection, event_id: UUID, caller: UUID, user: UUID, *, on: bool) -> bool:
    """Hide this member or show them again; whether they are hidden now.

    Raises NotFound, and Problem 403 for somebody else's business, or for what a person asked for
    and an organiser wants to take back.
    """
    role = in_event(conn, event_id).role
    if user != caller and role != "organiser":
        raise Problem(403, "Everybody hides themselves only.", "Ask an organiser of the event.")
    if members.one(conn, event_id, user) is None:
        raise NotFound("member")
    now = hidden.hide(conn, event_id, user, hidden=on)
    if now and not on:
        raise Problem(403, "They asked for it themselves.", "Only they can take it back.")
    return now
