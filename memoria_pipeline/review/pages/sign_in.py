"""Signing in and out: by links sent to one's own address, without passwords."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.review import links, sessions
from memoria_pipeline.review.callers import Anyone, Caller, Here, Server
from memoria_pipeline.review.limits import limited
from memoria_pipeline.review.pages.layout import page
from memoria_pipeline.review.words import words_of
from memoria_pipeline.store import sessions as stored

router = APIRouter(tags=["sign-in"])
_SEE_OTHER = 303
_LIMITED = [Depends(limited("sign-in"))]
Email = Annotated[str, Form(min_length=3, max_length=320)]


def _form(request: Request, caller: Caller, status: int = 200, **about: bool) -> Response:
    shown = {"sent": False, "expired": False, "autofocus": False, **about}
    return page(request, "sign_in.html", caller, status, **shown)


@router.get("/sign-in")
def asked_for(request: Request, caller: Anyone, expired: bool = False) -> Response:
    """Where a link is asked for."""
    return _form(request, caller, expired=expired, autofocus=True)


@router.post("/sign-in", dependencies=_LIMITED)
def ask(
    request: Request, caller: Anyone, parts: Here, email: Email, after: BackgroundTasks
) -> Response:
    """The same answer for every address, and as fast: it tells nobody who is a member."""
    after.add_task(links.send, parts, email, words_of(request))
    return _form(request, caller, sent=True)


@router.get("/sign-in/{token}")
def link(request: Request, caller: Anyone, token: str) -> Response:
    """A button: whoever only looks at the link, such as a mail scanner, does not use it up."""
    return page(request, "sign_in_link.html", caller)


@router.post("/sign-in/{token}", dependencies=_LIMITED)
def use(request: Request, caller: Anyone, parts: Here, conn: Server, token: str) -> Response:
    """Signed in, once; a session that was there ends."""
    found = stored.use_link(conn, sessions.hashed(token))
    if found is None:
        return _form(request, caller, 410, expired=True)
    user, event = found
    response = RedirectResponse(f"/review/{event}" if event else "/", _SEE_OTHER)
    sessions.end(conn, request, response, parts.settings)
    sessions.start(conn, user, response, parts.settings)
    return response


@router.post("/sign-out")
def sign_out(request: Request, _caller: Anyone, parts: Here, conn: Server) -> Response:
    """The session ends at the server, not only in the browser."""
    response = RedirectResponse("/sign-in", _SEE_OTHER)
    sessions.end(conn, request, response, parts.settings)
    return response
