"""Around every request: headers of its answer, a number for the logs, no other site's writes."""

import logging
import time
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memoria_pipeline.logs import REQUEST
from memoria_pipeline.review.problems import Problem

_log = logging.getLogger(__name__)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Never to others: a link that signs in is an address. (no-referrer would hide Origin from us.)
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex, nofollow",
}


@dataclass(slots=True)
class Armour:
    """Around the application. https: whether browsers are to stay with it."""

    app: ASGIApp
    https: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: its number, its answer's headers, its line in the log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        number = uuid4().hex
        kept = REQUEST.set(number)
        try:
            await self._answered(scope, receive, send, number)
        finally:
            REQUEST.reset(kept)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, number: str) -> None:
        answer = _Answer(scope, receive, send, self._headers(number))
        started = time.perf_counter()
        try:
            refused = foreign(scope)
            app = self.app if refused is None else _refusal(refused)
            await app(scope, receive, answer.send)
        except Exception:
            if not answer.status:
                raise  # the server answers 500; otherwise the answer and the log have it already
        finally:
            _tell(scope, answer.status or 500, time.perf_counter() - started)

    def _headers(self, number: str) -> dict[str, str]:
        safe = {"strict-transport-security": "max-age=31536000"} if self.https else {}
        return {**_HEADERS, "cache-control": "no-store", **safe, "x-request-id": number}


@dataclass(slots=True)
class _Answer:
    """What is sent back: with our headers, and as a problem where a bare 413 would be."""

    scope: Scope
    receive: Receive
    onward: Send
    headers: dict[str, str]
    status: int = 0
    _replaced: bool = False

    async def send(self, message: Message) -> None:
        """One message of the application's answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = MutableHeaders(scope=message)
            plain = given.get("content-type", "").startswith("text/plain")
            self._replaced = self.status == 413 and plain
            if self._replaced:
                await _refusal(_TOO_LARGE)(self.scope, self.receive, self._with_headers)
            else:
                await self._with_headers(message)
        elif not self._replaced:
            await self.onward(message)

    async def _with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            given = MutableHeaders(scope=message)
            for name, value in self.headers.items():
                given.setdefault(name, value)
        await self.onward(message)


_TOO_LARGE = Problem(413, "The request is too large.", "Send less at a time.")


def _refusal(problem: Problem) -> ASGIApp:
    return JSONResponse(problem.body, problem.status, media_type="application/problem+json")


def foreign(scope: Scope) -> Problem | None:
    """A write that another site's page sent: refused, also where nobody is signed in yet, as it
    could sign a person in as somebody else. Who sends a token is no such page."""
    headers = Headers(scope=scope)
    # Not any Authorization: a proxy's own login is sent along by every browser.
    bearer = headers.get("authorization", "").lower().startswith("bearer ")
    if scope["method"] in _SAFE or bearer:
        return None
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or urlsplit(origin).netloc == headers.get("host")
    if is_own:
        return None
    return Problem(403, "Another site's page sent this.", "Open it here, and try again.")


def _tell(scope: Scope, status: int, seconds: float) -> None:
    # The route, never the address: that may hold a link's secret, or a name that is looked for.
    route = getattr(scope.get("route"), "path", "unknown")
    _log.info("%s %s %d, %.0f ms", scope["method"], route, status, seconds * 1000)
