"""Who looked at, decided, exported or erased what; and hiding a member from viewers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.review import hiding
from memoria_pipeline.review.pages.frame import Frame, Framed
from memoria_pipeline.review.pages.layout import decided, is_part
from memoria_pipeline.review.words import Words
from memoria_pipeline.store import audit, hidden
from memoria_pipeline.store.audit import Deed
from memoria_pipeline.store.shown.page import Paging

router = APIRouter()
_PER_PAGE, _LATEST = 60, 5


@dataclass(frozen=True, slots=True)
class Line:
    """One deed, as people read it. by: who; empty: nobody who is known."""

    text: str
    by: str
    at: datetime
    via: str


@router.get("/review/{event_id}/audit")
def log(frame: Framed, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> Response:
    """The event's audit for its organisers; for the others what they did themselves."""
    found = audit.of_event(frame.conn, frame.event.id, Paging(page, _PER_PAGE))
    return frame.whole(
        "audit.html",
        deeds=lines(frame, found.items),
        total=found.total,
        page=page,
        more=page * _PER_PAGE < found.total,
    )


@router.post("/review/{event_id}/hidden")
def hide(
    frame: Framed,
    on: Annotated[bool, Form()] = False,
    user_id: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Hide a member, the caller where nobody is named; or show them again."""
    hiding.hide(frame.conn, frame.event.id, frame.user, user_id or frame.user, on=on)
    if not is_part(frame.request):
        done = "hidden" if on else "shown"
        return RedirectResponse(f"/review/{frame.event.id}/me?done={done}", 303)
    return decided(said_of(frame.words, on=on))


def said_of(words: Words, *, on: bool) -> str:
    """What hiding, or showing again, did."""
    _ = words.gettext
    if on:
        return _("Hidden: the others get pictures with a blurred face from now on.")
    return _("Shown again.")


def about(frame: Frame) -> dict[str, Any]:
    """For the page of one's own data: whether the caller is hidden, on how many photos their face
    is known, and what they did last."""
    by_self = hidden.of_event(frame.conn, frame.event.id).get(frame.user)
    mine = audit.of_event(frame.conn, frame.event.id, Paging(1, _LATEST), by=frame.user)
    return {
        "hidden": by_self is not None,
        "known_on": hidden.known_on(frame.conn, frame.event.id),
        "deeds": lines(frame, mine.items),
        "audited": mine.total,
    }


def lines(frame: Frame, deeds: list[Deed]) -> list[Line]:
    """Deeds in the reader's language."""
    return [
        Line(sentence(frame.words, each), _by(frame, each), each.at, _via(frame.words, each))
        for each in deeds
    ]


def _by(frame: Frame, deed: Deed) -> str:
    _ = frame.words.gettext
    if deed.actor_id == frame.user:
        return _("You")
    if deed.actor_id is None:
        return _("the server")
    return deed.name or _("somebody")


def _via(words: Words, deed: Deed) -> str:
    _ = words.gettext
    known = {
        "page": _("on a page"),
        "api": _("by an application"),
        "cli": _("on the command line"),
        "job": _("by a job"),
        "schedule": _("by the schedule"),
    }
    return known.get(deed.via, _("in the database"))


def sentence(words: Words, deed: Deed) -> str:
    """What was done, without whom it was done to: the log holds no names."""
    _ = words.gettext
    texts = {
        "looked": _("looked at: %(thing)s"),
        "decided": _("decided: %(thing)s"),
        "exported": _("exported: %(thing)s (%(times)s)"),
        "erased": _("erased: %(thing)s"),
        "invited": _("invited somebody"),
        "signed_in": _("signed in"),
        "changed": _("changed: %(thing)s"),
    }
    return texts[deed.verb] % {"thing": _thing(words, deed.thing), "times": deed.times}


def _thing(words: Words, thing: str) -> str:
    _ = words.gettext
    known = {
        "people": _("the people"),
        "person": _("a person"),
        "photos": _("the photos"),
        "photo": _("a photo"),
        "tags": _("the tags"),
        "subject": _("everything about one person"),
        "members": _("the members"),
        "member": _("a member"),
        "decisions": _("the history"),
        "decision": _("a decision"),
        "invitations": _("the invitations"),
        "audit": _("this log"),
        "run": _("a grouping"),
        "event": _("the event"),
        "consent": _("a consent"),
        "hidden": _("who is hidden"),
        "erasure": _("an erasure"),
    }
    return known.get(thing, thing)
