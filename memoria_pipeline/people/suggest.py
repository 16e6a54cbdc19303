"""What to ask the organiser next: the question that puts most faces right per answer comes first.

Never asked: what cannot be (a shared photo, a rejection, two members), and what follows: with A = B
and B = C answered, A and C are one person here already; with A ≠ B and B = C, the rejected face is
in the person that would be asked about.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.candidates import Candidates, candidates
from memoria_pipeline.people.forecast import TARGETS, Forecast, forecast
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.linkage import Groups, Vectors, unit
from memoria_pipeline.people.mixed import Mixed, mixed
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.twins import Twin

Kind = Literal["conflict", "same_person", "mixed", "twice", "lost", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Bools = NDArray[np.bool_]

CANDIDATES = 5
"""Persons shown beside one, at most."""

CLOSE = 0.5
"""A further candidate is shown beside the first from this share of its gain on: a screen saves
clicks, but an answer about an unlikely candidate is wasted."""

WORTH = 0.05
"""Expected faces per answer below which naming people is the better use of the time."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """An event as it stands: n faces in table order, k persons by code.

    embeddings: (n, d), any length but zero. photo: (n,) codes. quality: (n,) in [0, 1]. person:
    (n,) code, -1 is in none: such a face is not asked about until a run has placed it.
    checked: (n,) a human looked at this very face and left it (confirm, move, split, an answer that
    all are one person); merging or naming a person checks none of its faces.
    named, ignored: (k,) the person is a member (linked or invited); it is nobody's business.
    rejected: (m, 2) face, code of a person that it is not.
    lost: faces that a human touched and no photo shows any more. conflicts: the faces of each
    contradiction. twins: faces of one photo that may be one person.
    """

    embeddings: NDArray[np.floating]
    photo: Rows
    quality: NDArray[np.floating]
    person: Rows
    checked: Bools
    named: Bools
    ignored: Bools
    rejected: Rows = field(default_factory=lambda: np.empty((0, 2), np.int64))
    lost: Sequence[int] = ()
    conflicts: Sequence[Sequence[int]] = ()
    twins: Sequence[Twin] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One screen.

    same_person: which of persons[1:] are also persons[0]? mixed: is persons[0] one person, or which
    faces are split off? twice: are the two faces of one photo one person? lost: is the face still
    somebody's? conflict: which of two decisions holds? name: who is persons[0]?
    faces: to be shown. p: that the first answer is yes (the person is mixed). gain: faces that an
    answer is expected to put right; a candidate is an answer.
    """

    kind: Kind
    persons: tuple[int, ...]
    faces: tuple[int, ...]
    p: float
    gain: float


@dataclass(frozen=True, slots=True)
class Queue:
    """The questions, best first, and what all of them promise."""

    questions: list[Question]
    forecast: Forecast


def questions(
    standing: Standing,
    thresholds: Thresholds,
    limit: int = 200,
    targets: Sequence[float] = TARGETS,
    kinds: Collection[Kind] = KINDS,
) -> Queue:
    """The next questions of these kinds, at most `limit`, and the forecast for all there are."""
    vectors = unit(np.asarray(standing.embeddings, np.float32))
    weight = np.maximum(np.square(np.clip(standing.quality, 0, 1)), 0.05).astype(np.float32)
    pairs = _pairs(standing, vectors, weight, thresholds)
    inside = mixed(vectors, weight, standing.photo, standing.person, standing.checked, thresholds)
    asked = [
        *_same(standing, pairs, weight, limit),
        *_mixed(standing, inside, limit),
        *_twice(standing),
        *[Question("lost", (), (face,), 1.0, 1.0) for face in standing.lost],
    ]
    asked.sort(key=lambda each: -each.gain)
    worth = sum(each.gain >= WORTH for each in asked)
    conflicts = [Question("conflict", (), tuple(each), 1.0, 1.0) for each in standing.conflicts]
    queue = [*conflicts, *asked[:worth], *_names(standing, weight), *asked[worth:]]
    chosen = [each for each in queue if each.kind in kinds]
    return Queue(chosen[:limit], _forecast(standing, pairs, inside, targets))


def _pairs(
    standing: Standing, vectors: Vectors, weight: NDArray[np.float32], thresholds: Thresholds
) -> Candidates:
    """The candidates by the persons' codes. Who of two ignored ones is who is nobody's business."""
    placed = standing.person[standing.person >= 0]
    live, size = np.unique(placed, return_counts=True)
    found = candidates(_groups(standing, live, vectors, weight), size, thresholds)
    small, large = live[found.small], live[found.large]
    matters = ~(standing.ignored[small] & standing.ignored[large])
    return Candidates(small, large, found.p, found.gain * matters, found.asked)


