"""`memoria export`: confirmed tags for other programs, sealed unless told otherwise."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from typer.core import TyperGroup

from memoria_pipeline.commands.screen import database, err, out
from memoria_pipeline.export.album import Photo

if TYPE_CHECKING:
    from memoria_pipeline.commands.exporting import Done, Xmp

SEALED = ".sealed"
PLAIN = (
    "Written without encryption: whoever has the files can read them, and no erasure reaches"
    " them any more. Delete them when they have served."
)


class Format(StrEnum):
    """What is written."""

    csv = "csv"
    json = "json"
    xmp = "xmp"


class _Events(TyperGroup):
    """`export EVENT` is `export event EVENT`, as it was before there was more than one command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["event", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(no_args_is_help=True, cls=_Events, help="Confirmed tags for other programs.")


@app.command()
def event(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
    *,
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.csv,
    to: Annotated[
        Path | None, typer.Option(help="The folder, or the sealed file without its ending.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Files that anybody can read, not a sealed one.")
    ] = False,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies/--sidecars", help="XMP: in copies of the JPEG photos, or in files of its own."
        ),
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="XMP: sidecars into the photos' own folder.")
    ] = False,
    for_viewers: Annotated[
        bool,
        typer.Option(
            "--for-viewers", help="Without who is hidden: no tags of theirs, blurred copies."
        ),
    ] = False,
) -> None:
    """Write the confirmed tags: as a table, as JSON, or as XMP with the faces' places."""
    from memoria_pipeline.commands import exporting
    from memoria_pipeline.export import album
    from memoria_pipeline.store import audit, events, tagged

    if beside and (to or copies or format_ is not Format.xmp):
        raise typer.BadParameter("--beside is for sidecars (--format xmp), without --to.")
    _refuse_what_shows(format_, plain=plain, copies=copies, beside=beside, for_viewers=for_viewers)
    with database() as conn:
        root = events.get(conn, event).photo_root
        photos, shown = album.photos(tagged.rows(conn, event)), exporting.Veiled()
        if for_viewers:
            photos, shown = exporting.for_viewers(conn, event, photos)
        audit.exported(conn, event, "tags", sum(len(each.tags) for each in photos))
    folder = Path(root) if beside else to or Path(f"memoria-export-{event.hex[:8]}")
    exporting.refuse_photos_own(folder, root, told=beside)
    what = exporting.Xmp(root, copies, shown)
    if beside:
        done = what.beside(photos)
    else:
        done = _put(what, format_, event, photos, folder, plain=plain)
    told(_counted(photos), folder, plain=plain)
    _tell_what_is_missing(done)


def _refuse_what_shows(
    format_: Format, *, plain: bool, copies: bool, beside: bool, for_viewers: bool
) -> None:
    if beside and not plain:
        raise typer.BadParameter("What lies beside the photos is not sealed: say --plain as well.")
    if for_viewers and format_ is Format.xmp and not copies:
        raise typer.BadParameter("For viewers, XMP goes into copies, which are blurred: --copies.")


def _put(
    what: "Xmp", format_: Format, event: UUID, photos: list[Photo], folder: Path, *, plain: bool
) -> "Done":
    from memoria_pipeline.commands import exporting

    with target(event, folder, plain=plain, new=format_ is Format.xmp) as put:
        if format_ is Format.xmp:
            return what.into(put, photos)
        exporting.table(format_.value, event, photos, put)
        return exporting.Done()


def _tell_what_is_missing(done: "Done") -> None:
    for key, why in (*done.notes, *done.left_out):
        err.print(f"{key}: {why}", markup=False, soft_wrap=True)
    if done.left_out:
        err.print(f"{len(done.left_out)} photos are left out.")
        raise typer.Exit(1)


@contextmanager
def target(
    event: UUID, folder: Path, *, plain: bool, new: bool
) -> Iterator[Callable[[str, bytes], None]]:
    """Where an event's files go: a folder, or one file that is sealed with the event's key.

    new: the folder must not be there yet.
    """
    from memoria_pipeline.commands import keys
    from memoria_pipeline.store import written

    if plain and new:
        with written.folder(folder) as made:
            yield written.into(made)
    elif plain:
        yield written.into(folder)
    else:
        with database() as conn:
            key = keys.to_seal(conn, event)
        with written.sealed_file(folder.with_name(folder.name + SEALED), key, event) as put:
            yield put


def told(what: str, folder: Path, *, plain: bool) -> None:
    """Say where it is, and what that means."""
    where = f"{folder}{os.sep}" if plain else f"{folder}{SEALED}"
    out.print(f"{what} → {where}", markup=False, soft_wrap=True)
    hint = f"Sealed with the event's key: memoria export open {where}; --plain writes it open."
    err.print(PLAIN if plain else hint, markup=False, soft_wrap=True, style="dim")


def _counted(photos: list[Photo]) -> str:
    return f"{sum(len(each.tags) for each in photos)} tags of {len(photos)} photos"


@app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(help="What an export sealed.")],
    to: Annotated[
        Path | None, typer.Option(help="The new folder; without it, named like the file.")
    ] = None,
) -> None:
    """Unseal an export into a new folder; of an erased event nothing opens any more."""
    from memoria_pipeline.commands import keys
    from memoria_pipeline.store import written

    whose = written.event_of(file)
    with database() as conn:
        key = keys.to_open(conn, whose)
    folder = to or file.with_name(file.name.removesuffix(SEALED) or "opened")
    if folder == file:
        folder = file.with_name(f"{file.name}-opened")
    with written.folder(folder) as made:
        count = written.unsealed(file, key, written.into(made))
    out.print(f"{count} files → {folder}{os.sep}", markup=False, soft_wrap=True)
    err.print(PLAIN, markup=False, soft_wrap=True, style="dim")
