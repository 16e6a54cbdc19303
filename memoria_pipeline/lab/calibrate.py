"""`memoria lab calibrate`: the thresholds of a model pack, from labelled faces.

Tuned on simulated events, and reported on events of other people: of each split into events, one is
held out, all thresholds come from the people of the others, and its figures count. The thresholds
that are written down come from all events.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.certainty import errors, fitted, look
from memoria_pipeline.lab.events import Event, Index, events
from memoria_pipeline.lab.files import check_outputs, whole
from memoria_pipeline.lab.fit import (
    Labelled,
    Scale,
    chance,
    finish,
    pair_accepts,
    pair_scale,
    rough,
)
from memoria_pipeline.lab.tables import Faces, read_faces, read_truth, with_identity
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.thresholds import Thresholds

SPLITS = 3
FEWEST, FEWEST_THREES = 20, 5
"""People with two sharp faces, to tune on some and report on others; people with three, because
only they tell how tight a person is."""

TUNED_ALIKE, REPORTED_ALIKE = 0.5, 1.0
"""Photos of look-alikes make the same-photo rule strong; half of them keep the threshold honest."""

Table = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """An event, and thresholds that come from people who are not in it."""

    event: Event
    thresholds: Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class _Tuned:
    """Events of all people in several splits, and the curve of each, at the grid of the scale."""

    scale: Scale
    splits: list[list[Event]]
    curves: list[list[NDArray[np.float64]]]


def run(faces: Path, truth: Path | None = None, output: Path | None = None) -> Table:
    """Calibrate on a file of `memoria lab faces`; what `calibrate` returns, also written as JSON.

    truth: photo, face_index, identity. Without it the folder of a photo names the person in its
    middle, as in LFW. The JSON may be put into the pack's folder as calibration.json. LabError for
    files that cannot be used.
    """
    check_outputs([output], [faces, truth])
    table = read_faces(faces)
    found = {"model": table.model, **calibrate(labelled(table, truth))}
    if output:
        with whole(output) as half:
            half.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return found


def labelled(table: Faces, truth: Path | None = None) -> Labelled:
    """The faces whose identity is known."""
    names = _from_truth(table, truth) if truth else _from_folders(table)
    use = np.array([name is not None for name in names], bool)
    quality = np.ones(len(use)) if table.quality is None else table.quality
    classes = np.full(len(use), "A", object) if table.quality_class is None else table.quality_class
    identity = np.unique([str(names[i]) for i in np.flatnonzero(use)], return_inverse=True)[1]
    return Labelled(unit(table.vectors[use]), identity.astype(np.int64), quality[use], classes[use])


def calibrate(data: Labelled) -> Table:
    """`thresholds` for packs.toml, `operating_point` and `held_out` figures as evidence.

    LabError with too few people to tune on some and report on others.
    """
    tuned, sharp = _tuned(data), data.sharp()
    merge = _best([curve for split in tuned.curves for curve in split], tuned.scale)
    numbers = Thresholds.of(_numbers(sharp, merge, tuned.scale, SPLITS))
    every = [event for split in tuned.splits for event in split]
    held, stranger = _held_out(data, tuned), tuned.scale.stranger
    rows = [_figures(data, each) for each in held]
    seen = [(look(data, each.event, each.thresholds, stranger), each.thresholds) for each in held]
    return {
        "thresholds": fitted(data, every, numbers, stranger).as_table(),
        "operating_point": _operating_point(sharp, merge, rows) | errors(seen),
        "held_out": rows,
    }


def held_out(data: Labelled) -> list[HeldOut]:
    """Events with look-alikes in the same photos, with thresholds as `calibrate` reports on them.

    LabError as there.
    """
    return _held_out(data, _tuned(data))


def _tuned(data: Labelled) -> _Tuned:
    sharp = data.sharp()
    for lacking in _lacking(sharp):
        raise LabError(f"Calibration needs {lacking}; add photos of more people.")
    scale, splits = pair_scale(sharp.vectors, sharp.identity), _splits(data, TUNED_ALIKE)
    curves = [[_curve(data, event, scale) for event in split] for split in splits]
    return _Tuned(scale, splits, curves)


def _held_out(data: Labelled, tuned: _Tuned) -> list[HeldOut]:
    found = []
    for i, split in enumerate(_splits(data, REPORTED_ALIKE)):
        for k, event in enumerate(split):
            others, curves = list(tuned.splits[i]), list(tuned.curves[i])
            del others[k], curves[k]
            merge = _best(curves, tuned.scale)
            found.append(HeldOut(event, _from(data, others, merge, tuned.scale)))
    return found


def _from(data: Labelled, parts: Sequence[Event], merge: float, scale: Scale) -> Thresholds:
    """All thresholds from the people of some events; the scale is only for where these are few."""
    sharp = data.of(np.concatenate([part.face for part in parts])).sharp()
    if _lacking(sharp):
        numbers = rough(merge, scale)
    else:
        numbers = _numbers(sharp, merge, pair_scale(sharp.vectors, sharp.identity), 1)
    return fitted(data, parts, Thresholds.of(numbers), scale.stranger)


def _numbers(sharp: Labelled, merge: float, scale: Scale, splits: int) -> dict[str, float]:
    """All thresholds that go with a `merge` but for those of p."""
    parts = [event for split in _splits(sharp, TUNED_ALIKE, splits) for event in split]
    return {
        **finish(sharp, parts, merge, scale),
        "stranger": round(scale.stranger, 4),
        "stranger_90": round(scale.stranger_90, 4),
        "far": float(f"{chance(sharp.vectors, sharp.identity, merge):.2g}"),
    }


def _lacking(sharp: Labelled) -> list[str]:
    faces = np.bincount(sharp.identity)
    return [
        f"at least {fewest} people with {each} or more class A faces each, here are"
        f" {np.sum(faces >= each)}"
        for each, fewest in ((2, FEWEST), (3, FEWEST_THREES))
        if np.sum(faces >= each) < fewest
    ]


def _splits(data: Labelled, alike: float, splits: int | None = None) -> list[list[Event]]:
    numbers = range(SPLITS if splits is None else splits)
    return [events(data.vectors, data.identity, alike=alike, split=split) for split in numbers]


def _curve(data: Labelled, event: Event, scale: Scale) -> NDArray[np.float64]:
    """(g, 2) effort and B³ F of one event at each threshold of the grid."""
    truth = data.identity[event.face]
    found = [_labels(data, event, Thresholds.of(rough(merge, scale))) for merge in scale.grid]
    return np.array(
        [(measure.effort(labels, truth), measure.b_cubed(labels, truth).f) for labels in found]
    )


def _labels(data: Labelled, event: Event, thresholds: Thresholds) -> Index:
    return cluster(
        data.vectors[event.face],
        event.photo,
        data.quality[event.face],
        quality_class=data.quality_class[event.face],
        thresholds=thresholds,
    ).labels


def _best(curves: list[NDArray[np.float64]], scale: Scale) -> float:
    """Least effort, then greatest F, as a mean over neighbours: a single dip is luck."""
    mean = np.mean(curves, axis=0)
    smooth = [np.convolve(np.pad(each, 2, "edge"), np.full(5, 0.2), "valid") for each in mean.T]
    return float(scale.grid[np.lexsort((-smooth[1], smooth[0].round(6)))[0]])


def _figures(data: Labelled, held: HeldOut) -> dict[str, float]:
    truth, labels = data.identity[held.event.face], _labels(data, held.event, held.thresholds)
    cubed = measure.b_cubed(labels, truth)
    return {
        "merge": round(held.thresholds.merge, 4),
        "faces": len(truth),
        "identities": len(np.unique(truth)),
        "people": measure.people(labels),
        "b3_precision": cubed.precision,
        "b3_recall": cubed.recall,
        "b3_f": cubed.f,
        "effort": measure.effort(labels, truth),
        "impure": measure.impure(labels, held.event.photo),
    }


def _operating_point(sharp: Labelled, merge: float, held_out: list[dict[str, float]]) -> Table:
    """What the threshold means: false and true accepts of single pairs, and the held-out means."""
    accepts = pair_accepts(sharp.vectors, sharp.identity, merge)
    mean = {
        name: float(np.mean([row[name] for row in held_out]))
        for name in ("b3_precision", "b3_recall", "b3_f", "effort", "impure")
    }
    return {
        "faces": len(sharp.identity),
        "identities": int(sharp.identity.max()) + 1,
        **accepts,
        **mean,
    }


def _from_truth(table: Faces, truth: Path) -> NDArray[np.object_]:
    """Each face's identity, or None."""
    names = with_identity(table.keys, read_truth(truth), table.path, truth)["identity"]
    return np.array([None if name != name else name for name in names], object)


def _from_folders(table: Faces) -> NDArray[np.object_]:
    """The folder's name for the face in the middle of each photo, None for the others."""
    if table.box is None:
        raise LabError("Without a truth file, the table needs box_x, box_y, box_w and box_h.")
    middle = table.box[:, :2] + table.box[:, 2:] / 2
    away = np.square(middle - 0.5).sum(axis=1)
    order = np.lexsort((away, table.keys["photo"].to_numpy(str)))
    photo = table.keys["photo"].to_numpy(str)
    _, first = np.unique(photo[order], return_index=True)
    names = np.full(len(photo), None, object)
    for face in order[first]:
        names[face] = photo[face].rpartition("/")[0] or None
    return names
