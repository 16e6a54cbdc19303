"""`memoria erase …`: erase somebody for good, and prove it."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from memoria_pipeline.commands.screen import database, listed, out, typed_address
from memoria_pipeline.errors import ErasureError

app = typer.Typer(no_args_is_help=True, help="Erase somebody for good, and prove it.")

_Event = Annotated[UUID, typer.Argument(help="The event, by `memoria events`.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; nothing brings them back.")]


@app.command("person")
def erase_person(
    event: _Event,
    *,
    user: Annotated[UUID | None, typer.Option(help="The user's id.")] = None,
    person: Annotated[
        list[UUID] | None, typer.Option(help="A person's id; may be given again.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(help="`-`: the address is read from the keyboard or a pipe.")
    ] = None,
    yes: _Yes = False,
) -> None:
    """Erase one person of an event: faces, tags, membership, address, whatever is derived."""
    from memoria_pipeline.commands import erasing

    if not (user or person or email):
        raise ErasureError("Say who it is: --user, --person, or --email - for an address.")
    address = None if email is None else typed_address(email)
    _ask("Erase this person from the event, for good?", yes=yes)
    erasing.person(event, user, person or [], address)


@app.command("event")
def erase_event(event: _Event, yes: _Yes = False) -> None:
    """Erase everything personal of an event, its uploaded photos too."""
    from memoria_pipeline.commands import erasing

    _ask("Erase the whole event, for good?", yes=yes)
    erasing.event(event)


@app.command("photos")
def erase_photos(
    event: _Event,
    photos: Annotated[list[UUID], typer.Argument(help="Ids of its photos.")],
    yes: _Yes = False,
) -> None:
    """Erase the faces of some photos; the photos stay, and are not looked at again."""
    from memoria_pipeline.commands import erasing

    _ask(f"Erase the faces of {len(photos)} photos, for good?", yes=yes)
    erasing.photos(event, photos)


@app.command("list")
def erase_list(
    open_: Annotated[bool, typer.Option("--open", help="Those that are not done.")] = False,
    limit: Annotated[int, typer.Option(help="So many of the newest.")] = 50,
) -> None:
    """The newest erasures, and why those that are open are."""
    from memoria_pipeline.store import erasing

    with database() as conn:
        found = erasing.list_(conn, open_only=open_, limit=limit)
    table = Table("erasure", "scope", "status", "asked", "due", "tries", "error", box=None)
    for each in found:
        asked, due = (f"{when:%Y-%m-%d %H:%M}" for when in (each.requested_at, each.due_at))
        told = (each.scope, each.status, asked, due, str(each.attempts), each.error or "")
        table.add_row(str(each.id), *told)
    if found:
        listed(table)
    else:
        out.print("There is no erasure.")


@app.command("verify")
def erase_verify(
    what: Annotated[
        str | None, typer.Argument(help="An erasure's id, or a ledger; else all there are.")
    ] = None,
    *,
    user: Annotated[
        UUID | None, typer.Option(help="Count again that nothing of this user is left.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The public key; else our own.")] = None,
) -> None:
    """Check receipts: the signature, that database and ledger say the same, and the recount."""
    from memoria_pipeline.commands import erasing

    if what is not None and Path(what).is_file():
        erasing.verify_file(Path(what), key)
    elif what is None:
        erasing.verify_all(key)
    else:
        erasing.verify_one(_id(what), user, key)


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise ErasureError(
            "That is neither an erasure's id nor a file: `memoria erase list` names the erasures."
        ) from None


@app.command("replay")
def erase_replay(yes: _Yes = False) -> None:
    """After the database was restored: erase again who was erased since that backup."""
    from memoria_pipeline.commands import erasing

    erasing.replay(lambda told: _ask(told, yes=yes))


@app.command("key")
def erase_key() -> None:
    """The public key that checks our receipts: give it to whoever is to check them."""
    from memoria_pipeline.commands import erasing

    out.print(erasing.keys().public, soft_wrap=True)


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True)
