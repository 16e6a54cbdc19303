"""Parts of a large photo at its full resolution, for faces that are too small in any view of it.

Only where small faces were seen already: those beside them are smaller still. A 24-megapixel photo
has 88 tiles, which would take ninety times what one view of 640 pixels takes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.vision.model import Detection
from memoria_pipeline.vision.scales import Candidates, Points

TILE = 640
"""Pixels of a tile's sides, at most."""

OVERLAP = 96
"""Of two neighbours, and the largest face that a tile answers for: each is whole in one of them."""

MOST = 8
"""Tiles of one photo: together 1.2 times the pixels of a view of 2048, so that a photo with tiles
takes up to 2.2 times as long to look at, and an event 1.5 times where 4 of 10 photos have them."""

CUT = 2
"""Pixels from a tile's edge at which a face counts as cut off."""

Size = tuple[int, int]
"""Width and height in pixels."""

Corner = tuple[int, int]
"""Left and top of a tile in the photo's pixels."""


def grid(size: Size) -> list[Corner]:
    """The corners of all tiles of a photo, row by row."""
    across, down = (_starts(side) for side in size)
    return [(left, top) for top in down for left in across]


def _starts(side: int) -> list[int]:
    if side <= TILE:
        return [0]
    parts = -(-(side - OVERLAP) // (TILE - OVERLAP))
    return [round(start) for start in np.linspace(0, side - TILE, parts)]


def chosen(size: Size, centres: NDArray[np.float64]) -> list[Corner]:
    """The tiles with the most small faces, MOST at most; centres: (n, 2) of those, in pixels.

    A face counts for each tile that shows it, and one tile is taken after the other by what it
    shows that the others do not.
    """
    corners = grid(size)
    starts = np.array(corners)[:, None]
    shows = np.all((centres >= starts) & (centres < starts + TILE), axis=2)
    left = np.ones(len(centres), bool)
    taken: list[Corner] = []
    while len(taken) < MOST and (shows & left).any():
        best = int(np.argmax((shows & left).sum(axis=1)))
        taken.append(corners[best])
        left &= ~shows[best]
    return taken


def placed(found: Candidates, corner: Corner, tile: Size, size: Size) -> Candidates:
    """What one tile shows, [0, 1] of it, as [0, 1] of the photo.

    Left out: faces that the tile's edge cuts and the photo's does not, and those that are larger
    than the overlap, which the views of the whole photo show.
    """
    unit, whole, start = (np.array(each, np.float32) for each in (tile, size, corner))
    boxes = found.boxes * np.tile(unit, 2) + np.tile(start, 2)
    low, high = boxes[:, :2], boxes[:, 2:]
    cut = (low < start + CUT) & (start > 0) | (high > start + unit - CUT) & (start + unit < whole)
    fine = ~np.any(cut, axis=1) & ((high - low).max(axis=1) <= OVERLAP)
    rows = np.flatnonzero(fine)
    marks = (found.landmarks * unit + start) / whole
    edges: Points = np.asarray(boxes / np.tile(whole, 2), np.float32)
    return Candidates(edges, marks.astype(np.float32), found.scores).take(rows)


def candidates(found: Sequence[Detection]) -> Candidates:
    """Detections as candidates again."""
    if not found:
        return Candidates.joined([])
    boxes = np.array([each.box for each in found], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    marks = np.array([each.landmarks for each in found], np.float32)
    return Candidates(boxes, marks, np.array([each.score for each in found], np.float32))
