"""`memoria export`: confirmed tags for other programs."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from memoria_pipeline.commands.screen import database, err, out
from memoria_pipeline.export.album import Photo


class Format(StrEnum):
    """What is written."""

    csv = "csv"
    json = "json"
    xmp = "xmp"


def export(
    event: Annotated[UUID, typer.Argument(help="The event's id.")],
    *,
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.csv,
    to: Annotated[
        Path | None, typer.Option(help="The folder; without it, a new one in this folder.")
    ] = None,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies/--sidecars", help="XMP: in copies of the JPEG photos, or in files of its own."
        ),
    ] = False,
    beside: Annotated[
        bool, typer.Option("--beside", help="XMP: sidecars into the photos' own folder.")
    ] = False,
) -> None:
    """Write the confirmed tags: as a table, as JSON, or as XMP with the faces' places."""
    from memoria_pipeline.commands import exporting
    from memoria_pipeline.export import album
    from memoria_pipeline.store import events, tagged

    if beside and (to or copies or format_ is not Format.xmp):
        raise typer.BadParameter("--beside is for sidecars (--format xmp), without --to.")
    with database() as conn:
        root = events.get(conn, event).photo_root
        photos = album.photos(tagged.rows(conn, event))
    folder = Path(root) if beside else to or Path(f"memoria-export-{event.hex[:8]}")
    exporting.refuse_photos_own(folder, root, told=beside)
    if format_ is not Format.xmp:
        written = exporting.table(format_.value, event, photos, folder)
        out.print(f"{_counted(photos)} → {written}", markup=False, soft_wrap=True)
        return
    what = exporting.Xmp(root, copies)
    done = what.beside(photos) if beside else what.into(folder, photos)
    out.print(f"{_counted(photos)} → {folder}{os.sep}", markup=False, soft_wrap=True)
    for key, why in (*done.notes, *done.left_out):
        err.print(f"{key}: {why}", markup=False, soft_wrap=True)
    if done.left_out:
        err.print(f"{len(done.left_out)} photos are left out.")
        raise typer.Exit(1)


def _counted(photos: list[Photo]) -> str:
    return f"{sum(len(each.tags) for each in photos)} tags of {len(photos)} photos"
