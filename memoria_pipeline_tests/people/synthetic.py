"""Made-up faces: unit vectors around made-up people."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.thresholds import Thresholds

THRESHOLDS = Thresholds(merge=0.44, attach=0.38, margin=0.1, trust=0.5, slope=30.0, even=0.4)


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """n faces: (n, d) vectors, the photo each is in, and who it is."""

    vectors: NDArray[np.float32]
    photo: NDArray[np.int64]
    truth: NDArray[np.int64]


def event(people: int, each: int, *, noise: float = 0.06, d: int = 128, seed: int = 0) -> Event:
    """Each of the people `each` times, in photos of up to five different ones.

    noise: per coordinate; two faces of one person are 1 / (1 + d noise²) alike on average.
    """
    chance = np.random.default_rng(seed)
    middle = chance.normal(size=(people, d))
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    truth = np.concatenate([chance.permutation(people) for _ in range(each)])
    vectors = middle[truth] + noise * chance.normal(size=(len(truth), d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Photos never run over the end of a permutation, so nobody is twice in one.
    row, turn = np.divmod(np.arange(len(truth)), people)
    return Event(vectors.astype(np.float32), row * people + turn // 5, truth)


def as_sets(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    """The groups as sets of faces, whatever they are called."""
    names = set(labels.tolist()) - {-1}
    return {frozenset(np.flatnonzero(labels == name).tolist()) for name in names}
