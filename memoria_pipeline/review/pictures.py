"""Photos and faces by signed addresses: rendered for each request, never stored."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
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
from memoria_pipeline.review.placeholder import GONE, HIDDEN, LATER, UNREADABLE, placeholder
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.routes import problems
from memoria_pipeline.store import callers, hidden, pictures
from memoria_pipeline.store.hidden import Shown
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.pictures import Source
from memoria_pipeline.vision import picture
from memoria_pipeline.vision.hide import is_of
from memoria_pipeline.vision.photo import Limits

_KEPT = {"cache-control": "private, max-age=3600"}
# Of a viewer's picture somebody may be hidden at any moment: a browser asks again each time.
_ASKED = {"cache-control": "private, no-cache"}

_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"image/jpeg": {}, "image/svg+xml": {}},
        "description": "The picture, without faces that the viewer does not get; or a stand-in.",
    },
    304: {"description": "As it was."},
    404: {"content": {"image/svg+xml": {}}, "description": "Not there any more; a stand-in."},
    **problems(403, 422, 429, 503),
}
router = APIRouter(tags=["pictures"], dependencies=[Depends(limited("pictures"))])

Find = Callable[[sa.Connection, UUID, UUID], Source | None]
Size = Annotated[int, Query(ge=1, le=4096)]
Until = Annotated[int, Query(ge=0, le=1 << 40)]
Eyes = Annotated[str, Query(alias="for", max_length=64)]
Signature = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class _Picture:
    """Where a picture comes from, and what of it this viewer gets."""

    source: Source
    shown: Shown

    @property
    def headers(self) -> dict[str, str]:
        return _KEPT if self.shown.everything else _ASKED

    def etag(self, size: int) -> str:
        """Hashed: a key is often a name."""
        said = f"{self.source}\n{self.shown}\n{size}"
        return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


@router.get("/pictures/photo/{event}/{media}", response_class=Response, responses=_DOCUMENT)
async def photo(
    request: Request,
    parts: Here,
    event: UUID,
    media: UUID,
    size: Size,
    exp: Until,
    sig: Signature,
    eyes: Eyes = "",
) -> Response:
    """A photo, upright, its longer side at most `size` pixels."""
    _check(parts, f"/pictures/photo/{event}/{media}", size, exp, eyes, sig)
    found = await _found(parts, pictures.photo, event, media, eyes)
    return await _answer(request, parts, found, size)


@router.get("/pictures/face/{event}/{face}", response_class=Response, responses=_DOCUMENT)
async def face(
    request: Request,
    parts: Here,
    event: UUID,
    face: UUID,
    size: Size,
    exp: Until,
    sig: Signature,
    eyes: Eyes = "",
) -> Response:
    """A face with room around it, cut out of its photo, `size` pixels square."""
    _check(parts, f"/pictures/face/{event}/{face}", size, exp, eyes, sig)
    found = await _found(parts, pictures.face, event, face, eyes)
    return await _answer(request, parts, found, size)


def _check(parts: Parts, path: str, size: int, until: int, eyes: str, signature: str) -> None:
    if not parts.signer.is_right(path, size, until, eyes, signature):
        raise Problem(403, "This picture's address is over, or was never ours.", "Load the page.")


async def _found(parts: Parts, find: Find, event: UUID, thing: UUID, eyes: str) -> _Picture | None:
    def is_viewer(user: UUID) -> bool:
        return hmac.compare_digest(parts.signer.eyes(event, user).encode(), eyes.encode())

    def look() -> _Picture | None:
        with callers.as_server(parts.engine) as conn:
            source = find(conn, event, thing)
            if source is None:
                return None
            return _Picture(source, hidden.veil(conn, event, source.media_id).shown_to(is_viewer))

    async with parts.gate:
        return await run_in_threadpool(look)


async def _answer(request: Request, parts: Parts, found: _Picture | None, size: int) -> Response:
    if found is None:
        return placeholder(GONE, 404, size)
    if found.shown.withheld:
        return placeholder(LATER, 200, size)
    if found.source.box is not None and is_of(found.source.box, found.shown.boxes):
        return placeholder(HIDDEN, 200, size)
    etag = found.etag(size)
    if etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, {**found.headers, "etag": etag})
    async with parts.decodes:  # before a thread is taken: pages of pictures would take all of them
        return await run_in_threadpool(_shown, parts, found, size, etag)


def _shown(parts: Parts, found: _Picture, size: int, etag: str) -> Response:
    limits = parts.models.detector.limits
    try:
        data = Photos(found.source.photo_root).read(found.source.storage_key, limits.max_bytes)
        if not _is_the_one(data, found.shown.sha256):
            return placeholder(LATER, 200, size)
        jpeg = _rendered(data, found, size, limits)
    except PhotoError as error:
        gone = error.reason == "missing"
        return placeholder(GONE if gone else UNREADABLE, 404, size)
    except MemoriaError:  # the storage, whose words may name a place
        return placeholder(UNREADABLE, 503, size)
    return Response(jpeg, 200, {**found.headers, "etag": etag}, media_type="image/jpeg")


def _is_the_one(data: bytes, sha256: str | None) -> bool:
    """Whether the boxes to paint over are of this file, or there are none."""
    return sha256 is None or hashlib.sha256(data).hexdigest() == sha256


def _rendered(data: bytes, found: _Picture, size: int, limits: Limits) -> bytes:
    if found.source.box is None:
        return picture.whole(data, size, limits, found.shown.boxes)
    return picture.face(data, found.source.box, size, limits, found.shown.boxes)
