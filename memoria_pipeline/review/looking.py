"""Who looks at what: calls and pages that show somebody, written into the audit."""

from uuid import UUID

import sqlalchemy as sa
from fastapi import Request

from memoria_pipeline.store import audit

_EVENT = "/event/{event_id}"
_PAGE = "/review/{event_id}"
_PERSON = _PAGE + "/person/{person_id}"
_PHOTO = _PAGE + "/photo/{media_id}"

LOOKS: dict[str, tuple[str, str | None]] = {
    f"{_EVENT}/members": ("members", None),
    f"{_EVENT}/decisions": ("decisions", None),
    f"{_EVENT}/invitations": ("invitations", None),
    f"{_EVENT}/people": ("people", None),
    f"{_EVENT}/face-persons": ("people", None),
    "/face-persons": ("people", None),
    f"{_EVENT}/questions": ("people", None),
    f"{_EVENT}/media": ("photos", None),
    f"{_EVENT}/hidden": ("members", None),
    f"{_EVENT}/audit": ("audit", None),
    "/person/{person_id}": ("person", "person_id"),
    "/person/{person_id}/faces": ("person", "person_id"),
    "/person/{person_id}/history": ("person", "person_id"),
    "/media/{media_id}": ("photo", "media_id"),
    "/media/{media_id}/tags": ("photo", "media_id"),
    "/user/{user_id}/tags": ("member", "user_id"),
    _PAGE: ("event", None),
    f"{_PAGE}/people": ("people", None),
    f"{_PAGE}/questions": ("people", None),
    f"{_PAGE}/questions/{{question_id}}/faces": ("people", None),
    f"{_PAGE}/photos": ("photos", None),
    f"{_PAGE}/history": ("decisions", None),
    f"{_PAGE}/settings": ("members", None),
    f"{_PAGE}/audit": ("audit", None),
    _PERSON: ("person", "person_id"),
    f"{_PERSON}/members": ("members", None),
    f"{_PERSON}/others": ("people", None),
    f"{_PERSON}/merge/{{other_id}}": ("person", "person_id"),
    _PHOTO: ("photo", "media_id"),
    f"{_PHOTO}/face/{{face_id}}": ("photo", "media_id"),
    f"{_PHOTO}/face/{{face_id}}/people": ("people", None),
}
"""Route → the kind of thing, and which part of the address says which one."""

SHOWS_NOBODY = frozenset(
    {
        *("/", "/health", "/events", "/policy", "/review/new", "/sign-in", "/sign-in/{token}"),
        *(_EVENT, f"{_EVENT}/progress", f"{_PAGE}/progress"),
        # one's own
        *(f"{_EVENT}/consents", f"{_PAGE}/me"),
        # counts only, and jobs
        *(f"{_EVENT}/runs", f"{_PAGE}/runs", "/ml/jobs/{job_id}"),
        # of whoever holds the link, and of the looks above that gave the address
        *(
            "/invitation/{token}",
            "/pictures/photo/{event}/{media}",
            "/pictures/face/{event}/{face}",
        ),
    }
)
"""What is looked at without a row: it shows nobody, or who looks is not known here."""

_PAGES = ("/review", "/sign-in", "/invitation/{token}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def note(conn: sa.Connection, request: Request) -> None:
    """Write down, in the caller's transaction, how it was brought about, and that they looked.

    What is refused later in the transaction was not looked at: it takes the row back.
    """
    path = getattr(request.scope.get("route"), "path", "")
    via: audit.Via = "page" if path.startswith(_PAGES) else "api"
    if request.method not in _SAFE:
        audit.by_way_of(conn, via)
    elif path in LOOKS:
        thing, named = LOOKS[path]
        audit.looked(conn, via, _event(request), thing, _id(request.path_params.get(named or "")))


def _event(request: Request) -> UUID | None:
    given = request.path_params.get("event_id") or request.query_params.get("event_id")
    return _id(given)


def _id(given: str | None) -> UUID | None:
    try:
        return UUID(given or "")
    except ValueError:
        return None
