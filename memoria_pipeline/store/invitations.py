"""Invitations: who is asked by mail whether a person of an event is them; each works once.

Of the secret in the mail only the SHA-256 is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.store import callers

ACCEPTED = "invitation accepted"
"""The reason of the decision that a guest brings about, in the name of whoever invited them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An invitation to write down. media_ids: the 3 to 5 photos that it shows."""

    person_id: UUID
    email: str
    token_hash: bytes
    message: str | None
    media_ids: Sequence[UUID]
    language: str
    seconds: int


@dataclass(frozen=True, slots=True)
class InvitationShown:
    """An invitation as the organiser sees it."""

    id: UUID
    event_id: UUID
    person_id: UUID
    email: str
    message: str | None
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation as whoever holds its link sees it, before it is accepted.

    open: neither used nor over.
    """

    id: UUID
    event_id: UUID
    event_name: str
    person_id: UUID
    invited_by: UUID
    message: str | None
    media_ids: list[UUID]
    language: str
    expires_at: datetime
    used_at: datetime | None
    open: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting made: the guest, and whom to decide as that it is the person.

    known: the user has more than this event as a guest, which the link alone must not open.
    """

    user_id: UUID
    event_id: UUID
    person_id: UUID
    invited_by: UUID
    known: bool
    email: str


def insert(conn: sa.Connection, event_id: UUID, by: UUID, draft: Draft) -> UUID:
    """Write an invitation down, as the organiser; its id. Older ones of the person end.

    Its link is the server's to write: an organiser who knew it would be whoever has that address.
    """
    end(conn, event_id, draft.person_id)
    values = {
        "event": event_id,
        "person": draft.person_id,
        "email": draft.email,
        "by": by,
        "message": draft.message,
        "media": list(draft.media_ids),
        "language": draft.language,
        "seconds": draft.seconds,
    }
    made: UUID = conn.execute(_INSERT, values).scalar_one()
    with callers.stepping_back(conn, by):
        conn.execute(_ARM, {"id": made, "hash": draft.token_hash})
    return made


_INSERT = sa.text(
    "insert into memoria.invitations (event_id, person_id, email, invited_by, message,"
    " media_ids, language, expires_at) values (:event, :person, lower(:email), :by,"
    " :message, cast(:media as uuid[]), :language, now() + make_interval(secs => :seconds))"
    " returning id"
)
_ARM = sa.text("select memoria.api_arm_invitation(:id, :hash)")


def sent(conn: sa.Connection, invitation: UUID) -> None:
    """Its mail was handed over."""
    conn.execute(_SENT, {"id": invitation})


_SENT = sa.text("update memoria.invitations set sent_at = now() where id = :id")


def end(conn: sa.Connection, event_id: UUID, person: UUID) -> int:
    """The open invitations of a person work no more; how many there were."""
    return conn.execute(_END, {"event": event_id, "person": person}).rowcount


_END = sa.text(
    "update memoria.invitations set expires_at = now() where event_id = :event"
    " and person_id = :person and used_at is null and expires_at > now()"
)


def of_event(conn: sa.Connection, event_id: UUID, limit: int = 100) -> list[InvitationShown]:
    """The event's invitations, the newest first."""
    rows = conn.execute(_OF_EVENT, {"event": event_id, "limit": limit})
    return [InvitationShown(*row) for row in rows]


_OF_EVENT = sa.text(
    "select id, event_id, person_id, email, message, created_at, expires_at, sent_at, used_at"
    " from memoria.invitations where event_id = :event order by created_at desc, id limit :limit"
)


def by_token(conn: sa.Connection, token_hash: bytes) -> Invited | None:
    """The invitation whose link is held, as the server's bare login; used or over ones too."""
    row = conn.execute(_BY_TOKEN, {"hash": token_hash}).first()
    return None if row is None or row.id is None else Invited(*row)


_BY_TOKEN = sa.text(
    "select id, event_id, event_name, person_id, invited_by, message, media_ids, language,"
    " expires_at, used_at, used_at is null and expires_at > now()"
    " from memoria.api_invitation(:hash)"
)


def accept(conn: sa.Connection, token_hash: bytes, name: str) -> Accepted | None:
    """Use the link, as the server's bare login: the guest is there from now on. None where it was
    used, or is over."""
    row = conn.execute(_ACCEPT, {"hash": token_hash, "name": name}).first()
    return None if row is None or row.user_id is None else Accepted(*row)


_ACCEPT = sa.text(
    "select user_id, event_id, person_id, invited_by, known, email"
    " from memoria.api_accept_invitation(:hash, :name)"
)


def preview(conn: sa.Connection, event_id: UUID, person: UUID, most: int = 5) -> list[UUID]:
    """The photos that show a person best, the faces of each other's apart: at most `most`."""
    values = {"event": event_id, "person": person, "most": most}
    return list(conn.scalars(_PREVIEW, values))


_PREVIEW = sa.text(
    "select media_id from (select distinct on (media_id) media_id, quality_class, quality_score"
    " from memoria.faces where event_id = :event and face_person_id = :person and not lost"
    " order by media_id, quality_class, quality_score desc) as each"
    " order by quality_class, quality_score desc, media_id limit :most"
)
