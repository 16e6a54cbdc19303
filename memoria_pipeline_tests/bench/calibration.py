"""How true p is: of the faces that are said to be right with .9, nine in ten are.

`python -m memoria_pipeline_tests.bench.calibration FACES [DLIB_FACES]` prints the figures for
tables that `memoria lab faces` has made of LFW; ten seconds each.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from memoria_pipeline.lab import calibrate, certainty
from memoria_pipeline.lab.events import Event, events
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.tighten import tighten
from memoria_pipeline.vision.packs import table
from memoria_pipeline_tests.bench.figures import Row, show

SHARED, DLIB = "insightface:scrfd_2.5g_mobilefacenet", "dlib"
LIMIT = 0.03

BINS = {
    "10 bins": "ece_10",
    "15 bins": "ece_15",
    "10 of equal numbers": "ece_mass_10",
    "15 of equal numbers": "ece_mass_15",
}
PARTS = {"faces in groups": "grouped", "faces alone": "alone", "persons that may be one": "pairs"}


def rows(shared: Labelled, dlib: Labelled | None = None) -> Iterator[Row]:
    """All figures, for one pack or both."""
    yield from _pack("InsightFace", SHARED, shared)
    if dlib is not None:
        yield from _pack("dlib", DLIB, dlib)


def _pack(name: str, pack: str, data: Labelled) -> Iterator[Row]:
    thresholds = Thresholds.of(table("thresholds")[pack])
    found = held_out(data, thresholds)
    for what, key in BINS.items():
        yield f"ECE of p, {name}, {what}", f"<= {LIMIT}", f"{found[key]:.4f}", found[key] <= LIMIT
    for what, key in PARTS.items():
        part = found[f"ece_{key}"]
        yield f"ECE of p, {name}, {what}", f"<= {LIMIT}", f"{part:.4f}", part <= LIMIT
    gain = 1 - found["brier"] / found["brier_rate"]
    yield f"Brier score below that of a constant p, {name}", "> 0", f"{gain:.0%}", gain > 0
    shipped = certainty.errors(
        [(_look(data, each, thresholds), thresholds) for each in _dealt(data)]
    )
    enough = shipped["ece_10"] <= LIMIT
    yield f"ECE of the numbers shipped, {name}", f"<= {LIMIT}", f"{shipped['ece_10']:.4f}", enough
    yield _calm(name, data, thresholds)
    yield _mirrors(name, data, thresholds)
    yield _shared_blur(name, data, thresholds)


def held_out(data: Labelled, thresholds: Thresholds) -> dict[str, float]:
    """`certainty.errors` with p fitted to other people than those it is judged on.

    What turns a likeness of two groups into p by their sizes is of `candidates`, for all packs.
    """
    judged = []
    stranger = thresholds.stranger or 0
    for split in range(calibrate.SPLITS):
        tuned, reported = (
            events(data.vectors, data.identity, alike=alike, split=split)
            for alike in (calibrate.TUNED_ALIKE, calibrate.REPORTED_ALIKE)
        )
        for k, event in enumerate(reported):
            own = certainty.fitted(data, tuned[:k] + tuned[k + 1 :], thresholds, stranger)
            judged.append((_look(data, event, own), own))
    return certainty.errors(judged)


def _dealt(data: Labelled) -> list[Event]:
    return events(data.vectors, data.identity, alike=calibrate.REPORTED_ALIKE, split=0)


def _look(data: Labelled, event: Event, thresholds: Thresholds) -> certainty.Seen:
    return certainty.look(data, event, thresholds, thresholds.stranger or 0)


def _calm(name: str, data: Labelled, thresholds: Thresholds) -> Row:
    """Look-alikes that were put side by side must not pass for strangers who are all alike."""
    own = [_tightened(data, each, thresholds) for each in _dealt(data)]
    moved = sum(each != thresholds for each in own)
    return f"LFW events tightened without need, {name}", "0", str(moved), moved == 0


def _mirrors(name: str, data: Labelled, thresholds: Thresholds) -> Row:
    """People who are in a photo twice and more are questions, and no reason to be strict."""
    moved = 0
    for faces in (700, 1900):
        event = events(data.vectors, data.identity, alike=1.0, split=0, faces=faces)[0]
        for people, times in ((1, 2), (20, 2), (40, 3)):
            seen = with_mirrors(data, event, people, times)
            moved += _tightened(data, seen, thresholds) != thresholds
    return f"events with mirrors and strips tightened, {name}", "0", str(moved), moved == 0


def with_mirrors(data: Labelled, event: Event, people: int, times: int) -> Event:
    """The event with so many people in one more photo each, which shows them so many times."""
    photo, identity = event.photo.copy(), data.identity[event.face]
    who, faces = np.unique(identity, return_counts=True)
    for number, each in enumerate(who[faces >= times][:people].tolist(), 1):
        photo[np.flatnonzero(identity == each)[:times]] = event.photo.max() + number
    return Event(event.face, photo)


def _shared_blur(name: str, data: Labelled, thresholds: Thresholds) -> Row:
    """The same events where all faces have something in common: mistakes with and without."""
    common = unit(data.vectors.mean(axis=0)[None])
    blurred = replace(data, vectors=unit(data.vectors + 0.6 * common))
    each = _dealt(data)[0]
    own = _tightened(blurred, each, thresholds)
    plain, tight = (_wrong(blurred, each, numbers) for numbers in (thresholds, own))
    reached = f"{plain:.1%} to {tight:.1%}"
    return (
        f"faces in wrong groups, blurred event tightened, {name}",
        "fewer",
        reached,
        tight < plain,
    )


def _tightened(data: Labelled, event: Event, thresholds: Thresholds) -> Thresholds:
    face = event.face
    return tighten(thresholds, data.vectors[face], event.photo, data.quality_class[face])


def _wrong(data: Labelled, event: Event, thresholds: Thresholds) -> float:
    return float(1 - _look(data, event, thresholds).right.mean())


if __name__ == "__main__":
    tables = [calibrate.labelled(read_faces(Path(path))) for path in sys.argv[1:3]]
    sys.exit(show("Calibration", rows(*tables)))
