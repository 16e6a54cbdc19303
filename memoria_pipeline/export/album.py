"""An event's confirmed tags, photo by photo, in an order that never changes by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

Box = tuple[float, float, float, float]
"""x, y of the upper left corner, width, height; in [0, 1] of the upright photo."""


class Row(NamedTuple):
    """A tag as it is stored, with its photo.

    key: the photo's path below its root; width, height: of it upright. name: of the member, where
    it is known.
    """

    media: UUID
    key: str
    width: int | None
    height: int | None
    user: UUID
    name: str | None
    source: str
    box: Box | None
    face: UUID | None
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Tag:
    """Who is on a photo. by: who said so; box, face: where, if it came from a face."""

    user: UUID
    name: str
    source: str
    box: Box | None
    face: UUID | None
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that somebody is tagged on. width, height: in pixels, upright; None: not known."""

    id: UUID
    key: str
    width: int | None
    height: int | None
    tags: tuple[Tag, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(tag.name for tag in self.tags))


def photos(rows: Iterable[Row]) -> list[Photo]:
    """By the photo's path, then by name. Who has no name is called by the start of their id."""
    ordered = sorted(rows, key=lambda row: (row.key, row.media, _name(row), row.user))
    found = []
    for _, group in groupby(ordered, key=lambda row: row.media):
        same = list(group)
        first = same[0]
        tags = tuple(_tag(row) for row in same)
        found.append(Photo(first.media, first.key, first.width, first.height, tags))
    return found


def _tag(row: Row) -> Tag:
    return Tag(row.user, _name(row), row.source, row.box, row.face, row.by, row.at)


def _name(row: Row) -> str:
    return (row.name or "").strip() or f"Guest {row.user.hex[:8]}"
