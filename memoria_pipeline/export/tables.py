"""Tags as a table and as JSON."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from memoria_pipeline.export.album import Photo, Tag

COLUMNS = (
    *("photo", "name", "user_id", "x", "y", "width", "height", "source", "tagged_by"),
    *("tagged_at", "photo_id", "face_id"),
)
"""x to height: the face's box, in [0, 1] of the upright photo; empty without one."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(photos: Sequence[Photo]) -> bytes:
    """One row per tag; UTF-8 with its mark, or spreadsheets take it for something else.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for photo in photos:
        for tag in photo.tags:
            table.writerow([_cell(value) for value in _row(photo, tag)])
    return text.getvalue().encode("utf-8-sig")


def _row(photo: Photo, tag: Tag) -> list[Any]:
    box = tag.box or ("", "", "", "")
    said = (tag.source, tag.by, tag.at.isoformat())
    return [photo.key, tag.name, tag.user, *box, *said, photo.id, tag.face or ""]


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6f}"
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def as_json(event: UUID, photos: Sequence[Photo]) -> bytes:
    """{"event_id", "photos": [{"photo", "photo_id", "width", "height", "tags": [...]}]}."""
    found = {"event_id": str(event), "photos": [_photo(each) for each in photos]}
    return (json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")


def _photo(photo: Photo) -> dict[str, Any]:
    return {
        "photo": photo.key,
        "photo_id": str(photo.id),
        "width": photo.width,
        "height": photo.height,
        "tags": [_told(tag) for tag in photo.tags],
    }


def _told(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "user_id": str(tag.user),
        "box": None if tag.box is None else dict(zip("xywh", tag.box, strict=True)),
        "source": tag.source,
        "tagged_by": str(tag.by),
        "tagged_at": tag.at.isoformat(),
        "face_id": None if tag.face is None else str(tag.face),
    }