def _groups(
    standing: Standing, live: Rows, vectors: Vectors, weight: NDArray[np.float32]
) -> Groups:
    """The persons with what keeps them apart: photos, rejections, being two members."""
    placed = np.flatnonzero(standing.person >= 0)
    person = np.searchsorted(live, standing.person[placed])
    sums = np.zeros((len(live), vectors.shape[1]), np.float32)
    np.add.at(sums, person, vectors[placed] * weight[placed, None])
    apart = _apart(standing, live)
    member = np.flatnonzero(standing.named[live])
    photo = np.unique(standing.photo[placed], return_inverse=True)[1].reshape(-1)
    next_ = int(photo.max(initial=-1)) + 1
    return Groups(
        sums,
        np.concatenate([person, apart.reshape(-1), member]),
        np.concatenate(
            [
                photo,
                next_ + 1 + np.repeat(np.arange(len(apart)), 2),
                np.full(len(member), next_),
            ]
        ),
    )


def _apart(standing: Standing, live: Rows) -> Rows:
    """(m, 2) positions of persons of which one has a face that is not the other."""
    face, other = standing.rejected.reshape(-1, 2).T
    pair = np.stack([standing.person[face], other], axis=1)
    pair = pair[np.isin(pair, live).all(axis=1) & (pair[:, 0] != pair[:, 1])]
    return np.unique(np.sort(np.searchsorted(live, pair), axis=1), axis=0)


def _same(
    standing: Standing, pairs: Candidates, weight: NDArray[np.float32], limit: int
) -> list[Question]:
    """Bundles: the best pair, and what else may be the same larger person for hardly less gain."""
    best = slice(0, CANDIDATES * limit)
    bundles: list[list[int]] = []
    latest: dict[int, list[int]] = {}
    for i, (large, gain) in enumerate(zip(pairs.large[best], pairs.gain[best], strict=True)):
        bundle = latest.get(int(large), [])
        if bundle and len(bundle) < CANDIDATES and gain >= CLOSE * pairs.gain[bundle[0]] > 0:
            bundle.append(i)
        elif gain > 0:
            latest[int(large)] = [i]
            bundles.append(latest[int(large)])
    show = _showing(standing, weight)
    return [_bundle(pairs, bundle, show) for bundle in bundles[:limit]]


def _bundle(pairs: Candidates, rows: list[int], show: Callable[[int], int]) -> Question:
    persons = (int(pairs.large[rows[0]]), *(int(pairs.small[i]) for i in rows))
    faces = tuple(show(each) for each in persons)
    return Question(
        "same_person", persons, faces, float(pairs.p[rows[0]]), float(pairs.gain[rows].mean())
    )


def _mixed(standing: Standing, inside: Mixed, limit: int) -> list[Question]:
    """The faces most in doubt of each person that may be two."""
    order = np.argsort(-inside.wrong, kind="stable")
    chosen = order[~standing.ignored[inside.person[order]]][:limit]
    asked = []
    for i in chosen:
        faces = np.flatnonzero(standing.person == inside.person[i])
        worst = faces[np.argsort(-inside.doubt[faces], kind="stable")][:CANDIDATES]
        asked.append(
            Question(
                "mixed",
                (int(inside.person[i]),),
                tuple(int(face) for face in worst),
                float(inside.p[i]),
                float(inside.wrong[i]),
            )
        )
    return asked


def _twice(standing: Standing) -> list[Question]:
    """Faces of one photo so alike that it may show a mirror, a poster or a collage."""
    size = np.bincount(standing.person[standing.person >= 0], minlength=len(standing.named))
    asked = []
    for twin in standing.twins:
        persons = (int(standing.person[twin.a]), int(standing.person[twin.b]))
        if persons[0] != persons[1] and min(persons) >= 0:
            gain = twin.p * min(int(size[each]) for each in persons)
            asked.append(Question("twice", persons, (twin.a, twin.b), twin.p, gain))
    return asked


def _names(standing: Standing, weight: NDArray[np.float32]) -> list[Question]:
    """Who is this? The persons seen most first; those seen once are hardly worth a name."""
    size = np.bincount(standing.person[standing.person >= 0], minlength=len(standing.named))
    nameless = (size > 1) & ~standing.named & ~standing.ignored
    show = _showing(standing, weight)
    order = np.flatnonzero(nameless)
    order = order[np.argsort(-size[order], kind="stable")]
    return [Question("name", (int(each),), (show(int(each)),), 1.0, 0.0) for each in order]


def _showing(standing: Standing, weight: NDArray[np.float32]) -> Callable[[int], int]:
    """The best face of a person."""
    order = np.lexsort((-weight, standing.person))
    first = np.searchsorted(standing.person[order], np.arange(len(standing.named)))
    return lambda person: int(order[first[person]])


def _forecast(
    standing: Standing, pairs: Candidates, inside: Mixed, targets: Sequence[float]
) -> Forecast:
    gain = np.concatenate([pairs.gain, inside.wrong])
    asked = np.concatenate([pairs.asked, np.ones(len(inside.wrong))])
    order = np.argsort(-gain, kind="stable")
    return forecast(int((standing.person >= 0).sum()), gain[order], asked[order], targets)
