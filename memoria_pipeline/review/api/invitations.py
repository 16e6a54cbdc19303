"""Invitations, for whoever holds their link: look at one, accept it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from memoria_pipeline.review import inviting
from memoria_pipeline.review.api.shapes import Name, Said
from memoria_pipeline.review.api.shown import PREVIEW
from memoria_pipeline.review.callers import Here, Server
from memoria_pipeline.review.limits import limited
from memoria_pipeline.review.routes import problems, routes

router = routes("invitations")
_LIFE = 3600
Token = Annotated[str, Field(min_length=16, max_length=200, pattern="^[A-Za-z0-9_-]+$")]


class Held(Said):
    """The secret at the end of an invitation's link."""

    token: Token


class Acceptance(Held):
    """That it is me; name: as others shall see it."""

    name: Name


class Invitation(BaseModel):
    """An invitation, with signed addresses of the photos that it shows."""

    event_id: UUID
    event_name: str
    message: str | None
    language: str
    expires_at: datetime
    photo_urls: list[str]


class Accepted(BaseModel):
    """Whoever accepted is a guest of the event from now on. access_token: theirs, for an hour; null
    for who was a user before: a forwarded mail must not open all that is theirs."""

    event_id: UUID
    user_id: UUID
    person_id: UUID
    access_token: str | None
    expires_in: int = _LIFE


@router.post(
    "/invitation/look", dependencies=[Depends(limited("invitation"))], responses=problems(410)
)
def look(body: Held, conn: Server, parts: Here) -> Invitation:
    """What the invitation shows; 410 where it was used or is over. It is used up by accepting."""
    found = inviting.look(conn, body.token)
    urls = [
        parts.settings.review_url + parts.signer.url("photo", found.event_id, each, PREVIEW)
        for each in found.media_ids
    ]
    return Invitation(
        event_id=found.event_id,
        event_name=found.event_name,
        message=found.message,
        language=found.language,
        expires_at=found.expires_at,
        photo_urls=urls,
    )


@router.post(
    "/invitation/accept", dependencies=[Depends(limited("invitation"))], responses=problems(410)
)
def accept(body: Acceptance, conn: Server, parts: Here) -> Accepted:
    """That is me: the person is the guest who accepts, and the tags follow. Works once."""
    taken = inviting.accept(conn, body.token, body.name)
    return Accepted(
        event_id=taken.event_id,
        user_id=taken.user_id,
        person_id=taken.person_id,
        access_token=None if taken.known else parts.tokens.make(taken.user_id, _LIFE),
    )
