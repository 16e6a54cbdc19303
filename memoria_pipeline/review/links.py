"""Links that sign in: sent to a member's own address, good once and for a short time."""

import hashlib
import logging
import secrets

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.sessions import hashed
from memoria_pipeline.review.words import Words
from memoria_pipeline.store import callers, sessions

LIFE = 15 * 60  # seconds; a mail may take some minutes
_log = logging.getLogger(__name__)


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def address(base: str, token: str) -> str:
    """Where a link leads: a page with a button, since mail scanners follow links."""
    return f"{base}/sign-in/{token}"


def send(parts: Parts, email: str, words: Words) -> None:
    """Send a link where the address is a member's; say nothing of it to anybody else.

    Runs after the answer went out, which so takes as long for every address.
    """
    wanted = email.strip().lower()
    try:
        # counted by hash: the limiter's memory holds no address
        parts.limiter.take("sign-in to", hashlib.sha256(wanted.encode()).hexdigest())
        token = new_token()
        with callers.as_server(parts.engine) as conn:
            user = sessions.link_for(conn, wanted, hashed(token), LIFE)
        if user is not None:
            parts.mail.send(wanted, *_letter(parts, token, words))
    except Problem:
        _log.info("A sign-in link was asked for too often, and not sent.")
    except MemoriaError as error:
        _log.error("A sign-in link was not sent: %s", error)


def _letter(parts: Parts, token: str, words: Words) -> tuple[str, str]:
    _ = words.gettext
    text = "\n\n".join(
        (
            _("Open this link to sign in. It works once, for 15 minutes:"),
            address(parts.settings.review_url, token),
            _("You did not ask for it? Then nothing is to be done: nobody is signed in."),
        )
    )
    return _("Your link to Memoria"), text
