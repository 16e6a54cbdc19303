"""An event's own thresholds: stricter than the pack's where its own photos show that it must be."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.thresholds import Thresholds


def tighten(
    thresholds: Thresholds,
    vectors: NDArray[np.float32],
    photo: ArrayLike,
    quality_class: ArrayLike | None = None,
) -> Thresholds:
    """The pack's thresholds, or stricter ones; never looser."""
    return thresholds
