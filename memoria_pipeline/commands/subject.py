"""`memoria subject`: what the law lets somebody ask for (articles 15 and 20 of the GDPR)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands import export
from memoria_pipeline.commands.exporting import JPEG, as_shown
from memoria_pipeline.commands.screen import database, err, typed_address
from memoria_pipeline.errors import ExportError, PhotoError
from memoria_pipeline.settings import settings
from memoria_pipeline.store import audit, events, held_about, hidden
from memoria_pipeline.store.held_about import Rows, Whom
from memoria_pipeline.store.hidden import Shown
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.written import Put

app = typer.Typer(no_args_is_help=True, help="Everything that is held about one person.")


@app.callback()
def subject() -> None:
    """Everything that is held about one person."""


@app.command("export")
def subject_export(
    event: Annotated[UUID | None, typer.Argument(help="The event's id.")] = None,
    *,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="All events that know the person, a file each.")
    ] = False,
    user: Annotated[UUID | None, typer.Option(help="The user's id.")] = None,
    email: Annotated[
        str | None, typer.Option(help="`-`: the address is read from the keyboard or a pipe.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="The folder for the files; without it, this one.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Files that the person can open, not a sealed one.")
    ] = False,
    photos: Annotated[
        bool, typer.Option("--photos/--no-photos", help="With the photos that they are on.")
    ] = True,
) -> None:
    """Write all that is held about one person: JSON, and the photos that they are on."""
    if (event is None) is not everywhere:
        raise ExportError("Name one event, or say --everywhere.")
    if not user and not email:
        raise ExportError("Say who it is: --user, or --email - for an address.")
    address = typed_address(email) if email else None
    with database() as conn:
        user = user or held_about.user_of(conn, address or "")
        events = [event] if event else held_about.events_of(conn, user, address)
    found = 0
    for each in events:
        found += _one(each, user, address, to or Path(), plain=plain, photos=photos)
    if not found:
        raise ExportError("Nothing is held about that person, in no event that was looked at.")


def _one(
    event: UUID, user: UUID | None, email: str | None, folder: Path, *, plain: bool, photos: bool
) -> int:
    """One event's files; how many rows of the database are in them."""
    with database() as conn:
        who = held_about.whom(conn, event, user, email)
        held = held_about.everything(conn, event, who) if who.anybody or who.emails else {}
        keys = held_about.photo_keys(conn, event, who) if photos else []
        shown = hidden.by_key(conn, event, keys, who.user_id)  # others may be hidden from them
        root = events.get(conn, event).photo_root
        rows = sum(map(len, held.values()))
        if rows:
            audit.exported(conn, event, "rows", rows)
    if not rows:
        return 0
    name = folder / f"memoria-subject-{event.hex[:8]}"
    with export.target(event, name, plain=plain, new=True) as put:
        put("data.json", _json(event, who, held))
        left = _photos(root, shown, put)
    export.told(f"{rows} rows and {len(keys) - left} photos", name, plain=plain)
    if left:
        err.print(f"{left} photos cannot be read now and are left out.")
    return rows


def _json(event: UUID, who: Whom, held: dict[str, Rows]) -> bytes:
    told = {
        "event_id": str(event),
        "user_id": str(who.user_id) if who.user_id else None,
        "emails": who.emails,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "held": held,
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _photos(root: str, shown: dict[str, Shown], put: Put) -> int:
    """Put the photos, without who is hidden from them; how many could not be."""
    left = 0
    for key, what in shown.items():
        try:
            data = Photos(root).read_patiently(key, settings().max_bytes)
            name = f"{key}{JPEG}" if what.boxes else key
            put(f"photos/{name}", as_shown(data, what))
        except (PhotoError, ExportError):
            left += 1
    return left
