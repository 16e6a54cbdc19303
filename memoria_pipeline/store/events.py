"""Events: the albums, and whether faces may be looked for in them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import ConsentError, DatabaseError


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `memoria.events`. status: active, archived or deleted; analysis_mode: full or
    match_and_forget.

    photo_root, face_model: empty where another application made the event and has not said yet.
    """

    id: UUID
    name: str
    code: str | None
    status: str
    face_recognition_enabled: bool
    photo_root: str
    face_model: str
    analysis_mode: str = "full"

    @property
    def forgets(self) -> bool:
        """Whether only faces of members who agreed are stored, and those with the person."""
        return self.analysis_mode == "match_and_forget"


def ensure(
    conn: sa.Connection, *, name: str, photo_root: str, face_model: str | None, consent: bool
) -> UUID:
    """The event of this folder or URL, made where it is missing.

    An event that exists keeps its name and its model pack. `consent` says that the organiser agrees
    to face analysis now: it turns the switch on, and its absence never turns it off. Without a
    face_model it takes the one of the settings at its first run.
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
    """One event. Raises DatabaseError when there is none with this id.

    Its photo_root is empty for people: where photos are is the server's business.
    """
    row = conn.execute(
        sa.text(
            "select id, name, code, status, face_recognition_enabled,"
            " coalesce(memoria.photo_root_of(id), '') as photo_root,"
            " coalesce(face_model, '') as face_model, analysis_mode"
            " from memoria.events where id = :id"
        ),
        {"id": event_id},
    ).first()
    if row is None:
        raise DatabaseError(f"There is no event {event_id}; `memoria events` lists them.")
    return _event(row)


def list_(conn: sa.Connection) -> list[Event]:
    """Every event that is not deleted, oldest first."""
    query = sa.text(
        "select id, name, code, status, face_recognition_enabled,"
        " coalesce(photo_root, '') as photo_root, coalesce(face_model, '') as face_model,"
        " analysis_mode"
        " from memoria.events"
        " where status <> 'deleted' order by created_at, id"
    )
    return [_event(row) for row in conn.execute(query)]


def lock(conn: sa.Connection, event_id: UUID) -> Event:
    """One event, which no other grouping or erasure may touch until this transaction ends.

    The database refuses it (42501) to people who may not decide in the event.
    """
    conn.execute(sa.text("select memoria.lock_event(:id)"), {"id": event_id})
    return get(conn, event_id)


def require_consent(conn: sa.Connection, event_id: UUID) -> Event:
    """The event. Raises ConsentError unless it is active and its switch is on."""
    event = get(conn, event_id)
    if event.status != "active":
        raise ConsentError(
            f"Event {event_id} is {event.status}: its faces are gone and none is looked for. "
            "Set its status to active to start again."
        )
    if not event.face_recognition_enabled:
        raise ConsentError(
            f"Event {event_id}: face analysis is switched off. Once the organiser agrees, set "
            "events.face_recognition_enabled."
        )
    return event


def switch(conn: sa.Connection, event_id: UUID, *, on: bool) -> None:
    """Turn the consent switch. Raises DatabaseError when there is no such event, ConsentError for
    turning it on where the event is over."""
    lock(conn, event_id)
    query = sa.text("update memoria.events set face_recognition_enabled = :on where id = :id")
    conn.execute(query, {"id": event_id, "on": on})
    if on:
        require_consent(conn, event_id)


def keep_model(conn: sa.Connection, event_id: UUID, model: str) -> None:
    """The pack that an event without one starts with; any other event keeps its own."""
    conn.execute(
        sa.text(
            "update memoria.events set face_model = :model, updated_at = now()"
            " where id = :id and face_model is null"
        ),
        {"id": event_id, "model": model},
    )


def _event(row: sa.Row[Any]) -> Event:
    return Event(**row._mapping)
