"""`memoria lab simulate`: how much review an event needs, and whether people stay who they are.

Labelled faces are dealt into events; a perfect organiser reviews each, and each is uploaded in
tenths. Nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.calibrate import REPORTED_ALIKE, labelled
from memoria_pipeline.lab.events import Event, Index, events
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.group import choose_thresholds
from memoria_pipeline.lab.organiser import Review, Scene, by_queue
from memoria_pipeline.lab.similarity import by_similarity
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.incremental import extend
from memoria_pipeline.people.suggest import questions
from memoria_pipeline.people.thresholds import Thresholds

TARGETS = (0.95, 0.99, 0.995)
"""Shares of the faces in the right person. A good model starts above 99 %, hence the last one."""

MOST = 20_000
"""Answers after which a review is given up."""

LOTS = 10
"""Uploads per event, each with as many photos."""

FEWEST = 10
"""Faces per event, at least; below it a share of them says nothing."""


@dataclass(frozen=True, slots=True)
class Effort:
    """One event's review until `target` of the faces are in the right person.

    start: share right before the first answer. forecast: answers that were promised at the start.
    answers, screens: what the queue needed. similarity: answers that confirming in order of
    similarity needs; looking: the same where whoever is asked about is looked through as well. None
    where it was not reached, or not promised.
    """

    event: int
    faces: int
    start: float
    target: float
    forecast: int | None
    answers: int | None
    screens: int | None
    similarity: int | None
    looking: int | None


@dataclass(frozen=True, slots=True)
class History:
    """One event's grouping after its photos came in lots: means of the uploads' churn, B³ at the
    end. how: incremental, or afresh each time."""

    event: int
    how: str
    f: float
    precision: float
    effort: float
    impure: int
    churn: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """What `memoria lab simulate` tells, and a note where the thresholds are a guess."""

    efforts: list[Effort]
    histories: list[History]
    pack: str
    note: str


def simulate(
    faces: Path, truth: Path | None = None, model: str | None = None, split: int = 0
) -> Simulated:
    """Review and histories of events made of one file of `memoria lab faces`.

    truth, model: as in `calibrate` and `group_faces`. split: another number deals the people anew.
    LabError for files that cannot be used, and for too few labelled faces.
    """
    table = read_faces(faces)
    thresholds, pack, note = choose_thresholds(table, model)
    data = labelled(table, truth)
    dealt = _dealt(data, split)
    efforts = [
        each
        for number, event in enumerate(dealt, 1)
        for each in review(scene(data, event, thresholds), thresholds, TARGETS, number)
    ]
    histories = [
        history(data, event, thresholds, how, number)
        for number, event in enumerate(dealt, 1)
        for how in ("incremental", "afresh")
    ]
    return Simulated(efforts, histories, pack, note)


def _dealt(data: Labelled, split: int) -> list[Event]:
    dealt = events(data.vectors, data.identity, alike=REPORTED_ALIKE, split=split)
    fewest = min(len(each.face) for each in dealt)
    if fewest < FEWEST:
        raise LabError(
            f"{len(data.identity)} labelled faces make events of {fewest} faces and less, too few"
            " to simulate; add photos of more people, or name their identities with --truth."
        )
    return dealt


def scene(data: Labelled, event: Event, thresholds: Thresholds) -> Scene:
    """An event as the product groups it; a face in no group is a person of its own."""
    labels = cluster(
        data.vectors[event.face],
        event.photo,
        data.quality[event.face],
        quality_class=data.quality_class[event.face],
        thresholds=thresholds,
    ).labels
    nobody = np.flatnonzero(labels == measure.NOBODY)
    labels[nobody] = labels.max(initial=-1) + 1 + np.arange(len(nobody))
    truth = np.unique(data.identity[event.face], return_inverse=True)[1].reshape(-1)
    return Scene(data.vectors[event.face], event.photo, data.quality[event.face], labels, truth)


def review(
    scene: Scene, thresholds: Thresholds, targets: Sequence[float], event: int = 1
) -> list[Effort]:
    """The same event asked about in two ways, per target."""
    forecast = questions(Review(scene).standing(), thresholds, 0, targets).forecast
    done = by_queue(scene, thresholds, max(targets), MOST)
    plain = by_similarity(scene, max(targets), MOST)
    looking = by_similarity(scene, max(targets), MOST, look=True)
    found = []
    for target in targets:
        answers = _first(done.reached, target)
        found.append(
            Effort(
                event,
                len(scene.truth),
                done.reached[0],
                target,
                forecast.answers[target],
                answers,
                None if answers is None else done.screens[answers],
                _first(plain, target),
                _first(looking, target),
            )
        )
    return found


def _first(reached: Sequence[float], target: float) -> int | None:
    enough = np.flatnonzero(np.asarray(reached) >= target)
    return int(enough[0]) if len(enough) else None


def history(
    data: Labelled, event: Event, thresholds: Thresholds, how: str, number: int = 1
) -> History:
    """Photos come in tenths, in a random order that is the same each time."""
    codes = np.unique(event.photo, return_inverse=True)[1].reshape(-1)
    order = np.random.default_rng(0).permutation(codes.max() + 1)
    lot = (order * LOTS // (codes.max() + 1))[codes]
    person = np.full(len(lot), measure.NOBODY)
    churn = []
    for upload in range(LOTS):
        now = np.flatnonzero(lot <= upload)
        before = person[now]
        fresh = upload == 0 or how == "afresh"
        person[now] = _grouped(data, event, thresholds, now, None if fresh else before)
        old = before != measure.NOBODY
        if upload:
            churn.append(measure.churn(before[old], person[now][old]))
    truth = data.identity[event.face]
    cubed = measure.b_cubed(person, truth)
    return History(
        number,
        how,
        cubed.f,
        cubed.precision,
        measure.effort(person, truth),
        measure.impure(person, event.photo),
        float(np.mean(churn)),
    )


def _grouped(
    data: Labelled, event: Event, thresholds: Thresholds, now: Index, person: Index | None
) -> Index:
    """Labels of the faces that are there `now`; person: who they were, None to start afresh."""
    face, photo = event.face[now], event.photo[now]
    vectors, quality, classes = data.vectors[face], data.quality[face], data.quality_class[face]
    if person is None:
        return cluster(vectors, photo, quality, quality_class=classes, thresholds=thresholds).labels
    return extend(
        vectors, photo, quality, person=person, quality_class=classes, thresholds=thresholds
    ).grouping.labels
