"""Inviting a person by mail: a link that works once, shown with some photos; accepting it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError, MemoriaError
from memoria_pipeline.review import actions
from memoria_pipeline.review.deciding import Outcome, decided_on, in_event, outcome
from memoria_pipeline.review.links import new_token
from memoria_pipeline.review.mail import require_address
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.sessions import hashed
from memoria_pipeline.review.words import Words
from memoria_pipeline.store import callers, decisions, invitations
from memoria_pipeline.store.invitations import Accepted, Draft, Invited
from memoria_pipeline.store.shown import people

LIFE = 14 * 86_400  # seconds that an invitation is good for
PHOTOS = 5
_SIZE = 512  # pixels; pictures.py has the list of sizes
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to send once the invitation is in the database."""

    invitation_id: UUID
    to: str
    subject: str
    text: str
    html: str


def invite(
    conn: sa.Connection,
    parts: Parts,
    user: UUID,
    person: UUID,
    email: str,
    words: Words,
    message: str | None = None,
    expected: int | None = None,
) -> tuple[Outcome, Letter]:
    """Invite whoever has this address to say that the person is them.

    The letter is the caller's to `post`, after this transaction: an older invitation of the person
    ends. Raises as actions do; Problem 422 for an address that no mail goes to.
    """
    require_address(email)
    found = decided_on(conn, person, expected)
    event = in_event(conn, found.event_id)
    made = decisions.invite(conn, event.id, found.id, email.strip(), actor=user)
    photos = invitations.preview(conn, event.id, found.id, PHOTOS)
    token = new_token()
    draft = Draft(
        found.id, email.strip(), hashed(token), message or None, photos, words.language, LIFE
    )
    invitation = invitations.insert(conn, event.id, user, draft)
    link = f"{parts.settings.review_url}/invitation/{token}"
    pictures = [
        parts.settings.review_url + parts.signer.url("photo", event.id, each, _SIZE)
        for each in photos
    ]
    letter = _letter(words, event.name, link, message, pictures)
    return outcome(conn, event.id, made), Letter(invitation, email.strip(), *letter)


def _letter(
    words: Words, event: str, link: str, message: str | None, pictures: Sequence[str]
) -> tuple[str, str, str]:
    """Subject, text, HTML. The pictures show for an hour; the link's page always does."""
    _ = words.gettext
    subject = _("You are on photos of “%s”") % event
    said = [
        _("Somebody of “%s” thinks that you are on some of its photos.") % event,
        *([message] if message else []),
        _("See them, and say whether that is you. The link works once, for two weeks:"),
        link,
        _("Not you? Then nothing is to be done."),
    ]
    shown = "".join(f'<img src="{escape(each)}" width="160" alt=""> ' for each in pictures)
    lines = [
        f'<a href="{escape(each)}">{escape(each)}</a>' if each == link else escape(each)
        for each in said
    ]
    html = "".join(f"<p>{each}</p>" for each in [*lines[:-2], shown, *lines[-2:]])
    return subject, "\n\n".join(said), html


def post(parts: Parts, user: UUID, letter: Letter) -> None:
    """Send the letter, and note that it went. After the answer: a mail server may be slow.

    Where it does not go, the invitation stays without `sent_at`, which the organiser sees.
    """
    try:
        parts.mail.send(letter.to, letter.subject, letter.text, letter.html)
        with callers.acting(parts.engine, user) as conn:
            invitations.sent(conn, letter.invitation_id)
    except MemoriaError as error:
        _log.error("An invitation was not sent: %s", error)


def look(conn: sa.Connection, token: str) -> Invited:
    """The invitation of a link, as the bare login. Raises Problem 410 where it is over or used, or
    where there is none."""
    found = invitations.by_token(conn, hashed(token))
    if found is None or not found.open:
        raise over()
    return found


def over() -> Problem:
    """What a link says that is no good (any more)."""
    mend = "Ask whoever invited you for a new one; if you accepted it before, sign in."
    return Problem(410, "This invitation is over, or was used already.", mend)


def accept(conn: sa.Connection, token: str, name: str) -> Accepted:
    """Use the link, as the bare login, which is the inviter's after this: the guest is the person.

    Raises Problem 410 as `look`, and where the person is not invited any more; the link is as good
    as it was then.
    """
    look(conn, token)
    taken = invitations.accept(conn, hashed(token), name.strip())
    if taken is None:
        raise over()
    callers.become(conn, taken.invited_by)
    person = people.one(conn, taken.person_id)
    if person is None or person.status != "invited":
        raise over()
    try:
        actions.assign(
            conn, taken.invited_by, person.id, taken.user_id, reason=invitations.ACCEPTED
        )
    except (DecisionError, Problem):
        raise over() from None
    return taken
