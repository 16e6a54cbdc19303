"""How well people are grouped, and how well they stay who they are when photos come.

`python -m memoria_pipeline_tests.bench.identity` prints the figures for LFW, with thresholds of
which every number comes from other people (see `grouping`, which says where its faces come from);
two minutes.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from memoria_pipeline.lab import calibrate
from memoria_pipeline.lab.calibrate import HeldOut
from memoria_pipeline.lab.events import Index
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.incremental import extend
from memoria_pipeline.people.shards import cluster_shards
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.grouping import analysed

TENTH, HALF_BY_TENTHS = [0.9, 1.0], [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
"""Shares of the photos that are there after each upload."""

DEALS = 3
"""Orders in which an event's photos come."""


@dataclass(frozen=True, slots=True)
class Means:
    """Of all events; churn is the mean per upload."""

    f: float
    precision: float
    effort: float
    impure: float
    churn: float


def rows(data: Labelled) -> Iterator[Row]:
    """All figures, one after the other."""
    cases = held_out(data)
    whole = _means(data, cases, [(_labels(data, case), 0.0) for case in cases])
    yield from _asked("LFW events", whole)
    last = uploads(data, cases, TENTH)
    churn = f"{100 * last.churn:.3f} %"
    yield "a tenth comes last: churn", "<= 0.02 %", churn, last.churn <= 0.0002
    yield from _asked("a tenth comes last", last)
    many = uploads(data, cases, HALF_BY_TENTHS)
    reached = f"F {many.f:.4f}, effort {many.effort:.2f}, churn {100 * many.churn:.3f} %"
    yield "half comes by tenths", "no figure", reached, True
    apart = abs(sharded(data, cases).f - whole.f)
    yield "four shards: F apart from one piece", "<= 0.0005", f"{apart:.4f}", apart <= 0.0005


def _asked(what: str, means: Means) -> Iterator[Row]:
    yield f"{what}: B³ F", ">= 0.9940", f"{means.f:.4f}", means.f >= 0.9940
    good = means.precision >= 0.9955
    yield f"{what}: B³ precision", ">= 0.9955", f"{means.precision:.4f}", good
    few = means.effort <= 0.85
    yield f"{what}: effort per 100 faces", "<= 0.85", f"{means.effort:.2f}", few
    yield f"{what}: impure clusters", "0", f"{means.impure:.1f}", means.impure == 0


def held_out(data: Labelled) -> list[HeldOut]:
    """Events with look-alikes in the same photos, each with thresholds from the others' people."""
    return calibrate.held_out(data)


def uploads(data: Labelled, cases: list[HeldOut], shares: list[float]) -> Means:
    """Photos come in so many lots, in several orders; the first is grouped, the others extend."""
    found = [_uploaded(data, case, shares, deal) for deal in range(DEALS) for case in cases]
    return _means(data, cases * DEALS, found)


def sharded(data: Labelled, cases: list[HeldOut]) -> Means:
    """The events in four shards."""
    found = []
    for case in cases:
        face = case.event.face
        labels = cluster_shards(
            data.vectors[face],
            case.event.photo,
            data.quality[face],
            shards=4,
            quality_class=data.quality_class[face],
            thresholds=case.thresholds,
        ).labels
        found.append((labels, 0.0))
    return _means(data, cases, found)


def _labels(data: Labelled, case: HeldOut, use: Index | slice = slice(None)) -> Index:
    face = case.event.face[use]
    return cluster(
        data.vectors[face],
        case.event.photo[use],
        data.quality[face],
        quality_class=data.quality_class[face],
        thresholds=case.thresholds,
    ).labels


def _uploaded(data: Labelled, case: HeldOut, shares: list[float], deal: int) -> tuple[Index, float]:
    """The labels in the end, and the mean churn per upload."""
    codes = np.unique(case.event.photo, return_inverse=True)[1].reshape(-1)
    place = np.random.default_rng(deal).permutation(codes.max() + 1)[codes] / (codes.max() + 1)
    first = np.flatnonzero(place < shares[0])
    person = np.full(len(place), measure.NOBODY)
    person[first] = _labels(data, case, first)
    churn = []
    for share in shares[1:]:
        now = np.flatnonzero(place < share)
        before = person[now]
        person[now] = _extended(data, case, now, before)
        old = before != measure.NOBODY
        churn.append(measure.churn(before[old], person[now][old]))
    return person, float(np.mean(churn))


def _extended(data: Labelled, case: HeldOut, now: Index, person: Index) -> Index:
    face = case.event.face[now]
    found = extend(
        data.vectors[face],
        case.event.photo[now],
        data.quality[face],
        person=person,
        quality_class=data.quality_class[face],
        thresholds=case.thresholds,
    )
    return found.grouping.labels


def _means(data: Labelled, cases: list[HeldOut], found: list[tuple[Index, float]]) -> Means:
    figures = []
    for case, (labels, churn) in zip(cases, found, strict=True):
        truth = data.identity[case.event.face]
        cubed = measure.b_cubed(labels, truth)
        impure = measure.impure(labels, case.event.photo)
        figures.append((cubed.f, cubed.precision, measure.effort(labels, truth), impure, churn))
    return Means(*np.mean(figures, axis=0).tolist())


def main() -> int:
    """Print the figures; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("MEMORIA_BENCH_FACES")
        faces = Path(given) if given else analysed(Path(folder) / "faces.parquet")
        data = calibrate.labelled(read_faces(faces))
    return show("People that stay who they are", rows(data))


if __name__ == "__main__":
    sys.exit(main())
