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

    One answer is a yes or no about one candidate, or one set of faces split off, in both orders;
    where similarity order does not get there in 20,000 answers, 20,000 are counted.
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
        f" {each.forecast} forecast, {each.similarity or 'never'} by similarity"
    )
    return f"event {each.event}, {each.faces} faces", "no figure", reached, True


def _all(efforts: Sequence[Effort]) -> Iterator[Row]:
    """Of the events that need a review."""
    if not efforts:
        yield "answers to 99 %", "no figure", "all events start there", True
        return
    answers = np.array([each.answers or MOST for each in efforts])
    plain = np.array([each.similarity or MOST for each in efforts])
    promised = np.array([each.forecast or 0 for each in efforts])
    ratio, median = answers.mean() / plain.mean(), float(np.median(answers / plain))
    shown = f"{answers.mean():.0f} of {plain.mean():.0f}, ratio {ratio:.2f}"
    yield "answers to 99 %, of similarity order's", "<= 0.50", shown, ratio <= 0.5
    yield "the same, the median event", "<= 0.50", f"{median:.2f}", median <= 0.5
    worst = float((answers / plain).max())
    yield "the same, the worst event", "no figure", f"{worst:.2f}", True
    off = promised.mean() / answers.mean() - 1
    reached = f"{promised.mean():.0f} forecast, {off:+.0%}"
    yield "forecast, mean of the events", "within 20 %", reached, abs(off) <= 0.2
    each_off = np.abs(promised / answers - 1).mean()
    yield "forecast of one event, mean error", "no figure", f"{each_off:.0%}", True


def main() -> int:
    """Print the figures; the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("MEMORIA_BENCH_FACES_DLIB")
        faces = Path(given) if given else analysed(Path(folder) / "faces.parquet", pack="dlib")
        data = calibrate.labelled(read_faces(faces))
    return show("What to ask next", rows(data))


if __name__ == "__main__":
    sys.exit(main())
