"""Faces made unrecognisable, for good: of each region no more is left than a few mean colours."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from memoria_pipeline.vision.model import Image

ROOM = 0.35  # of the box's longer side, painted over on each side of it too
BLOCKS = 4  # colours along a side of a region, at most
_FINEST = 4  # pixels along a side of a block, at least: a region of few pixels has one colour
_SAME = 0.35  # of an overlap: two boxes of one face, as when a photo is analysed again

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_Region = tuple[int, int, int, int]


def hidden(pixels: Image, boxes: Iterable[Box]) -> Image:
    """The picture with the faces in these boxes painted over; the one that is given stays as it is.

    pixels: (h, w, 3), upright; boxes: x, y, w, h in [0, 1] of it, in any order. What is shown of a
    region depends on the picture only through the means of at most 4 x 4 blocks: each pixel is read
    for one region at most, as a later one reads what an earlier one painted. A box that says no
    place in the picture hides all of it.
    """
    regions = sorted(merged([region(box, pixels.shape[1], pixels.shape[0]) for box in boxes]))
    if not regions:
        return pixels
    painted = np.array(pixels, np.uint8)
    for left, top, right, bottom in regions:
        _flatten(painted[top:bottom, left:right])
    return painted


def is_of(face: Box, boxes: Iterable[Box]) -> bool:
    """Whether the face in this box is one of those to hide."""
    grid = 1 << 16
    one = _exact(face, grid)
    return any(_overlap(one, _exact(each, grid)) >= _SAME for each in boxes)


def _exact(box: Box, grid: int) -> _Region:
    x, y, w, h = (round(each * grid) for each in box)
    return (x, y, x + w, y + h)


def region(box: Box, width: int, height: int) -> _Region:
    """The pixels that hiding a box paints over: left, top, right, bottom, inside the picture."""
    x, y, w, h = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    if not all(map(math.isfinite, (x, y, w, h))) or w <= 0 or h <= 0:
        return (0, 0, width, height)
    room = max(w, h) * ROOM
    left, right = _within(x - room, x + w + room, width)
    top, bottom = _within(y - room, y + h + room, height)
    if left >= right or top >= bottom:  # beside the picture: whoever it is, is somewhere in it
        return (0, 0, width, height)
    return (left, top, right, bottom)


def _within(first: float, last: float, size: int) -> tuple[int, int]:
    return max(0, math.floor(max(first, 0))), math.ceil(min(last, size))


def merged(regions: Sequence[_Region]) -> list[_Region]:
    """Regions that are one face's become one: of two grids over it, more could be worked out."""
    left: list[_Region] = []
    for each in sorted(set(regions)):
        grown = each
        while same := next((one for one in left if _overlap(one, grown) >= _SAME), None):
            left.remove(same)
            grown = _around(same, grown)
        left.append(grown)
    return left


def _around(one: _Region, other: _Region) -> _Region:
    left, top = min(one[0], other[0]), min(one[1], other[1])
    return (left, top, max(one[2], other[2]), max(one[3], other[3]))


def _overlap(one: _Region, other: _Region) -> float:
    """Of the two, intersection by union."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    return both / (_area(one) + _area(other) - both)


def _area(each: _Region) -> int:
    return (each[2] - each[0]) * (each[3] - each[1])


def _flatten(part: Image) -> None:
    """Each block of this view becomes its mean colour."""
    for top, bottom in pairwise(_edges(part.shape[0])):
        for left, right in pairwise(_edges(part.shape[1])):
            block = part[top:bottom, left:right]
            block[:] = np.rint(block.mean(axis=(0, 1), dtype=np.float64))


def _edges(size: int) -> list[int]:
    blocks = min(BLOCKS, max(1, size // _FINEST))
    return [round(each * size / blocks) for each in range(blocks + 1)]
