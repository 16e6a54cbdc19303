"""The master key of the settings, and the keys of events under it."""

from uuid import UUID

from sqlalchemy import Connection

from memoria_pipeline.settings import settings
from memoria_pipeline.store import event_keys
from memoria_pipeline.store.secrets import secret_of


def master_key() -> str:
    """What the settings give, else the file secrets/master_key, made where it is missing."""
    return secret_of(settings().home, "master_key", settings().master_key)


def to_seal(conn: Connection, event: UUID) -> bytes:
    """The event's key, made where there is none. Raises ExportError."""
    return event_keys.ensure(conn, event, master_key())


def to_open(conn: Connection, event: UUID) -> bytes:
    """The event's key. Raises ExportError where it is gone."""
    return event_keys.get(conn, event, master_key())
