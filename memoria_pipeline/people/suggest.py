"""What to ask the organiser next: the question that puts most faces right per answer comes first.

Never asked: what cannot be (a shared photo, a rejection, two members), and what follows from the
answers given: with A = B and B = C answered, A and C are one person here already; with A ≠ B and
B = C, the rejected face is in the person that would be asked about. Within one queue no pair is
asked about that follows if all before it get a yes; a small person may come again with another
candidate, which counts if the first was none.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.candidates import Candidates, candidates, forest
from memoria_pipeline.people.forecast import TARGETS, Forecast, forecast
from memoria_pipeline.people.linkage import Vectors, unit
from memoria_pipeline.people.mixed import Mixed, mixed
from memoria_pipeline.people.standing import Standing, groups_of, told
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.twins import Twin

Kind = Literal["conflict", "same_person", "mixed", "twice", "lost", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CANDIDATES = 5
"""Persons shown beside one, at most."""

CLOSE = 0.5
"""A further candidate is shown beside the first from this share of its gain on: a screen saves
clicks, but an answer about an unlikely candidate is wasted."""

WORTH = 0.05
"""Expected faces per answer below which naming people is the better use of the time."""


@dataclass(frozen=True, slots=True)
class Question:
    """One screen.

    same_person: which of persons[1:] are also persons[0]? mixed: is persons[0] one person, or which
    faces are split off? twice: are the two faces of one photo one person? lost: is the face still
    somebody's? conflict: which of two decisions holds? name: who is persons[0]?
    faces: to be shown; for mixed all of the person, those most in doubt first. p: that the first
    answer is yes (the person is mixed). gain: faces that an answer is expected to put right. A
    candidate is an answer, and so is each face that is split off, or that none is.
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
    found = candidates(groups_of(standing, live, vectors, weight), size, thresholds)
    small, large = live[found.small], live[found.large]
    matters = ~(standing.ignored[small] & standing.ignored[large])
    return Candidates(small, large, found.p, found.gain * matters, found.asked)


def _same(
    standing: Standing, pairs: Candidates, weight: NDArray[np.float32], limit: int
) -> list[Question]:
    """Bundles: the best pair, and what else may be the same larger person for hardly less gain."""
    bundles: list[list[int]] = []
    latest: dict[int, list[int]] = {}
    for i in forest(pairs, CANDIDATES * limit):
        large, gain = int(pairs.large[i]), pairs.gain[i]
        bundle = latest.get(large, [])
        if bundle and len(bundle) < CANDIDATES and gain >= CLOSE * pairs.gain[bundle[0]]:
            bundle.append(i)
        else:
            latest[large] = [i]
            bundles.append(latest[large])
    show = _showing(standing, weight)
    return [_bundle(pairs, bundle, show) for bundle in bundles[:limit]]


def _bundle(pairs: Candidates, rows: list[int], show: Callable[[int], int]) -> Question:
    persons = (int(pairs.large[rows[0]]), *(int(pairs.small[i]) for i in rows))
    faces = tuple(show(each) for each in persons)
    return Question(
        "same_person", persons, faces, float(pairs.p[rows[0]]), float(pairs.gain[rows].mean())
    )


def _mixed(standing: Standing, inside: Mixed, limit: int) -> list[Question]:
    """Each person that may be two, to be looked through."""
    gain = inside.wrong / _looks(inside)
    order = np.argsort(-gain, kind="stable")
    chosen = order[~standing.ignored[inside.person[order]]][:limit]
    asked = []
    for i in chosen:
        faces = np.flatnonzero(standing.person == inside.person[i])
        faces = faces[np.argsort(-inside.doubt[faces], kind="stable")]
        asked.append(
            Question(
                "mixed",
                (int(inside.person[i]),),
                tuple(int(face) for face in faces),
                float(inside.p[i]),
                float(gain[i]),
            )
        )
    return asked


def _looks(inside: Mixed) -> NDArray[np.float64]:
    """(q,) answers expected: a face that is split off is one, and so is that there is none."""
    looks: NDArray[np.float64] = np.maximum(inside.wrong + 1 - inside.p, 1)
    return looks


def _twice(standing: Standing) -> list[Question]:
    """Faces of one photo so alike that it may show a mirror, a poster or a collage."""
    size = np.bincount(standing.person[standing.person >= 0], minlength=len(standing.named))
    said = told(standing)
    asked = []
    for twin in standing.twins:
        one, other = persons = int(standing.person[twin.a]), int(standing.person[twin.b])
        if one == other or min(persons) < 0 or _known(standing, twin, said):
            continue
        gain = twin.p * min(int(size[each]) for each in persons)
        asked.append(Question("twice", persons, (twin.a, twin.b), twin.p, gain))
    return asked


def _known(standing: Standing, twin: Twin, said: set[tuple[int, int]]) -> bool:
    """A human said of both faces who they are, or of one that it is not the other's person; two
    members are two people, and two who are ignored nobody's business."""
    a, b = int(standing.person[twin.a]), int(standing.person[twin.b])
    both = [list(pair) for pair in ((a, b), (twin.a, twin.b))]
    return (
        bool(standing.named[both[0]].all())
        or bool(standing.ignored[both[0]].all())
        or bool(standing.checked[both[1]].all())
        or (twin.a, b) in said
        or (twin.b, a) in said
    )


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
    looks = _looks(inside)
    gain = np.concatenate([pairs.gain, inside.wrong])
    asked = np.concatenate([pairs.asked, looks])
    order = np.argsort(-np.concatenate([pairs.gain, inside.wrong / looks]), kind="stable")
    return forecast(int((standing.person >= 0).sum()), gain[order], asked[order], targets)
