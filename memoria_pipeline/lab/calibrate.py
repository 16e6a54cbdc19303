"""`memoria lab calibrate`: the thresholds of a model pack, from labelled faces.

Tuned on simulated events, and reported on events of other people: of each split into events, one is
held out, the thresholds come from the others, and its figures count. The thresholds that are
written down come from all events.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.certainty import fit, look
from memoria_pipeline.lab.certainty import held_out as certainty_held_out
from memoria_pipeline.lab.events import Event, Index, events
from memoria_pipeline.lab.files import check_outputs, whole
from memoria_pipeline.lab.fit import Labelled, Scale, finish, pair_accepts, pair_scale, rough
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
    sharp = data.sharp()
    _check_enough(sharp)
    scale = pair_scale(sharp.vectors, sharp.identity)
    tuned, reported = _splits(data, TUNED_ALIKE), _splits(data, REPORTED_ALIKE)
    curves = [[_curve(data, event, scale) for event in split] for split in tuned]
    merge = _best([curve for split in curves for curve in split], scale)
    others = [
        [_best(split[:k] + split[k + 1 :], scale) for k in range(len(split))] for split in curves
    ]
    held_out = [
        _figures(data, event, own, scale)
        for split, merges in zip(reported, others, strict=True)
        for event, own in zip(split, merges, strict=True)
    ]
    parts = [event for split in _splits(sharp, TUNED_ALIKE) for event in split]
    found = finish(sharp, parts, merge, scale)
    chosen = Thresholds.of(found)
    seen = [look(data, event, chosen, scale.stranger) for split in tuned for event in split]
    own = [[_moved(chosen, merge) for merge in merges] for merges in others]
    return {
        "thresholds": {
            **found,
            "stranger": round(scale.stranger, 4),
            "stranger_90": round(scale.stranger_90, 4),
            "far": float(f"{pair_accepts(sharp.vectors, sharp.identity, merge)['far']:.2g}"),
            **fit(seen),
        },
        "operating_point": _operating_point(sharp, merge, held_out)
        | certainty_held_out(data, tuned, reported, own, scale.stranger),
        "held_out": held_out,
    }


def _moved(thresholds: Thresholds, merge: float) -> Thresholds:
    return replace(thresholds, merge=merge, attach=min(thresholds.attach, merge))


def _check_enough(sharp: Labelled) -> None:
    faces = np.bincount(sharp.identity)
    for each, fewest in ((2, FEWEST), (3, FEWEST_THREES)):
        if np.sum(faces >= each) < fewest:
            raise LabError(
                f"Calibration needs at least {fewest} people with {each} or more class A faces"
                f" each, here are {np.sum(faces >= each)}; add photos of more people."
            )


def _splits(data: Labelled, alike: float) -> list[list[Event]]:
    return [
        events(data.vectors, data.identity, alike=alike, split=split) for split in range(SPLITS)
    ]


def _curve(data: Labelled, event: Event, scale: Scale) -> NDArray[np.float64]:
    """(g, 2) effort and B³ F of one event at each threshold of the grid."""
    truth = data.identity[event.face]
    found = [_labels(data, event, merge, scale) for merge in scale.grid]
    return np.array(
        [(measure.effort(labels, truth), measure.b_cubed(labels, truth).f) for labels in found]
    )


def _labels(data: Labelled, event: Event, merge: float, scale: Scale) -> Index:
    return cluster(
        data.vectors[event.face],
        event.photo,
        data.quality[event.face],
        quality_class=data.quality_class[event.face],
        thresholds=Thresholds.of(rough(merge, scale)),
    ).labels


def _best(curves: list[NDArray[np.float64]], scale: Scale) -> float:
    """Least effort, then greatest F, as a mean over neighbours: a single dip is luck."""
    mean = np.mean(curves, axis=0)
    smooth = [np.convolve(np.pad(each, 2, "edge"), np.full(5, 0.2), "valid") for each in mean.T]
    return float(scale.grid[np.lexsort((-smooth[1], smooth[0].round(6)))[0]])


def _figures(data: Labelled, event: Event, merge: float, scale: Scale) -> dict[str, float]:
    """One held-out event at the threshold of the others."""
    truth, labels = data.identity[event.face], _labels(data, event, merge, scale)
    cubed = measure.b_cubed(labels, truth)
    return {
        "merge": round(merge, 4),
        "faces": len(truth),
        "identities": len(np.unique(truth)),
        "people": measure.people(labels),
        "b3_precision": cubed.precision,
        "b3_recall": cubed.recall,
        "b3_f": cubed.f,
        "effort": measure.effort(labels, truth),
        "impure": measure.impure(labels, event.photo),
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
