"""A caller's events, a new one, and what is set of one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import IntegrityError

from memoria_pipeline.errors import ConsentError
from memoria_pipeline.privacy.retention import Lasting, due
from memoria_pipeline.review import keeping
from memoria_pipeline.review.callers import Anyone, Conn, Here, Signed, limited_user
from memoria_pipeline.review.pages.frame import Frame, Framed, Organised
from memoria_pipeline.review.pages.layout import decided, page
from memoria_pipeline.review.pages.views import named
from memoria_pipeline.review.words import Words, words_of
from memoria_pipeline.store import hidden
from memoria_pipeline.store.shown import events, members
from memoria_pipeline.store.shown.events import EventShown, Mode, Role

router = APIRouter()
_SEE_OTHER = 303
_MEMBERS = 1000

Name = Annotated[str, Form(max_length=200)]
Code = Annotated[str, Form(max_length=40)]
Consent = Annotated[bool, Form()]


@router.get("/")
def mine(request: Request, caller: Signed, conn: Conn) -> Response:
    """The caller's events."""
    return page(request, "events.html", caller, events=events.mine(conn))


@router.get("/policy")
def policy(request: Request, caller: Anyone) -> Response:
    """What face analysis does, for whoever wants to know."""
    return page(request, "policy.html", caller)


@router.get("/review/new")
def form(request: Request, caller: Signed) -> Response:
    """Where an event is made, with the notice about faces."""
    empty = {"name": "", "code": ""}
    return page(request, "new_event.html", caller, form=empty, consent=False, problem="")


@router.post("/review/new", dependencies=[Depends(limited_user("event"))])
def create(
    request: Request,
    caller: Signed,
    parts: Here,
    conn: Conn,
    name: Name = "",
    code: Code = "",
    consent: Consent = False,
) -> Response:
    """A new event of the caller's."""
    words, given = words_of(request), {"name": name.strip(), "code": code.strip()}
    problem = "" if given["name"] else words.gettext("An event needs a name.")
    assert caller.user is not None
    if not problem:
        try:
            with conn.begin_nested():
                made = keeping.create_event(
                    conn,
                    parts.settings,
                    caller.user,
                    given["name"],
                    given["code"] or None,
                    consent=consent,
                    language=words.language,
                )
            return RedirectResponse(f"/review/{made.id}/photos", _SEE_OTHER)
        except IntegrityError:
            problem = _taken(words)
    shown = {"form": given, "consent": consent, "problem": problem}
    return page(request, "new_event.html", caller, 422, **shown)


def _taken(words: Words) -> str:
    return words.gettext("This code belongs to another event; choose another one.")


@router.get("/review/{event_id}/settings")
def settings(frame: Organised, saved: bool = False) -> Response:
    """What is set of an event, and its members."""
    return _settings(frame, saved=saved)


def _ends_now(event: EventShown, days: int | None) -> bool:
    """Whether these days archive the event within the hour: nothing brings its faces back."""
    said = Lasting(event.status, days, event.ends_at, event.created_at)
    return days != event.retention_days and due(said, datetime.now(UTC))


def _settings(
    frame: Frame, problem: str = "", saved: bool = False, ask: bool = False, status: int = 200
) -> Response:
    found = members.search(frame.conn, frame.event.id, limit=_MEMBERS)
    return frame.whole(
        "settings.html",
        status=status,
        members=[named(each) for each in found],
        hidden=hidden.of_event(frame.conn, frame.event.id),
        consent=frame.event.face_recognition_enabled,
        problem=problem,
        saved=saved,
        ask=ask,
        user=frame.user,
    )


@router.post("/review/{event_id}/settings")
def change(
    frame: Organised,
    name: Annotated[str, Form(min_length=1, max_length=200)],
    code: Code = "",
    retention_days: Annotated[str, Form(pattern=r"\d{0,5}")] = "",
    consent: Consent = False,
    mode: Annotated[Mode, Form()] = "full",
    sure: Consent = False,
) -> Response:
    """Set it. What was agreed to goes into the ledger."""
    changes: dict[str, Any] = {
        "name": name.strip(),
        "code": code.strip() or None,
        "retention_days": int(retention_days) if retention_days else None,
        "face_recognition_enabled": consent,
        "analysis_mode": mode,
    }
    if not sure and _ends_now(frame.event, changes["retention_days"]):
        typed = {"name": name, "code": code, "retention_days": changes["retention_days"]}
        asking = replace(frame, event=replace(frame.event, **typed))
        return _settings(asking, ask=True, status=422)
    try:
        with frame.conn.begin_nested():
            keeping.change_event(frame.conn, frame.event.id, changes, frame.words.language)
    except IntegrityError:
        return _settings(frame, _taken(frame.words), status=422)
    except keeping.TooLateError:
        late = frame.words.gettext(
            "Faces of people who did not agree are stored already: this is chosen before the first"
            " photo, or after the event was archived."
        )
        return _settings(frame, late, status=422)
    except ConsentError:
        over = frame.words.gettext("The event is over: faces are not looked for any more.")
        return _settings(frame, over, status=422)
    return RedirectResponse(f"/review/{frame.event.id}/settings?saved=1", _SEE_OTHER)


@router.post("/review/{event_id}/members")
def add_member(
    frame: Framed,
    name: Annotated[str, Form(min_length=1, max_length=120)],
    role: Annotated[Role, Form()] = "guest",
    email: Annotated[str, Form(max_length=254)] = "",
) -> Response:
    """Somebody new in the event."""
    keeping.add_member(
        frame.conn, frame.event.id, role, name=name.strip(), email=email.strip() or None
    )
    return decided(frame.words.gettext("Added."))
