"""Making an event and changing what is said of it, from the review."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to make. consent: the organiser agrees to face analysis, to the text of that
    version, shown in that language."""

    name: str
    code: str | None
    consent: bool
    text_version: str
    language: str
    photo_root: str


def create(conn: sa.Connection, user: UUID, new: NewEvent) -> UUID:
    """Make it, as the bare login; the user is its organiser. Its id.

    Raises IntegrityError where the code is taken.
    """
    values = {"user": user, "name": new.name, "code": new.code, "consent": new.consent}
    values |= {"version": new.text_version, "language": new.language, "root": new.photo_root}
    made: UUID = conn.execute(_CREATE, values).scalar_one()
    return made


_CREATE = sa.text(
    "select memoria.api_create_event(:user, :name, :code, :consent, :version, :language, :root)"
)

_CHANGEABLE = {
    "name": "text",
    "code": "text",
    "face_recognition_enabled": "boolean",
    "starts_at": "timestamptz",
    "ends_at": "timestamptz",
    "retention_days": "integer",
    "analysis_mode": "text",
}


def change(conn: sa.Connection, event_id: UUID, changes: Mapping[str, Any]) -> bool:
    """Set these columns (name, code, face_recognition_enabled, starts_at, ends_at, retention_days,
    analysis_mode) on the caller's connection; False where the caller may not.

    Raises KeyError for another column. Before the switch is turned, consents.saying tells the
    ledger which text was shown.
    """
    columns = [f"{name} = cast(:{name} as {_CHANGEABLE[name]})" for name in changes]
    query = sa.text(_CHANGE.format(columns=", ".join([*columns, "updated_at = now()"])))
    return bool(conn.execute(query, {**changes, "event": event_id}).rowcount)


_CHANGE = "update memoria.events set {columns} where id = :event"
