"""How well and how fast faces are grouped.

`python -m memoria_pipeline_tests.bench.grouping` prints the figures; MEMORIA_TEST_DATA says where
the photos are. It first analyses LFW with the InsightFace pack of ../shared (12 minutes on a core),
unless MEMORIA_BENCH_FACES names a table of its faces that `memoria lab faces` has made; the rest
needs about 3 minutes.
"""

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from memoria_pipeline.lab import calibrate
from memoria_pipeline.lab.events import events
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline_tests.bench.detection import DATA, PACK
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event


def rows() -> Iterator[Row]:
    """All figures, one after the other."""
    yield from fast()
    yield lean()
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("MEMORIA_BENCH_FACES")
        faces = Path(given) if given else analysed(Path(folder) / "faces.parquet")
        data = calibrate.labelled(read_faces(faces))
    yield from held_out(data)
    yield hdbscan(data)


def analysed(output: Path, photos: Path = DATA / "lfw", pack: str = PACK) -> Path:
    """LFW's faces, found as anybody would: with the command."""
    memoria = Path(sys.executable).with_name("memoria")
    command = [str(memoria), "lab", "faces", str(photos), "-o", str(output), "--model", pack]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return output


def held_out(data: Labelled) -> list[Row]:
    """LFW events with look-alikes in the same photos, thresholds tuned on other people."""
    reached = calibrate.calibrate(data)["operating_point"]
    f, effort, impure = reached["b3_f"], reached["effort"], reached["impure"]
    precision = reached["b3_precision"]
    return [
        ("LFW events, B³ F", ">= 0.993", f"{f:.4f}", f >= 0.993),
        ("LFW events, B³ precision", "no figure", f"{precision:.4f}", True),
        ("LFW events, effort per 100 faces", "<= 0.95", f"{effort:.2f}", effort <= 0.95),
        ("LFW events, impure clusters", "0", f"{impure:.1f}", impure == 0),
    ]


def hdbscan(data: Labelled) -> Row:
    """The same events with the product's first recipe, to compare."""
    found = []
    for each in events(data.vectors, data.identity, alike=calibrate.REPORTED_ALIKE, split=0):
        labels = cluster(
            data.vectors[each.face], each.photo, thresholds=THRESHOLDS, method="hdbscan"
        ).labels
        truth = data.identity[each.face]
        impure = measure.impure(labels, each.photo)
        found.append((measure.b_cubed(labels, truth).f, measure.effort(labels, truth), impure))
    f, effort, impurity = np.mean(found, axis=0)
    reached = f"F {f:.3f}, effort {effort:.1f}, impure {impurity:.0f}"
    return "the same with HDBSCAN (3, 2, 0.4)", "no figure", reached, True


def fast() -> list[Row]:
    """Synthetic faces: guests seen twice, and fifty people seen two hundred times."""
    cases = [("1,000 faces", 500, 2, 1.0), ("10,000 faces", 5_000, 2, 10.0)]
    cases += [("1,000 of ten people", 10, 100, 1.0), ("10,000 of fifty people", 50, 200, 10.0)]
    return [_timed(*case) for case in cases]


def _timed(what: str, people: int, each: int, limit: float) -> Row:
    faces = event(people, each, noise=0.09)
    started = time.perf_counter()
    cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    seconds = time.perf_counter() - started
    return f"grouping {what}", f"< {limit:.0f} s", f"{seconds:.2f} s", seconds < limit


def lean() -> Row:
    """Peak memory from 5,000 to 20,000 faces, as a power of their number; 2 is quadratic."""
    small, large = _peak(2_500), _peak(10_000)
    power = float(np.log(large / small) / np.log(4))
    reached = f"power {power:.2f} ({large / 1e6:.0f} MB)"
    return "memory from 5,000 to 20,000 faces", "power < 2", reached, power < 2


def _peak(people: int) -> int:
    """Bytes at the worst moment, the faces themselves apart."""
    faces = event(people, 2, noise=0.09)
    tracemalloc.start()
    cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    sys.exit(show("Grouping", rows()))
