"""A page of an event: who looks at it, what they may see of it, and its templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Form, Request
from fastapi.responses import Response

from memoria_pipeline.review.callers import Caller, Conn, Here, Signed
from memoria_pipeline.review.pages.layout import page
from memoria_pipeline.review.pages.views import Views
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import NotFound, Problem
from memoria_pipeline.review.words import Words, words_of
from memoria_pipeline.store.shown import events, people, photos, runs

Ids = Annotated[list[UUID], Form(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class Frame:
    """One request for a page of an event that the caller belongs to."""

    request: Request
    caller: Caller
    conn: sa.Connection
    parts: Parts
    event: events.EventShown

    @property
    def user(self) -> UUID:
        """Who asks."""
        assert self.caller.user is not None
        return self.caller.user

    @property
    def words(self) -> Words:
        """The caller's language."""
        return words_of(self.request)

    @property
    def views(self) -> Views:
        """Makes views of the event's rows."""
        return Views(self.parts.signer.of(self.user), self.event.id)

    @property
    def is_organiser(self) -> bool:
        """What is shown goes by it; what is allowed the database says."""
        return self.event.role == "organiser"

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """A template with the event."""
        return page(self.request, template, self.caller, status, event=self.event, **context)

    def whole(self, template: str, **context: Any) -> Response:
        """A whole page, with the tabs of the event."""
        return self.page(template, waiting=len(waiting(self.runs())), **context)

    def runs(self) -> list[runs.RunShown]:
        """The event's runs; nobody but an organiser sees any."""
        return runs.of_event(self.conn, self.event.id) if self.is_organiser else []


def waiting(found: Sequence[runs.RunShown]) -> list[runs.RunShown]:
    """The runs that wait for somebody's word."""
    return [each for each in found if each.status == "proposed"]


def framed(request: Request, caller: Signed, conn: Conn, parts: Here, event_id: UUID) -> Frame:
    """The event of the address. Raises NotFound where it is not the caller's."""
    found = events.one(conn, event_id)
    if found is None:
        raise NotFound("event")
    _require_in_it(request, conn, event_id)
    return Frame(request, caller, conn, parts, found)


def _require_in_it(request: Request, conn: sa.Connection, event_id: UUID) -> None:
    """Who is in two events must not decide in one on the page of the other. Ids of nothing are left
    to the page, which says what is missing."""
    for name, event_of in (("person_id", people.event_of), ("media_id", photos.event_of)):
        about = _id(request.path_params.get(name, ""))
        if about is not None and event_of(conn, about) not in (None, event_id):
            raise NotFound(name.removesuffix("_id"))


def _id(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None


Framed = Annotated[Frame, Depends(framed)]


def organised(frame: Framed) -> Frame:
    """As `framed`, for its organisers. Raises Problem 403 for the others."""
    if not frame.is_organiser:
        raise Problem(403, "Only organisers see this page.", "Ask an organiser of the event.")
    return frame


Organised = Annotated[Frame, Depends(organised)]
