"""The master key of the settings, and the keys of events under it."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Connection

from memoria_pipeline.commands.screen import database, out
from memoria_pipeline.errors import SettingsError
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


def rotate(
    old: Annotated[Path, typer.Option(help="The file that holds the master key of before.")],
) -> None:
    """Wrap the keys of all events by the master key of now; what was sealed opens as before."""
    try:
        before = old.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{old} cannot be read: it should hold the old master key.") from None
    with database() as conn:
        rotated, others = event_keys.rotate(conn, before, master_key())
    out.print(f"{rotated} keys of events are wrapped by the master key of now.")
    if others:
        raise SettingsError(
            f"{others} keys of events are under yet another master key: rotate again with its file."
        )
