"""How many answers it takes: an honest "about N to 95 % of the faces, M to 99 %"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TARGETS = (0.95, 0.99)

SHARPER = 0.85
"""Of the answers that the probabilities of the start ask for, as many are needed: each answer makes
the next questions better (joined means, splits, candidates gone), which the start cannot know.
Measured on LFW with dlib's pack at 99 %, not on other people than the probabilities: .79 over nine
events of about 1,900 faces; on two halves of the people .62 and .95, and .60 at 600 faces. A single
event is a third off on average, so this promises an order of magnitude, and a mean."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the questions promise, from calibrated probabilities.

    right: expected share of the faces in the right person now. answers: per target (0.95, 0.99)
    the expected number of answers until that share is reached; 0 where it is reached already, None
    where no questions that are known lead there.
    """

    right: float
    answers: dict[float, int | None]


def forecast(
    faces: int,
    gain: NDArray[np.float64],
    asked: NDArray[np.float64],
    targets: Sequence[float] = TARGETS,
) -> Forecast:
    """From the questions in the order in which they will be asked.

    faces: all that count. gain: (q,) faces that each question is expected to put right. asked: (q,)
    p that it still has to be asked when its turn comes: an earlier yes may have answered it.
    """
    left = float(gain.sum()) - np.concatenate([[0.0], np.cumsum(gain)])
    answers = SHARPER * np.concatenate([[0.0], np.cumsum(asked)])
    found: dict[float, int | None] = {}
    for target in targets:
        # Sums of floats end a hair above 0.
        enough = np.flatnonzero(left <= (1 - target) * faces + 1e-9)
        found[target] = math.ceil(float(answers[enough[0]])) if len(enough) else None
    return Forecast(1 - float(gain.sum()) / max(faces, 1), found)
