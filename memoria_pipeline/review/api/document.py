"""The OpenAPI document: what a stranger reads before the first call."""

from typing import Any

from fastapi import FastAPI

ABOUT = """\
An event's people, from groups of faces to confirmed tags. No tag without a human: what a machine
found is a suggestion, and each change of it a **decision**, which is in a log and can be undone.

**Signing in.** `Authorization: Bearer <token>`: a JWT with `sub` (the user) and
`aud: authenticated`, as Supabase issues them or `memoria token` prints them. Servers send a token
with `role: service_role`; they take no decisions.

**Who sees what.** Roles are per event. *organiser*: everything of it. *photographer*: all photos,
uploads, tags by hand. *member*: all photos, one's own person, faces and tags. *guest*: the photos
that one is tagged on. Whoever is not in an event gets 404 for all of it, 403 for what their role
may not do.

**A first walk.** `GET /events` → `GET /event/{id}/people` → `POST /person/{id}/link-user` (or
`/invite`, `/merge`, `/ignore`) → `GET /media/{id}/tags`. Faster: `GET /event/{id}/questions` and
`POST /question/{id}/answer`, which ask what puts most faces right. `POST /event/{id}/undo` takes
back what you did last.

**Two at once.** Send the `version` that you saw as `expected_version`: where somebody was faster,
the answer is 409 with `current_version`, and nothing was changed. The id of a person that was
merged stays good: it answers with the person that it became.

**Again.** With an `Idempotency-Key` (any text, a new one for each thing you do) a write happens
once, however often it is sent, and answers the same. Calls that do not take one may be repeated.

**Errors** are `application/problem+json`: `detail` says what happened, `mend` what to do.

**Pictures** are addresses with a signature, good for half an hour at least: ask again for new ones.
They are for whoever asked: who is hidden is blurred for all but the organisers and themselves.
Lists come in pages: `page` from 1 on, `per_page` up to 200. Times are ISO 8601, boxes
`{x, y, w, h}` in [0, 1] of the upright photo.
"""

TAGS = [
    {"name": "events", "description": "Which there are, how far they are, who belongs to them."},
    {"name": "people", "description": "Groups of faces, and who they are."},
    {"name": "decisions", "description": "What a human decides; each can be undone."},
    {"name": "questions", "description": "What to ask next, best first, and answers."},
    {"name": "photos", "description": "Photos, uploads, and who is on them."},
    {"name": "privacy", "description": "Who is not to be shown, and who did what."},
    {"name": "consents", "description": "What members agree to for themselves, and take back."},
    {"name": "invitations", "description": "For whoever holds an invitation's link."},
    {"name": "machines", "description": "For applications and their workers."},
    {"name": "pictures", "description": "By signed addresses only."},
    {"name": "operations", "description": "For whoever runs the server."},
]

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A new text for each thing you do: sent again with it, it is not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_UNSAFE = ("post", "patch", "put", "delete")
BY_THEMSELVES = frozenset(
    {"/cluster", "/invitation/accept", "/invitation/look", "/ml-callback", "/ml/callback"}
    | {"/process"}
)
"""What may be sent twice without a key: it keeps nothing, works once, or names its job."""


class Documented(FastAPI):
    """An application whose document says what is common to all writes as well."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            made = super().openapi()
            for call in _writes(made):
                call.setdefault("parameters", []).append(_KEY)
        assert self.openapi_schema is not None
        return self.openapi_schema


def _writes(document: dict[str, Any]) -> list[dict[str, Any]]:
    keyed = [calls for path, calls in document["paths"].items() if path not in BY_THEMSELVES]
    return [calls[method] for calls in keyed for method in _UNSAFE if method in calls]
