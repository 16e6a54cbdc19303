"""What a member agreed to for themselves: read it, agree, take it back; the selfie."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Form, Query, Request, UploadFile
from pydantic import BaseModel

from memoria_pipeline.privacy import texts
from memoria_pipeline.privacy.consent import Said, standing
from memoria_pipeline.review import agreeing
from memoria_pipeline.review.api import shapes
from memoria_pipeline.review.api.deciding import User
from memoria_pipeline.review.callers import Conn, Here, limited_user
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.permitted import MemberCall
from memoria_pipeline.review.routes import routes
from memoria_pipeline.review.words import words_of
from memoria_pipeline.store import consents

router = routes("consents")
uploads = routes("consents", route_class=MemberCall)
LARGEST_SELFIE = 30_000_000
"""Bytes of a request with one."""
Own = Literal["own_photos", "other_events"]
Version = Annotated[str, Form(max_length=40)]


class Agreed(BaseModel):
    """One entry of the ledger: given, or taken back."""

    purpose: texts.Purpose
    given: bool
    text_version: str
    language: str | None
    minor: bool
    guardian: bool
    recorded_at: datetime | None


class Asked(BaseModel):
    """What may be agreed to, as it is shown now, and whether it is: given."""

    purpose: Own
    text_version: str
    title: str
    body: str
    given: bool


class Selfie(BaseModel):
    """That there is one; the photo itself is kept nowhere."""

    id: UUID
    given_at: datetime


class Consents(BaseModel):
    """What the caller may agree to, all that the caller ever said, and the selfie."""

    asked: list[Asked]
    ledger: list[Agreed]
    selfie: Selfie | None


class Agreement(shapes.Said):
    """A consent. text_version: of the text that was shown. guardian: a parent or guardian agrees
    as well, which a minor needs; guardian_user_id: who that is, where it is a user."""

    purpose: Own
    text_version: Annotated[shapes.Name, "as `asked` has it"]
    minor: bool = False
    guardian: bool = False
    guardian_user_id: UUID | None = None


class TakenBack(BaseModel):
    """erasure_id: of what goes now; none where nothing rested on that consent alone."""

    erasure_id: UUID | None


@router.get("/event/{event_id}/consents")
def consents_of_caller(event_id: UUID, conn: Conn, user: User, request: Request) -> Consents:
    """What the caller agreed to in the event, and what may be agreed to."""
    in_event(conn, event_id)
    return _shown(conn, event_id, user, words_of(request).language)


@router.post("/event/{event_id}/consents", status_code=201)
def agree(event_id: UUID, body: Agreement, conn: Conn, user: User, request: Request) -> Consents:
    """Agree, to the text of the version that is sent."""
    language = words_of(request).language
    agreeing.agree(conn, user, event_id, Said(0, given=True, language=language, **dict(body)))
    return _shown(conn, event_id, user, language)


@router.delete("/event/{event_id}/consents")
def take_back(event_id: UUID, purpose: Annotated[Own, Query()], conn: Conn) -> TakenBack:
    """Take a consent back: what rested on it is erased."""
    return TakenBack(erasure_id=agreeing.take_back(conn, event_id, purpose, "api"))


@uploads.post(
    "/event/{event_id}/selfie",
    status_code=201,
    max_body_size=LARGEST_SELFIE,
    dependencies=[Depends(limited_user("selfie"))],
)
def give_selfie(
    event_id: UUID,
    file: UploadFile,
    text_version: Version,
    conn: Conn,
    user: User,
    parts: Here,
    request: Request,
    minor: Annotated[bool, Form()] = False,
    guardian: Annotated[bool, Form()] = False,
    guardian_user_id: Annotated[UUID | None, Form()] = None,
) -> Consents:
    """Be found by a selfie: the photo is looked at and thrown away, its one face described."""
    language = words_of(request).language
    said = Said(0, "own_photos", True, text_version, language, minor, guardian, guardian_user_id)
    photo = file.file.read(parts.settings.max_bytes + 1)
    agreeing.give_selfie(conn, parts, user, event_id, photo, said)
    return _shown(conn, event_id, user, language)


router.include_router(uploads)


def _shown(conn: Conn, event_id: UUID, user: UUID, language: str) -> Consents:
    ledger = consents.mine(conn, event_id, user)
    mine = consents.selfie(conn, event_id)
    return Consents(
        asked=[_asked(purpose, ledger, language) for purpose in ("own_photos", "other_events")],
        ledger=[Agreed.model_validate(each, from_attributes=True) for each in ledger],
        selfie=None if mine is None else Selfie(id=mine.id, given_at=mine.given_at),
    )


def _asked(purpose: Own, ledger: list[Said], language: str) -> Asked:
    text = texts.latest(purpose, language)
    last = standing(ledger, purpose)
    return Asked(
        purpose=purpose,
        text_version=text.version,
        title=text.title,
        body=text.body,
        given=last is not None and last.counts,
    )
