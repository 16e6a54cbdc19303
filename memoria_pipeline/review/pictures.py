"""Photos and faces by signed addresses: rendered for each request, never stored."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from memoria_pipeline.errors import MemoriaError, PhotoError
from memoria_pipeline.review.callers import Here
from memoria_pipeline.review.limits import limited
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.placeholder import GONE, UNREADABLE, placeholder
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.routes import problems
from memoria_pipeline.store import callers, pictures
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.pictures import Source
from memoria_pipeline.vision import picture

_CACHE = {"cache-control": "private, max-age=3600"}

_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture."},
    304: {"description": "As it was."},
    404: {"content": {"image/svg+xml": {}}, "description": "Not there any more; a stand-in."},
    **problems(403, 422, 429, 503),
}
router = APIRouter(tags=["pictures"], dependencies=[Depends(limited("pictures"))])

Find = Callable[[sa.Connection, UUID, UUID], Source | None]
Size = Annotated[int, Query(ge=1, le=4096)]
Until = Annotated[int, Query(ge=0, le=1 << 40)]
Signature = Annotated[str, Query(max_length=64)]


@router.get("/pictures/photo/{event}/{media}", response_class=Response, responses=_DOCUMENT)
async def photo(
    request: Request, parts: Here, event: UUID, media: UUID, size: Size, exp: Until, sig: Signature
) -> Response:
    """A photo, upright, its longer side at most `size` pixels."""
    _check(parts, f"/pictures/photo/{event}/{media}", size, exp, sig)
    source = await _found(parts, pictures.photo, event, media)
    return await _answer(request, parts, source, size)


@router.get("/pictures/face/{event}/{face}", response_class=Response, responses=_DOCUMENT)
async def face(
    request: Request, parts: Here, event: UUID, face: UUID, size: Size, exp: Until, sig: Signature
) -> Response:
    """A face with room around it, cut out of its photo, `size` pixels square."""
    _check(parts, f"/pictures/face/{event}/{face}", size, exp, sig)
    source = await _found(parts, pictures.face, event, face)
    return await _answer(request, parts, source, size)


def _check(parts: Parts, path: str, size: int, until: int, signature: str) -> None:
    if not parts.signer.is_right(path, size, until, signature):
        raise Problem(403, "This picture's address is over, or was never ours.", "Load the page.")


async def _found(parts: Parts, find: Find, event: UUID, thing: UUID) -> Source | None:
    def look() -> Source | None:
        with callers.as_server(parts.engine) as conn:
            return find(conn, event, thing)

    async with parts.gate:
        return await run_in_threadpool(look)


async def _answer(request: Request, parts: Parts, source: Source | None, size: int) -> Response:
    if source is None:
        return placeholder(GONE, 404, size)
    etag = _etag(source, size)
    if etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, {**_CACHE, "etag": etag})
    async with parts.decodes:  # before a thread is taken: pages of pictures would take all of them
        return await run_in_threadpool(_shown, parts, source, size, etag)


def _shown(parts: Parts, source: Source, size: int, etag: str) -> Response:
    try:
        jpeg = _rendered(parts, source, size)
    except PhotoError as error:
        gone = error.reason == "missing"
        return placeholder(GONE if gone else UNREADABLE, 404, size)
    except MemoriaError:  # the storage, whose words may name a place
        return placeholder(UNREADABLE, 503, size)
    return Response(jpeg, 200, {**_CACHE, "etag": etag}, media_type="image/jpeg")


def _etag(source: Source, size: int) -> str:
    """Hashed: a key is often a name."""
    said = f"{source.photo_root}\n{source.storage_key}\n{source.etag}\n{source.box}\n{size}"
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


def _rendered(parts: Parts, source: Source, size: int) -> bytes:
    limits = parts.models.detector.limits
    data = Photos(source.photo_root).read(source.storage_key, limits.max_bytes)
    if source.box is None:
        return picture.whole(data, size, limits)
    return picture.face(data, source.box, size, limits)
