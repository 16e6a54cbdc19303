"""How sure a pack may be: p(same person), fitted to groupings that the machine made itself.

In groups made by the truth every face is right, so they cannot tell how often one is not; and in
groups made by the machine a face sits where it fits best, right or wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from memoria_pipeline.lab.events import Event, Index
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.people import measure
from memoria_pipeline.people.candidates import same_probability
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.confidence import NONE, evidence, group_sums, probability
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.prepare import weights
from memoria_pipeline.people.thresholds import Certainty, Thresholds

Numbers = NDArray[np.float64]

NEAR = 0.7
"""Pairs of groups are looked at from this share of the way from strangers to `merge` on: below it
one in a thousand is one person (LFW, both packs)."""

RIDGE = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one grouping showed.

    own, rival: (n,) cosines of each face with its own and with the nearest other person. right:
    (n,) whether it is where it belongs. pairs: (m, 4) of two groups just too little alike to meet
    the cosine, the faces of the smaller and of the larger, and the event's groups. same: (m,)
    whether they are one person.
    """

    own: Numbers
    rival: Numbers
    right: NDArray[np.bool_]
    pairs: Numbers
    same: NDArray[np.bool_]


def look(data: Labelled, event: Event, thresholds: Thresholds, stranger: float) -> Seen:
    """Group one event of labelled faces, and see what came of it."""
    quality = data.quality[event.face]
    labels = cluster(
        data.vectors[event.face],
        event.photo,
        quality,
        quality_class=data.quality_class[event.face],
        thresholds=thresholds,
    ).labels
    used = labels != measure.NOBODY
    face, label = event.face[used], labels[used]
    photo = np.unique(event.photo[used], return_inverse=True)[1].reshape(-1)
    weight = weights(quality[used])
    own, rival = evidence(data.vectors[face], weight, label, photo)
    floor = stranger + NEAR * (thresholds.merge - stranger)
    pairs, same = _pairs(data, face, weight, label, photo, floor)
    right = measure.right(label, data.identity[face])
    return Seen(own.astype(float), rival.astype(float), right, pairs, same)


def _pairs(
    data: Labelled,
    face: Index,
    weight: NDArray[np.float32],
    label: Index,
    photo: Index,
    floor: float,
) -> tuple[Numbers, NDArray[np.bool_]]:
    """The pairs of groups that could meet and are at least `floor` alike."""
    size = np.bincount(label)
    means = unit(group_sums(data.vectors[face], weight, label))
    present = np.zeros((len(size), photo.max(initial=0) + 1), np.float32)
    present[label, photo] = 1
    cosine = np.where(present @ present.T > 0, NONE, means @ means.T)
    a, b = np.nonzero(np.triu(cosine >= floor, 1))
    sizes = [np.minimum(size[a], size[b]), np.maximum(size[a], size[b])]
    pairs = np.stack([cosine[a, b], *sizes, np.full(len(a), len(size))], axis=1)
    who = measure.majority(label, data.identity[face])
    return pairs.astype(float), who[a] == who[b]


def fit(seen: Sequence[Seen]) -> dict[str, float]:
    """The entries p_… of a pack's thresholds, which `Certainty` explains."""
    every = _joined(seen)
    alone = every.own == NONE
    near, lead = every.own[~alone], (every.own - every.rival)[~alone]
    by_names = {
        ("own", "margin", "base"): _logistic([near, lead], every.right[~alone]),
        ("alone", "alone_base"): _logistic([-every.rival[alone]], every.right[alone]),
        ("pair", "pair_base"): _logistic([every.pairs[:, 0]], every.same),
    }
    found = {
        f"p_{name}": round(value, 4)
        for names, values in by_names.items()
        for name, value in zip(names, values, strict=True)
    }
    return found | {"p_alone": -found["p_alone"]}


def _logistic(columns: list[Numbers], right: NDArray[np.bool_]) -> list[float]:
    """Weights, none below zero, and the constant term: more of a column never makes p smaller."""
    middle = np.array([column.mean() if len(column) else 0.0 for column in columns])
    spread = np.array([column.std() + 1e-9 if len(column) else 1.0 for column in columns])
    design = np.stack([*columns, np.ones(len(right))], axis=1)
    design[:, :-1] = (design[:, :-1] - middle) / spread
    bounds = [(0, None)] * len(columns) + [(None, None)]
    weight = minimize(
        _loss, np.zeros(len(bounds)), (design, right.astype(float)), jac=True, bounds=bounds
    ).x
    slopes = weight[:-1] / spread
    return [*map(float, slopes), float(weight[-1] - slopes @ middle)]


def _loss(weight: Numbers, design: Numbers, right: Numbers) -> tuple[float, Numbers]:
    """Log loss and its gradient; the ridge keeps it finite where nothing is ever wrong."""
    logit = design @ weight
    loss = np.logaddexp(0, logit).sum() - right @ logit + RIDGE * weight @ weight
    return float(loss), design.T @ (expit(logit) - right) + 2 * RIDGE * weight


def fitted(
    data: Labelled, parts: Sequence[Event], thresholds: Thresholds, stranger: float
) -> Thresholds:
    """The thresholds, with a p that fits what they make of some events."""
    seen = [look(data, event, thresholds, stranger) for event in parts]
    return replace(thresholds, certainty=Certainty.of(fit(seen)))


def errors(judged: Sequence[tuple[Seen, Thresholds]]) -> dict[str, float]:
    """Expected calibration errors (ECE) of p on groupings, each with its thresholds.

    ece_10, ece_15: all faces, in bins of equal width; ece_mass_10, ece_mass_15: of equal numbers.
    ece_grouped, ece_alone, ece_pairs: of parts, in ten bins; right_…: what p should be on average.
    brier: mean square of what p is off; brier_rate: the same for one p that is the average.
    """
    seen = _joined([each for each, _ in judged])
    p = np.concatenate([_faces(*each) for each in judged])
    of_pairs = np.concatenate([_groups(*each) for each in judged])
    error, right = measure.calibration_error, seen.right
    parts = {"grouped": seen.own != NONE, "alone": seen.own == NONE}
    found = {f"ece_{bins}": error(p, right, bins) for bins in (10, 15)}
    found |= {f"ece_mass_{bins}": error(p, right, bins, mass=True) for bins in (10, 15)}
    for name, part in parts.items():
        found[f"ece_{name}"] = error(p[part], right[part])
        found[f"right_{name}"] = _mean(right[part])
    found |= {"ece_pairs": error(of_pairs, seen.same), "right_pairs": _mean(seen.same)}
    rate = _mean(right)
    return found | {"brier": _mean(np.square(p - right)), "brier_rate": rate * (1 - rate)}


def _faces(seen: Seen, thresholds: Thresholds) -> Numbers:
    own, rival = seen.own.astype(np.float32), seen.rival.astype(np.float32)
    return probability(own, rival, thresholds).astype(float)


def _groups(seen: Seen, thresholds: Thresholds) -> Numbers:
    """As the queue of questions takes it, before it weighs the candidates of one person."""
    p = np.empty(len(seen.pairs))
    cosine, small, large, persons = seen.pairs.T
    for count in np.unique(persons).tolist():
        of = persons == count
        p[of] = same_probability(cosine[of], small[of], large[of], count, thresholds)
    return p


def _mean(values: Numbers | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _joined(seen: Sequence[Seen]) -> Seen:
    return Seen(
        np.concatenate([each.own for each in seen]),
        np.concatenate([each.rival for each in seen]),
        np.concatenate([each.right for each in seen]),
        np.concatenate([each.pairs for each in seen]),
        np.concatenate([each.same for each in seen]),
    )
