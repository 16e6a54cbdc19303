"""The guard: a faster precision is used only where it was measured to lose next to nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import keeping
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.model import Detection, FaceModel, Image
from memoria_pipeline.vision.scales import overlaps

RECALL_LOSS, TAR_LOSS = 0.005, 0.001
"""Most that may be lost: half a point of faces found, a tenth of a point of verification."""

FALSE_ACCEPTS = 1e-4

LEAST_PAIRS = 20_000
"""Of different people: two of them are then the false accepts that set the threshold."""

SAME = 0.35
"""Intersection over union from which two boxes are one face."""

FILE = "guard.json"

Boxes = NDArray[np.float32]
"""(n, 4) left, top, right, bottom in [0, 1] of the photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one way made of the labelled photos.

    found of wanted faces; vectors: one unit row per portrait, zero where its face was not found.
    """

    found: int
    wanted: int
    vectors: NDArray[np.float32]
    people: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Recall and verification (TAR at a FAR of 1e-4) at fp32 and in another way."""

    recall_before: float
    recall: float
    tar_before: float
    tar: float
    faces: int
    pairs: int

    @property
    def passed(self) -> bool:
        """Whether the faster way may be used."""
        return (
            self.recall >= self.recall_before - RECALL_LOSS - 1e-9
            and self.tar >= self.tar_before - TAR_LOSS - 1e-9
        )


def measure(
    model: FaceModel,
    boxed: Iterable[tuple[Image, Boxes]],
    portraits: Iterable[tuple[Image, int]],
) -> Measured:
    """Faces found of annotated ones, and a vector for each portrait's central face."""
    found, wanted, vectors, people = 0, 0, [], []
    for image, boxes in boxed:
        found += matched(boxes, model.detect(image))
        wanted += len(boxes)
    for image, person in portraits:
        face = central(model.detect(image))
        rows = model.embed([image], [face])[0]
        vectors.append(rows[0] if len(rows) else np.zeros(rows.shape[1], np.float32))
        people.append(person)
        found, wanted = found + len(face), wanted + 1
    stacked = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
    return Measured(found, wanted, stacked, np.array(people, np.intp))


def matched(boxes: Boxes, found: Sequence[Detection]) -> int:
    """How many of the boxes were found, each face taken once."""
    sides = np.array([each.box for each in found], np.float32).reshape(-1, 4)
    left = np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])
    count = 0
    for box in boxes:
        if not len(left):
            break
        shared = overlaps(box, left)[0]
        best = int(np.argmax(shared))
        if shared[best] >= SAME:
            left, count = np.delete(left, best, axis=0), count + 1
    return count


def central(found: Sequence[Detection]) -> list[Detection]:
    """The face nearest to the photo's middle, if there is one."""

    def far(face: Detection) -> float:
        left, top, width, height = face.box
        return float((left + width / 2 - 0.5) ** 2 + (top + height / 2 - 0.5) ** 2)

    return sorted(found, key=far)[:1]


def compare(before: Measured, after: Measured) -> Verdict:
    """A way against fp32. ModelError where the portraits are too few to tell.

    The faster way's TAR is the worse of two: at a threshold of its own, and at that of fp32, which
    is the one its pack was calibrated with.
    """
    own_before, own_after = _cosines(before), _cosines(after)
    if len(own_before[1]) < LEAST_PAIRS or not len(own_before[0]):
        raise ModelError(
            f"The portraits make {len(own_before[1])} pairs of different people and"
            f" {len(own_before[0])} of the same; {LEAST_PAIRS} and 1 are needed: give a folder"
            " per person for 200 people, two photos in some of them."
        )
    limit = _threshold(own_before[1])
    tar = min(_share(own_after[0], _threshold(own_after[1])), _share(own_after[0], limit))
    return Verdict(
        before.found / max(before.wanted, 1),
        after.found / max(after.wanted, 1),
        _share(own_before[0], limit),
        tar,
        before.wanted,
        len(own_before[0]) + len(own_before[1]),
    )


def _cosines(found: Measured) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of all pairs of the same person, and of different people."""
    rows, columns = np.triu_indices(len(found.vectors), 1)
    cosines = (found.vectors @ found.vectors.T)[rows, columns]
    same = found.people[rows] == found.people[columns]
    return cosines[same], cosines[~same]


def _threshold(strangers: NDArray[np.float32]) -> float:
    """What FALSE_ACCEPTS of the strangers exceed."""
    place = max(1, round(len(strangers) * FALSE_ACCEPTS))
    return float(np.partition(strangers, len(strangers) - place)[-place])


def _share(same: NDArray[np.float32], limit: float) -> float:
    return float(np.mean(same > limit))


def keep(place: Path, way: Way, verdict: Verdict) -> None:
    """Write a verdict down, for this machine and this version of the back-end."""
    every = keeping.read(place / FILE)
    every[_key(way)] = {**asdict(verdict), "passed": verdict.passed}
    keeping.write(place / FILE, every)


def forget(place: Path, precision: str) -> None:
    """No verdict on this precision any more, on any machine: its networks are made anew."""
    every = keeping.read(place / FILE)
    rest = {key: told for key, told in every.items() if f" {precision};" not in key}
    keeping.write(place / FILE, rest)


def verdict(place: Path, way: Way) -> Verdict | None:
    """What was measured of this way on this kind of machine, if it was. ModelError as `read`."""
    found: Mapping[str, Any] = keeping.read(place / FILE).get(_key(way), {})
    try:
        return Verdict(**{name: found[name] for name in Verdict.__slots__}) if found else None
    except KeyError:
        return None


def permits(place: Path, way: Way) -> bool:
    """Whether a way may be used: fp32 always, the others by a verdict."""
    told = verdict(place, way) if way.precision != "fp32" else None
    return way.precision == "fp32" or (told is not None and told.passed)


def _key(way: Way) -> str:
    return f"{way}; {keeping.machine(way.backend)}"
