"""Routes that take photos: who may not send any is told so before a byte of them is read.

A body of half a gigabyte would else be written to the disk, and read into memory, for anybody.
"""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from memoria_pipeline.review.callers import BEARER, identified, signed
from memoria_pipeline.review.deciding import in_event
from memoria_pipeline.review.idempotency import Once
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import NotFound
from memoria_pipeline.store import callers

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PermittedPage(APIRoute):
    """A route below an event that only its organisers and photographers may use."""

    ROLES: tuple[str, ...] = ("organiser", "photographer")

    def get_route_handler(self) -> Handler:
        """The handler of FastAPI, once it is known who sends."""
        handle = super().get_route_handler()

        async def handle_permitted(request: Request) -> Response:
            await _require_one_of(self.ROLES, request)
            return await handle(request)

        return handle_permitted


class PermittedCall(PermittedPage, Once):
    """The same for the API, where a key makes a request happen once."""


class MemberPage(PermittedPage):
    """A route below an event for whoever belongs to it."""

    ROLES = ()


class MemberCall(MemberPage, Once):
    """The same for the API."""


async def _require_one_of(roles: tuple[str, ...], request: Request) -> None:
    parts: Parts = request.app.state.parts
    user = signed(await identified(request, parts, await BEARER(request))).user
    assert user is not None
    parts.limiter.take("upload", str(user))
    event_id = _event_of(request)

    def look() -> None:
        with callers.acting(parts.engine, user) as conn:
            in_event(conn, event_id, *roles)

    async with parts.gate:
        await run_in_threadpool(look)


def _event_of(request: Request) -> UUID:
    try:
        return UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None
