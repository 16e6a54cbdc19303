"""An invitation: what it shows to whoever holds its link, and accepting it."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.review import inviting, links, sessions
from memoria_pipeline.review.callers import Anyone, Here, Server
from memoria_pipeline.review.limits import limited
from memoria_pipeline.review.pages.layout import page
from memoria_pipeline.review.pages.views import Views
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.words import words_of
from memoria_pipeline.store import callers

router = APIRouter(dependencies=[Depends(limited("invitation"))])


@router.get("/invitation/{token}")
def look(request: Request, caller: Anyone, parts: Here, conn: Server, token: str) -> Response:
    """The photos, and a button: nothing happens to whoever only follows the link."""
    try:
        found = inviting.look(conn, token)
    except Problem as problem:
        return page(request, "invitation.html", caller, problem.status, over=True)
    views = Views(parts.signer, found.event_id)
    photos = [views.photo(each) for each in found.media_ids]
    return page(request, "invitation.html", caller, over=False, invitation=found, photos=photos)


@router.post("/invitation/{token}")
def accept(
    request: Request,
    caller: Anyone,
    parts: Here,
    conn: Server,
    token: str,
    name: Annotated[str, Form(min_length=1, max_length=120)],
    after: BackgroundTasks,
) -> Response:
    """That is me: a guest of the event, signed in; who was a user before is sent a link."""
    try:
        with conn.begin_nested():
            taken = inviting.accept(conn, token, name)
    except Problem as problem:
        return page(request, "invitation.html", caller, problem.status, over=True)
    if taken.known:
        after.add_task(links.send, parts, taken.email, words_of(request))
        shown = {"sent": True, "expired": False, "autofocus": False}
        return page(request, "sign_in.html", caller, **shown)
    response = RedirectResponse(f"/review/{taken.event_id}/photos", 303)
    # accepting was the inviter's; a session is the server's to begin
    with callers.stepping_back(conn, taken.invited_by):
        sessions.end(conn, request, response, parts.settings)
        sessions.start(conn, taken.user_id, response, parts.settings)
    return response
