"""Sessions of browsers: a cookie that no script reads, and a token that every form sends along."""

import hashlib
import hmac
import secrets
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request, Response

from memoria_pipeline.review.problems import Problem
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import callers as database
from memoria_pipeline.store import sessions

COOKIE = "memoria_session"
_LIFE = 14 * 86_400  # seconds
FIELD, HEADER = "csrf_token", "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds it to this host and to https, where there is https."""
    return f"__Host-{COOKIE}" if is_https(settings) else COOKIE


def is_https(settings: Settings) -> bool:
    """Whether browsers reach us by https."""
    return settings.review_url.startswith("https://")


def hashed(token: str) -> bytes:
    """What the database keeps of a token. They are random: no salt, no slow hash needed."""
    return hashlib.sha256(token.encode()).digest()


def token_of(request: Request, settings: Settings) -> str | None:
    """The session's token, as the browser sent it."""
    return request.cookies.get(cookie_name(settings))


def find(engine: sa.Engine, token: str) -> sessions.Session | None:
    """The session of this token, where it is still good."""
    with database.as_server(engine) as conn:
        return sessions.find(conn, hashed(token))


def start(conn: sa.Connection, user: UUID, response: Response, settings: Settings) -> None:
    """A new session, whatever the browser had before: no token that was sent to us becomes one."""
    token = secrets.token_urlsafe(32)
    sessions.start(conn, user, hashed(token), secrets.token_urlsafe(32), _LIFE)
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=_LIFE,
        path="/",
        secure=is_https(settings),
        httponly=True,
        samesite="lax",
    )


def end(conn: sa.Connection, request: Request, response: Response, settings: Settings) -> None:
    """The browser's session, and its cookie."""
    token = token_of(request, settings)
    if token is not None:
        sessions.end(conn, hashed(token))
    forget(response, settings)


def forget(response: Response, settings: Settings) -> None:
    """The browser's cookie alone, where the database knows the session no more."""
    response.delete_cookie(
        cookie_name(settings), secure=is_https(settings), httponly=True, samesite="lax"
    )


async def require_own_form(request: Request, csrf: str) -> None:
    """Refuse a write of a session that another site's page may have sent. Raises Problem 403."""
    if request.method in _SAFE:
        return
    given = request.headers.get(HEADER)
    if given is None and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(FIELD)
        given = field if isinstance(field, str) else None
    if given is None or not hmac.compare_digest(given.encode(), csrf.encode()):
        mend = "Load the page again, then try again."
        raise Problem(403, "The form did not come from a page of this session.", mend)
