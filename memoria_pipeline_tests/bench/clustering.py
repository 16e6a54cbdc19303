"""What grouping a large event costs beside what it cannot do without, and beside hdbscan.

`python -m memoria_pipeline_tests.bench.clustering` prints the figures; it needs about 5 minutes.
Everything has a process of its own. Both sides of a ratio take turns, with one BLAS thread per
worker, and are compared by CPU seconds: wall time depends on who works beside.
"""

import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.graph import TILE
from memoria_pipeline.people.workers import in_order
from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.ratio import Cost
from memoria_pipeline_tests.bench.scale import _peak as peak
from memoria_pipeline_tests.bench.scale import make
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

CASES = [
    ("50,000 faces of 512 numbers", 25_000, 2, 512),
    ("50,000 faces of 128 numbers", 25_000, 2, 128),
    ("50,000 faces of 2,500 people", 2_500, 20, 128),
    ("50,000 faces of 250 people", 250, 200, 128),
]
"""What, people, faces of each, numbers per face."""

AGAINST = ("10,000 faces", 5_000, 2, 128)
"""What hdbscan is asked, too: by the cosine, which it takes as a table of all distances alone."""


def rows() -> Iterator[Row]:
    """Ratio and memory of every case; then hdbscan."""
    with TemporaryDirectory() as folder:
        file = str(Path(folder) / "event.npz")
        for what, people, each, d in CASES:
            _part("make", file, people, each, d)
            times, *spent = json.loads(_part("time", file))
            figure = f"{what}: grouping ÷ half the matrix product"
            yield ratio.row(figure, times, Cost(*spent), most=1.6)
            taken = json.loads(_part("memory", file))
            yield f"{what}: memory beside them", "<= 0.5 GB", f"{taken / 1e9:.2f} GB", taken <= 5e8
        what, people, each, d = AGAINST
        _part("make", file, people, each, d)
        yield from against_hdbscan(what, file)
        one, two = _part("labels", file, 1), _part("labels", file, 2)
        yield f"{what}: one worker and two", "identical", str(one == two), one == two


def against_hdbscan(what: str, file: str) -> list[Row]:
    """CPU seconds of both, and what each takes beyond a process that only holds the faces."""
    mine, theirs = (json.loads(_part("alone", file, how)) for how in ("ours", "hdbscan"))
    faster, smaller = theirs["cpu"] / mine["cpu"], theirs["bytes"] / mine["bytes"]
    return [
        (f"{what}: hdbscan's time ÷ ours", ">= 8×", f"{faster:.1f}×", faster >= 8),
        (f"{what}: hdbscan's memory ÷ ours", ">= 30×", f"{smaller:.1f}×", smaller >= 30),
    ]


def _part(*arguments: object) -> str:
    command = [sys.executable, "-m", __spec__.name, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _load(file: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as saved:
        return saved["vectors"], saved["photo"]


def timed(file: str) -> tuple[float, float, float]:
    """The median of three ratios, in CPU seconds; ours in CPU seconds and by the clock."""
    vectors, photo = _load(file)
    sides = {"bare": lambda: half(vectors), "ours": lambda: ours(vectors, photo)}
    turns = ratio.alternating(sides, 3, warm=False)
    spent = turns.cost("ours")
    return turns.cpu("ours", "bare"), spent.cpu, spent.wall


def half(vectors: np.ndarray) -> None:
    """The product of each pair of faces once, in tiles that our workers share; nothing is kept."""
    tiles = [
        (top, left)
        for top in range(0, len(vectors), TILE[0])
        for left in range(top, len(vectors), TILE[1])
    ]

    def product(at: tuple[int, int]) -> None:
        top, left = at
        vectors[top : top + TILE[0]] @ vectors[left : left + TILE[1]].T

    for _ in in_order(product, tiles):
        pass


def memory(file: str) -> int:
    """Bytes at the worst moment, the faces themselves apart."""
    vectors, photo = _load(file)
    tracemalloc.start()
    cluster(vectors, photo, thresholds=THRESHOLDS)
    return tracemalloc.get_traced_memory()[1]


def alone(file: str, how: str) -> dict[str, float]:
    """CPU seconds, and by how much the process grew; what is imported at first is no part of it."""
    vectors, photo = _load(file)
    work = by_density if how == "hdbscan" else ours
    work(vectors[:50], photo[:50])
    before = peak()
    taken = ratio.cost(lambda: work(vectors, photo)).cpu
    return {"cpu": taken, "bytes": peak() - before}


def ours(vectors: np.ndarray, photo: np.ndarray) -> None:
    """As an event is grouped."""
    cluster(vectors, photo, thresholds=THRESHOLDS)


def by_density(vectors: np.ndarray, _: np.ndarray) -> None:
    """With the settings of the product's first recipe."""
    from hdbscan import HDBSCAN

    settings = {"min_cluster_size": 3, "min_samples": 2, "cluster_selection_epsilon": 0.4}
    distances = 1 - vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    HDBSCAN(metric="precomputed", core_dist_n_jobs=1, **settings).fit(distances)


def labels(file: str, workers: str) -> str:
    """A digest of all that is said of the faces."""
    vectors, photo = _load(file)
    found = cluster(vectors, photo, thresholds=THRESHOLDS, workers=int(workers))
    said = (found.labels, found.probability, found.margin, found.evidence)
    return hashlib.sha256(b"".join(each.tobytes() for each in said)).hexdigest()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", *arguments]:
            make(*arguments)
        case ["time", file]:
            sys.stdout.write(json.dumps(timed(file)))
        case ["memory", file]:
            sys.stdout.write(json.dumps(memory(file)))
        case ["alone", file, how]:
            sys.stdout.write(json.dumps(alone(file, how)))
        case ["labels", *arguments]:
            sys.stdout.write(labels(*arguments))
        case _:
            sys.exit(show("Clustering", rows()))
