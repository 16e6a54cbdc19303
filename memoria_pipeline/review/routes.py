"""A router of the API: its errors are in the document, and a write with a key happens once."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from memoria_pipeline.review.idempotency import Once


class ProblemBody(BaseModel):
    """What every error looks like (RFC 9457), with what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    mend: str


_ERRORS = {
    400: "The request cannot be read.",
    401: "Nobody is signed in, or the token is not valid any more.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not see it.",
    409: "It contradicts what stands; nothing was changed.",
    410: "The link was used, or its time is over.",
    413: "The request is too large.",
    422: "The request is not as the document says.",
    429: "Too many requests; Retry-After says when to ask again.",
    502: "What the request refers to could not be fetched.",
    503: "The database cannot be reached now.",
}


_USUAL = tuple(each for each in _ERRORS if each not in (410, 502))


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The document's entries for these error statuses."""
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    content = {"application/problem+json": {"schema": schema}}
    return {each: {"description": _ERRORS[each], "content": content} for each in statuses}


def routes(tag: str, **more: Any) -> APIRouter:
    """A router whose calls are listed under `tag`."""
    more.setdefault("route_class", Once)
    return APIRouter(tags=[tag], responses=problems(*_USUAL), **more)
