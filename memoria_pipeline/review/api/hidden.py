"""Who is not to be shown in an event; who looked at what in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from memoria_pipeline.review.api.deciding import User
from memoria_pipeline.review.api.shapes import Part, Said
from memoria_pipeline.review.api.shown import Listed, Shown
from memoria_pipeline.review.callers import Conn
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.hiding import hide
from memoria_pipeline.review.routes import routes
from memoria_pipeline.store import audit, hidden
from memoria_pipeline.store.audit import Verb, Via

router = routes("privacy")


class Hide(Said):
    """Whom to hide: the caller, or as an organiser any member."""

    user_id: UUID | None = None


class Hidden(BaseModel):
    """A member who is blurred in what viewers get. by_self: no organiser takes it back."""

    user_id: UUID
    by_self: bool


class Deed(Shown):
    """Who did what, when, and by way of what."""

    id: UUID
    at: datetime
    actor_id: UUID | None = Field(description="Of who was erased since: the erasure.")
    name: str | None = Field(description="Of the actor, as the event knows it now.")
    verb: Verb
    event_id: UUID | None
    thing: str = Field(description="What kind of thing thing_id is.")
    thing_id: UUID | None
    via: Via
    times: int = Field(description="How many things it was.")


def _hidden(conn: Conn, event_id: UUID) -> list[Hidden]:
    found = hidden.of_event(conn, event_id)
    return [Hidden(user_id=user, by_self=by_self) for user, by_self in sorted(found.items())]


@router.get("/event/{event_id}/hidden")
def hidden_in_event(event_id: UUID, conn: Conn) -> list[Hidden]:
    """Who is hidden: an organiser sees all of them, everybody else whether they are."""
    in_event(conn, event_id)
    return _hidden(conn, event_id)


@router.post("/event/{event_id}/hidden")
def hide_member(event_id: UUID, conn: Conn, user: User, body: Hide | None = None) -> list[Hidden]:
    """Blur a member's face in what everybody but the member and the organisers gets to see."""
    who = body.user_id if body else None
    hide(conn, event_id, user, who or user, on=True)
    return _hidden(conn, event_id)


@router.delete("/event/{event_id}/hidden/{user_id}", status_code=204)
def show_member(event_id: UUID, user_id: UUID, conn: Conn, user: User) -> None:
    """Show a member again; who hid themselves, only they themselves."""
    hide(conn, event_id, user, user_id, on=False)


@router.get("/event/{event_id}/audit", response_model=Listed[Deed])
def audit_of_event(event_id: UUID, conn: Conn, part: Part) -> Any:
    """Who looked at, decided, exported, erased, invited or changed what, the latest first; who is
    no organiser sees their own. It cannot be changed."""
    in_event(conn, event_id)
    return audit.of_event(conn, event_id, part)
