"""Which of a photo's new boxes are faces that we know already: a face keeps its id for life."""

import numpy as np
from numpy.typing import NDArray

MIN_IOU = 0.35
"""Two boxes of one face found at two scales, or by two detectors, overlap by at least this much."""

Boxes = NDArray[np.floating]
"""(n, 4): x, y, width, height, all in one unit."""


def match_boxes(
    old: Boxes,
    new: Boxes,
    min_iou: float = MIN_IOU,
    allowed: NDArray[np.bool_] | None = None,
) -> list[tuple[int, int]]:
    """Pairs (index in old, index in new), one-to-one, of the largest total overlap.

    No pair overlaps by less than `min_iou`, or is not `allowed`: (n, m). Sorted by the index in
    old.
    """
    if len(old) == 0 or len(new) == 0:
        return []
    from scipy.optimize import linear_sum_assignment  # a third of a CPU-second to import

    overlap = iou(old, new)
    # Too small counts nothing, so that it never pushes a real pair out of the sum.
    worth = np.where(overlap >= min_iou, overlap, 0.0)
    if allowed is not None:
        worth[~allowed] = 0.0
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if worth[i, j] > 0]


def iou(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box of a (n, 4) with every box of b (m, 4): (n, m)."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - shared
    share: NDArray[np.float64] = shared / np.maximum(union, np.finfo(np.float64).tiny)
    return share
