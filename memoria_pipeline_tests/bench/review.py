"""How many answers a review takes, against asking in order of similarity, and against the forecast.

`python -m memoria_pipeline_tests.bench.review` prints the figures for LFW with the dlib pack, whose
events leave something to review: about 4 faces in 100 are in the wrong person. (With the
InsightFace pack of ../shared most events start above 99 %.) MEMORIA_TEST_DATA says where the photos
are. It first analyses LFW, unless MEMORIA_BENCH_FACES_DLIB names a table of its faces that
`memoria lab faces --model dlib` has made; the rest needs two minutes.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.lab import calibrate
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.simulate import MOST, Effort, review, scene
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.grouping import analysed
from memoria_pipeline_tests.bench.identity import held_out

TARGET = 0.99


def rows(data: Labelled) -> Iterator[Row]:
    """The figures, over events with look-alikes in the same photos and thresholds that come from
    other people.

    One answer is a yes or no about one candidate, one face split off, or that none is. Confirming
    in similarity order takes nobody apart, so it does not get there in every event: it is compared
    with where it does. What it needs if whoever comes up is looked through as well is shown beside.
    """
    efforts = [
        review(scene(data, case.event, case.thresholds), case.thresholds, (TARGET,), number)[0]
        for number, case in enumerate(held_out(data), 1)
    ]
    for each in efforts:
        yield _one(each)
    yield from _all([each for each in efforts if each.start < TARGET])


def _one(each: Effort) -> Row:
    reached = (
        f"{each.start:.1%} at first; {each.answers} answers on {each.screens} screens,"
        f" {each.forecast} forecast, {each.similarity or 'never'} by similarity,"
        f" {each.looking or 'never'} with looking through"
    )
    return f"event {each.event}, {each.faces} faces", "no figure", reached, True


def _all(efforts: Sequence[Effort]) -> Iterator[Row]:
    """Of the events that need a review."""
    if not efforts:
        yield "answers to 99 %", "no figure", "all events start there", True
        return
    answers = np.array([each.answers or MOST for each in efforts])
    promised = np.array([each.forecast or 0 for each in efforts])
    yield from _compared(efforts, answers)
    off = promised.mean() / answers.mean() - 1
    reached = f"{promised.mean():.0f} forecast, {off:+.0%}"
    yield "forecast, mean of the events", "within 20 %", reached, bool(abs(off) <= 0.2)
    each_off = np.abs(promised / answers - 1).mean()
    yield "forecast of one event, mean error", "no figure", f"{each_off:.0%}", True


def _compared(efforts: Sequence[Effort], answers: NDArray[np.int64]) -> Iterator[Row]:
    there = np.array([each.similarity is not None for each in efforts])
    what = f"answers to 99 %, of similarity order's, {there.sum()} of {len(there)} events"
    if not there.any():
        yield what, "no figure", "confirming never gets there", True
        return
    ratio = answers[there] / np.array([each.similarity for each in efforts if each.similarity])
    # A mean of answers would be that of the event where confirming takes thousands.
    yield f"{what}: mean ratio", "<= 0.50", f"{ratio.mean():.2f}", bool(ratio.mean() <= 0.5)
    median = float(np.median(ratio))
    yield "the same, the median event", "<= 0.50", f"{median:.2f}", median <= 0.5
    yield "the same, the worst event", "no figure", f"{ratio.max():.2f}", True
    looking = np.array([each.looking or MOST for each in efforts])
    shown = f"{answers.mean():.0f} of {looking.mean():.0f}, {answers.mean() / looking.mean():.2f}"
    yield "the same with looking through, all events", "no figure", shown, True


def main() -> int:
    """Print the figures; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("MEMORIA_BENCH_FACES_DLIB")
        faces = Path(given) if given else analysed(Path(folder) / "faces.parquet", pack="dlib")
        data = calibrate.labelled(read_faces(faces))
    return show("What to ask next", rows(data))


if __name__ == "__main__":
    sys.exit(main())
