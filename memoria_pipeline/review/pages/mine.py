"""My data: what a member agreed to for themselves, the selfie, and the way out."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, UploadFile
from fastapi.responses import RedirectResponse, Response

from memoria_pipeline.errors import ConsentError, PhotoError
from memoria_pipeline.privacy import texts
from memoria_pipeline.privacy.consent import Said, standing
from memoria_pipeline.privacy.texts import Purpose
from memoria_pipeline.review import agreeing, sessions
from memoria_pipeline.review.api.consents import LARGEST_SELFIE, Own
from memoria_pipeline.review.callers import limited_user
from memoria_pipeline.review.pages.audit import about, said_of
from memoria_pipeline.review.pages.frame import Frame, Framed
from memoria_pipeline.review.pages.layout import page
from memoria_pipeline.review.permitted import MemberPage
from memoria_pipeline.review.words import Words
from memoria_pipeline.store import asked, consents
from memoria_pipeline.store.shown import events

router = APIRouter()
uploads = APIRouter(route_class=MemberPage)
_HERE = "/review/{event_id}/me"
_SEE_OTHER = 303
_OWN: tuple[Purpose, ...] = ("own_photos", "other_events")
Version = Annotated[str, Form(max_length=40)]
Ticked = Annotated[bool, Form()]


@router.get(_HERE)
def mine(frame: Framed, done: str = "", receipt: UUID | None = None) -> Response:
    """What the member agreed to, and may."""
    return _mine(frame, done=_done(frame.words, done), receipt=receipt)


def _mine(
    frame: Frame,
    problem: str = "",
    done: str = "",
    receipt: UUID | None = None,
    status: int = 200,
) -> Response:
    ledger = consents.mine(frame.conn, frame.event.id, frame.user)
    last = {purpose: standing(ledger, purpose) for purpose in _OWN}
    shown: dict[str, Any] = {
        "given": {purpose: said is not None and said.counts for purpose, said in last.items()},
        "ledger": [_entry(frame.words, each) for each in ledger],
        "selfie": consents.selfie(frame.conn, frame.event.id),
    }
    shown |= about(frame) | {"problem": problem, "done": done, "receipt": receipt}
    return frame.whole("mine.html", status=status, **shown)


def _entry(words: Words, said: Said) -> dict[str, Any]:
    """A line of the ledger. title: of the text that was shown, where that is known."""
    shown = said.text_version in texts.versions(said.purpose)
    title = texts.latest(said.purpose, words.language).title
    if shown:
        title = texts.said(said.purpose, said.text_version, words.language).title
    return {"title": title, "said": said}


def _done(words: Words, what: str) -> str:
    _ = words.gettext
    known = {
        "agreed": _("Noted: you agree."),
        "selfie": _("Your selfie was described and thrown away."),
        "taken-back": _("You took it back."),
        "taken-back-erased": _("You took it back. What rested on it is erased."),
        "hidden": said_of(words, on=True),
        "shown": said_of(words, on=False),
    }
    return known.get(what, "")


@uploads.post(
    _HERE + "/selfie",
    max_body_size=LARGEST_SELFIE,
    dependencies=[Depends(limited_user("selfie"))],
)
def give_selfie(
    frame: Framed,
    photo: Annotated[UploadFile, File()],
    text_version: Version,
    agree: Ticked = False,
    minor: Ticked = False,
    guardian: Ticked = False,
) -> Response:
    """Be found by a selfie; the photo is kept nowhere."""
    words = frame.words
    said = Said(0, "own_photos", agree, text_version, words.language, minor, guardian)
    data = photo.file.read(frame.parts.settings.max_bytes + 1)
    try:
        with frame.conn.begin_nested():
            agreeing.give_selfie(frame.conn, frame.parts, frame.user, frame.event.id, data, said)
    except ConsentError:
        return _mine(frame, _no_consent(words, said), status=422)
    except PhotoError as error:
        return _mine(frame, _no_selfie(words, error.reason), status=422)
    return _back(frame, "selfie")


@router.post(_HERE + "/consent")
def agree(
    frame: Framed,
    purpose: Annotated[Own, Form()],
    text_version: Version,
    minor: Ticked = False,
    guardian: Ticked = False,
) -> Response:
    """Agree to a purpose."""
    said = Said(0, purpose, True, text_version, frame.words.language, minor, guardian)
    try:
        agreeing.agree(frame.conn, frame.user, frame.event.id, said)
    except ConsentError:
        return _mine(frame, _no_consent(frame.words, said), status=422)
    return _back(frame, "agreed")


@router.post(_HERE + "/take-back")
def take_back(frame: Framed, purpose: Annotated[Own, Form()], sure: Ticked = False) -> Response:
    """Agree no more; what rested on it goes."""
    if purpose == "own_photos" and not sure:
        return _mine(frame, _unsure(frame.words), status=422)
    receipt = agreeing.take_back(frame.conn, frame.event.id, purpose, "page")
    return _back(frame, "taken-back" if receipt is None else "taken-back-erased", receipt)


@router.post(_HERE + "/erase", dependencies=[Depends(limited_user("purge"))])
def erase(frame: Framed, sure: Ticked = False) -> Response:
    """All that the event knows of the member's face goes, and every tag."""
    if not sure:
        return _mine(frame, _unsure(frame.words), status=422)
    receipt = asked.erase(frame.conn, frame.event.id, frame.user)
    still = {each.id for each in events.mine(frame.conn)}
    caller = frame.caller if still else None  # no event knows them: their sessions are gone
    response = page(
        frame.request,
        "erased.html",
        caller,
        receipt=receipt,
        oneself=True,
        event=frame.event if frame.event.id in still else None,
    )
    if not still:
        sessions.forget(response, frame.parts.settings)
    return response


router.include_router(uploads)


def _back(frame: Frame, done: str, receipt: UUID | None = None) -> Response:
    proof = "" if receipt is None else f"&receipt={receipt}"
    return RedirectResponse(f"/review/{frame.event.id}/me?done={done}{proof}", _SEE_OTHER)


def _unsure(words: Words) -> str:
    return words.gettext("Tick the box first: what is erased does not come back.")


def _no_consent(words: Words, said: Said) -> str:
    _ = words.gettext
    if not said.given:
        return _("Without your agreement nothing is looked at: tick the box first.")
    if not said.counts:
        return _("A minor does not agree alone: a parent or guardian has to agree as well.")
    if said.text_version != texts.current(said.purpose):
        return _("The text has changed. Read it again, then agree.")
    return _("Faces are not looked for in this event.")


def _no_selfie(words: Words, reason: str) -> str:
    _ = words.gettext
    known = {
        "no_face": _("No face was found on it. Come closer, with the light in front of you."),
        "several_faces": _("There is more than one face on it. Be alone on your selfie."),
        "weak_face": _("The face is too small, blurred or turned. Look straight at the camera."),
    }
    return known.get(reason, _("This photo cannot be read. Choose another one, as a JPEG."))
