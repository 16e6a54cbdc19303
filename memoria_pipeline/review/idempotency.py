"""A write with an `Idempotency-Key` happens once: its answer is kept in its own transaction."""

import hashlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile

from memoria_pipeline.review.problems import Problem
from memoria_pipeline.store import once

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LONGEST = 255


class Replayed(Exception):
    """Not an error: the answer is there already."""

    def __init__(self, answer: once.Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """The key of a request, and what the request says."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A write that is to be answered once, in its transaction."""

    conn: sa.Connection
    user: UUID
    wanted: Wanted


async def wanted(request: Request) -> Wanted | None:
    """The request's key, where it has one and writes. Raises Problem 422 for a key too long."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method not in UNSAFE:
        return None
    if not 0 < len(key) <= _LONGEST or not key.isprintable():
        mend = f"Send 1 to {_LONGEST} printable characters, such as a UUID."
        raise Problem(422, "The Idempotency-Key cannot be used.", mend)
    return Wanted(key, await _fingerprint(request))


async def _fingerprint(request: Request) -> str:
    said = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    if request.headers.get("content-type", "").startswith("multipart/"):
        # not its bytes: the boundary is another one each time
        for name, value in (await request.form()).multi_items():
            said.update(f"{name}\n".encode())
            said.update(await _content(value))
    else:
        said.update(await request.body())
    return said.hexdigest()


async def _content(value: UploadFile | str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    digest = hashlib.sha256((value.filename or "").encode())
    while part := await value.read(1 << 20):
        digest.update(part)
    await value.seek(0)
    return digest.digest()


def begin(conn: sa.Connection, user: UUID, wanted: Wanted) -> Begun:
    """Wait for another request with this key, and answer as it did.

    Raises Replayed where there is an answer, Problem 422 where the other said something else.
    """
    found = once.answered(conn, user, wanted.key)
    if found is None:
        return Begun(conn, user, wanted)
    if found.fingerprint != wanted.fingerprint:
        mend = "Use a new key for another request."
        raise Problem(422, "This Idempotency-Key was used for another request.", mend)
    raise Replayed(found)


class Once(APIRoute):
    """A route that keeps its answer with what it wrote, and gives it again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, within the transaction that the caller's dependency opened."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            try:
                response = await handle(request)
            except Replayed as done:
                return _again(done.answer)
            begun: Begun | None = getattr(request.state, "once", None)
            if begun is not None and response.status_code < 400:
                await run_in_threadpool(_keep, begun, response)
            return response

        return handle_once


def _keep(begun: Begun, response: Response) -> None:
    is_json = response.headers.get("content-type", "").startswith("application/json")
    body = json.loads(bytes(response.body)) if is_json and response.body else None
    answer = once.Answer(begun.wanted.fingerprint, response.status_code, body)
    once.keep(begun.conn, begun.user, begun.wanted.key, answer)


def _again(answer: once.Answer) -> Response:
    headers = {"idempotency-replayed": "true"}
    if answer.status == 204:
        return Response(None, 204, headers)
    if answer.body is None:
        raise Problem(409, "It was done; what it answered was erased.", "Load it again and look.")
    return JSONResponse(answer.body, answer.status, headers)
