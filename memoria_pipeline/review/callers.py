"""Who asks: a user by token or session, a server of ours, or nobody; and the transaction they get.

What a caller may see and do is not decided here: row level security does.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Request, Security
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from memoria_pipeline.review import idempotency, looking, sessions
from memoria_pipeline.review.limits import address_of
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import Problem, missing
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.store import callers as database


@dataclass(frozen=True, slots=True)
class Caller:
    """user: of a token or a session; None for nobody and for servers.

    service: a server of ours. session: signed in with a cookie. csrf: what that session's forms
    must send along.
    """

    user: UUID | None = None
    service: bool = False
    session: bool = False
    csrf: str = ""

    @property
    def key(self) -> str:
        """Whom limits count for."""
        return "service" if self.service else str(self.user)


BEARER = HTTPBearer(auto_error=False, description="A JWT for `authenticated`, or a service's.")
_COOKIE = APIKeyCookie(name=sessions.COOKIE, auto_error=False, description="A browser's session.")


def parts_of_app(request: Request) -> Parts:
    """What the application was made of."""
    parts: Parts = request.app.state.parts
    return parts


Here = Annotated[Parts, Depends(parts_of_app)]


async def caller_of(
    request: Request,
    parts: Here,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    _cookie: Annotated[str | None, Security(_COOKIE)],
) -> Caller:
    """Who asks. Raises Problem 401 for a token that is not valid, 403 for a forged form."""
    found = await identified(request, parts, bearer)
    if found.session:
        await sessions.require_own_form(request, found.csrf)
    return found


async def identified(
    request: Request, parts: Parts, bearer: HTTPAuthorizationCredentials | None
) -> Caller:
    """Whose token or cookie it is; whether the form is their own is not looked at, nor the body."""
    if bearer is not None:
        return await run_in_threadpool(_of_token, request, parts, bearer.credentials)
    token = sessions.token_of(request, parts.settings)
    if token is None:
        return Caller()
    async with parts.gate:
        found = await run_in_threadpool(sessions.find, parts.engine, token)
    if found is None:
        return Caller()
    return Caller(found.user_id, session=True, csrf=found.csrf)


def _of_token(request: Request, parts: Parts, token: str) -> Caller:
    parts.limiter.check("token", address_of(request))
    claims = parts.tokens.read(token)
    if claims is None:
        parts.limiter.take("token", address_of(request))
        raise missing("The token is not valid, or not valid any more.")
    return Caller(claims.user, claims.service)


Anyone = Annotated[Caller, Depends(caller_of)]
"""Whoever asks, nobody included."""


def signed(caller: Anyone) -> Caller:
    """A user. Raises Problem 401 for nobody, 403 for a server, which is in no event."""
    if caller.service:
        raise Problem(403, "A server's token belongs to no event.", "Send a user's token.")
    if caller.user is None:
        raise missing("Nobody is signed in.")
    return caller


def service(caller: Anyone) -> Caller:
    """A server of ours. Raises Problem 401 for nobody, 403 for a user."""
    if caller.service:
        return caller
    if caller.user is None:
        raise missing("Nobody is signed in.")
    raise Problem(403, "Only servers may do this.", "Send the service's token.")


Signed = Annotated[Caller, Depends(signed)]
Service = Annotated[Caller, Depends(service)]


def eyes_of(caller: Anyone, parts: Here) -> Signer:
    """Makes addresses of pictures for the caller."""
    return parts.signer.of(caller.user)


Eyes = Annotated[Signer, Depends(eyes_of)]


async def acting(request: Request, caller: Signed, parts: Here) -> AsyncIterator[sa.Connection]:
    """The caller's transaction; a write with an Idempotency-Key that was done is answered again."""
    async with _once(request, parts, caller.user) as conn:
        yield conn


async def serving(request: Request, parts: Here) -> AsyncIterator[sa.Connection]:
    """A transaction of the bare login: for the functions api_* and nothing else."""
    async with parts.gate, contextmanager_in_threadpool(database.as_server(parts.engine)) as conn:
        await run_in_threadpool(looking.note, conn, request)
        yield conn


async def asking(request: Request, caller: Anyone, parts: Here) -> AsyncIterator[sa.Connection]:
    """A user's transaction as `acting`, or the bare login's for a server of ours."""
    who = None if caller.service else signed(caller).user
    async with _once(request, parts, who) as conn:
        yield conn


_SERVERS = UUID(int=0)  # under whose id answers to servers are kept


@asynccontextmanager
async def _once(request: Request, parts: Parts, user: UUID | None) -> AsyncIterator[sa.Connection]:
    """The user's transaction, or the bare login's. Raises Replayed where it was answered before."""
    wanted = await idempotency.wanted(request)
    opened = (
        database.as_server(parts.engine) if user is None else database.acting(parts.engine, user)
    )
    async with (
        parts.gate,  # before a thread is taken: who waits for a connection must not hold one up
        contextmanager_in_threadpool(opened) as conn,
    ):
        if wanted is not None:
            request.state.once = await run_in_threadpool(
                idempotency.begin, conn, user or _SERVERS, wanted
            )
        await run_in_threadpool(looking.note, conn, request)
        yield conn


# Committed before the answer is sent: who reads on at once must find what was written.
Conn = Annotated[sa.Connection, Depends(acting, scope="function")]
Server = Annotated[sa.Connection, Depends(serving, scope="function")]
Asking = Annotated[sa.Connection, Depends(asking, scope="function")]


def limited_user(what: str) -> Callable[[Request, Caller], None]:
    """A dependency that counts per user, or per address where nobody is signed in."""

    def count(request: Request, caller: Anyone) -> None:
        known = caller.service or caller.user is not None
        who = caller.key if known else address_of(request)
        request.app.state.parts.limiter.take(what, who)

    return count
