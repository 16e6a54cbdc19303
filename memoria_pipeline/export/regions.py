"""Boxes as MWG regions (Metadata Working Group): centre and size, of the pixels as stored.

Programs turn a region as they turn the picture, by its EXIF orientation; so it is stored unturned.
"""

from dataclasses import dataclass

from memoria_pipeline.export.album import Box, Photo


@dataclass(frozen=True, slots=True)
class Region:
    """Whose face, and where: centre and size in [0, 1] of the stored pixels."""

    name: str
    x: float
    y: float
    w: float
    h: float

    def covers(self, other: "Region") -> bool:
        """Whether both are about the same place: half of what they cover together."""
        across = _overlap(self.x, self.w, other.x, other.w)
        down = _overlap(self.y, self.h, other.y, other.h)
        both = self.w * self.h + other.w * other.h - across * down
        return both > 0 and across * down >= 0.5 * both


@dataclass(frozen=True, slots=True)
class Marks:
    """What a photo's metadata is to say. width, height: of the stored pixels; None: not known."""

    names: tuple[str, ...]
    regions: tuple[Region, ...]
    width: int | None
    height: int | None


def marks(photo: Photo, orientation: int = 1) -> Marks:
    """orientation: EXIF's, 1 to 8, that the stored picture has yet to be turned by."""
    found = [
        Region(tag.name, *_centred(_stored(tag.box, orientation))) for tag in photo.tags if tag.box
    ]
    size = (photo.width, photo.height)
    width, height = size[::-1] if orientation >= 5 else size
    return Marks(photo.names, tuple(found), width, height)


def _stored(box: Box, orientation: int) -> Box:
    """A box of the upright photo, as it lies in the stored pixels."""
    x, y, w, h = box
    match orientation:
        case 2:
            return 1 - x - w, y, w, h
        case 3:
            return 1 - x - w, 1 - y - h, w, h
        case 4:
            return x, 1 - y - h, w, h
        case 5:
            return y, x, h, w
        case 6:
            return y, 1 - x - w, h, w
        case 7:
            return 1 - y - h, 1 - x - w, h, w
        case 8:
            return 1 - y - h, x, h, w
    return box


def _centred(box: Box) -> Box:
    x, y, w, h = box
    return x + w / 2, y + h / 2, w, h


def _overlap(one: float, wide: float, other: float, width: float) -> float:
    return max(min(one + wide / 2, other + width / 2) - max(one - wide / 2, other - width / 2), 0)
