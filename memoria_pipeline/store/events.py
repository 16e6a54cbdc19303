"""Events: the albums, and whether faces may be looked for in them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, DatabaseError


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `memoria.events`. status: active, archived or deleted."""

    id: UUID
    name: str
    code: str | None
    status: str
    face_recognition_enabled: bool
    photo_root: str | None
    face_model: str | None


def ensure(
    conn: sa.Connection, *, name: str, photo_root: str, face_model: str, consent: bool
) -> UUID:
    """The event of this folder or URL, made where it is missing.

    An event that exists keeps its name and its model pack. `consent` says that the organiser agrees
    to face analysis now: it turns the switch on, and its absence never turns it off.
    """
    found: UUID = conn.execute(
        sa.text(
            "insert into memoria.events as e"
            " (name, photo_root, face_model, face_recognition_enabled)"
            " values (:name, :photo_root, :face_model, :consent)"
            " on conflict (photo_root) where status <> 'deleted' do update"
            " set face_recognition_enabled = e.face_recognition_enabled or :consent,"
            " updated_at = now()"
            " returning id"
        ),
        {"name": name, "photo_root": photo_root, "face_model": face_model, "consent": consent},
    ).scalar_one()
    return found


def get(conn: sa.Connection, event_id: UUID) -> Event:
    """One event. Raises DatabaseError when there is none with this id."""
    row = conn.execute(
        sa.text(
            "select id, name, code, status, face_recognition_enabled, photo_root, face_model"
            " from memoria.events where id = :id"
        ),
        {"id": event_id},
    ).first()
    if row is None:
        raise DatabaseError(f"There is no event {event_id}; `memoria event list` shows them.")
    return _event(row)


def list_(conn: sa.Connection) -> list[Event]:
    """Every event that is not deleted, oldest first."""
    query = sa.text(
        "select id, name, code, status, face_recognition_enabled, photo_root, face_model"
        " from memoria.events"
        " where status <> 'deleted' order by created_at, id"
    )
    return [_event(row) for row in conn.execute(query)]


def require_consent(conn: sa.Connection, event_id: UUID) -> None:
    """Raises ConsentError unless the event is active and its switch is on."""
    event = get(conn, event_id)
    if event.status != "active":
        raise ConsentError(
            f"Event {event_id} is {event.status}: its faces are gone and none is looked for. "
            "Set its status to active to start again."
        )
    if not event.face_recognition_enabled:
        raise ConsentError(
            f"Event {event_id}: face analysis is switched off. Once the organiser agrees, set "
            "events.face_recognition_enabled, or name the album again with --consent."
        )


def _event(row: sa.Row[Any]) -> Event:
    return Event(**row._mapping)
