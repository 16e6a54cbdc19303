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
        started, status = time.perf_counter(), 500

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._complete(MutableHeaders(scope=message), number)
            await send(message)

        try:
            refused = foreign(scope)
            app = self.app if refused is None else _refusal(refused)
            await app(scope, receive, with_headers)
        finally:
            _tell(scope, status, time.perf_counter() - started)

    def _complete(self, headers: MutableHeaders, number: str) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        headers["x-request-id"] = number
        if self.https:
            headers["strict-transport-security"] = "max-age=31536000"


def _refusal(problem: Problem) -> ASGIApp:
    return JSONResponse(problem.body, problem.status, media_type="application/problem+json")


def foreign(scope: Scope) -> Problem | None:
    """A write that another site's page sent: refused, also where nobody is signed in yet, as it
    could sign a person in as somebody else. Who sends a token is no such page."""
    headers = Headers(scope=scope)
    if scope["method"] in _SAFE or "authorization" in headers:
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
