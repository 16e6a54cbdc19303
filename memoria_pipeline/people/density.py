"""HDBSCAN, the product's first recipe: the method of choice for those who know its settings."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.measure import NOBODY


@dataclass(frozen=True, slots=True)
class Density:
    """HDBSCAN's settings. epsilon: a cosine distance, 1 - cosine, below which nothing is split."""

    min_cluster_size: int = 3
    min_samples: int = 2
    epsilon: float = 0.4

    def __post_init__(self) -> None:
        """Raise ValueError for settings that HDBSCAN cannot use."""
        if self.min_cluster_size < 2 or self.min_samples < 1 or not 0 <= self.epsilon <= 2:
            raise ValueError(
                f"HDBSCAN cannot use {self}: min_cluster_size is at least 2, min_samples at least 1"
                " and epsilon a cosine distance in [0, 2]."
            )


def density_labels(vectors: NDArray[np.float32], settings: Density) -> NDArray[np.int64]:
    """(n,) a number per group, -1 for noise; vectors (n, d) of unit length.

    On unit vectors |x - y|² = 2 (1 - cosine), so the euclidean distance sorts pairs as the cosine
    does and epsilon becomes √(2 epsilon); hdbscan itself refuses the cosine.
    """
    if len(vectors) < max(settings.min_cluster_size, settings.min_samples + 1):
        return np.full(len(vectors), NOBODY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hdbscan's own, about its syntax and scikit-learn's names
        from hdbscan import HDBSCAN  # costs 3 to 4 CPU-seconds

        model = HDBSCAN(
            min_cluster_size=settings.min_cluster_size,
            min_samples=settings.min_samples,
            cluster_selection_epsilon=float(np.sqrt(2 * settings.epsilon)),
            core_dist_n_jobs=1,
        )
        return np.asarray(model.fit_predict(vectors.astype(np.float64)), np.int64)
