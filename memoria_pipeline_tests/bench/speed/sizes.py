"""Grouping from 1,000 to 100,000 faces, beside others who group, and beside the bare product.

Every run has a process of its own, so that its memory is its own; sides take turns, and where one
run takes minutes there is one turn. Others run where they fit: hdbscan and fastcluster hold all
distances at once (8 bytes a pair: 40 GB at 100,000), scikit-learn's DBSCAN holds neighbours.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline_tests.bench import clustering, ratio
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.ratio import Cost, Measured, Turns
from memoria_pipeline_tests.bench.scale import _peak as peak
from memoria_pipeline_tests.bench.scale import make
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

Vectors = NDArray[np.float32]

NUMBERS = 128
"""Per face: with fewer numbers the product is cheaper, so the rest weighs more."""

FITS = {"hdbscan": 10_000, "fastcluster": 10_000, "DBSCAN": 100_000}
"""The most faces that each is given: memory bounds the first two."""

TURNS = {1_000: 5, 10_000: 3, 50_000: 1, 100_000: 1}
"""By the number of faces, which are of half as many people."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What each side took for one event, and by how many bytes its process grew."""

    turns: Turns
    grown: Mapping[str, int]


def rows() -> Iterator[Row]:
    """Each size: ours by the product, then the others by ours."""
    for faces, turns in TURNS.items():
        with TemporaryDirectory() as folder:
            file = str(Path(folder) / "event.npz")
            _part("make", file, faces // 2, 2, NUMBERS)
            yield from said(faces, measured(file, faces, turns))


def said(faces: int, of: Sizes) -> Iterator[Row]:
    """Time and memory of one size."""
    what = f"{faces:,} faces"
    spent = of.turns.cost("ours")
    yield ratio.row(f"{what}: grouping ÷ bare product", of.turns.cpu("ours", "product"), spent)
    grown = f"{of.grown['ours'] / 1e6:.0f} MB"
    yield Measured.of(f"{what}: memory of grouping", "–", grown, True, spent)
    for name in sorted(set(of.grown) & set(FITS)):
        spent = of.turns.cost(name)
        yield ratio.row(f"{what}: {name}'s time ÷ ours", of.turns.cpu(name, "ours"), spent)
        larger = of.grown[name] / of.grown["ours"]
        reached = f"{larger:.1f}×, {of.grown[name] / 1e6:,.0f} MB"
        yield Measured.of(f"{what}: {name}'s memory ÷ ours", "–", reached, True, spent)


def measured(file: str, faces: int, turns: int) -> Sizes:
    """Everybody who fits, in turns."""
    sides = ["product", "ours", *(name for name, most in FITS.items() if faces <= most)]
    taken: dict[str, list[Cost]] = {name: [] for name in sides}
    grown: dict[str, list[int]] = {name: [] for name in sides}
    for turn in range(turns):
        for name in sides[:: -1 if turn % 2 else 1]:
            found = json.loads(_part("alone", file, name))
            taken[name].append(Cost(found["cpu"], found["wall"]))
            grown[name].append(found["bytes"])
    return Sizes(Turns(taken), {name: int(median(each)) for name, each in grown.items()})


def alone(file: str, name: str) -> dict[str, float]:
    """What one run takes; what is imported or set up at first is no part of it."""
    with np.load(file) as saved:
        vectors, photo = saved["vectors"], saved["photo"]
    work = SIDES[name]
    work(vectors[:50], photo[:50])
    before = peak()
    spent = ratio.cost(lambda: work(vectors, photo))
    return {"cpu": spent.cpu, "wall": spent.wall, "bytes": max(peak() - before, 1)}


def product(vectors: Vectors, _: NDArray[np.int64]) -> None:
    """Each pair once, in tiles, on as many workers as ours has."""
    clustering.half(vectors)


def ours(vectors: Vectors, photo: NDArray[np.int64]) -> None:
    """As an event is grouped."""
    cluster(vectors, photo, thresholds=THRESHOLDS)


def by_neighbours(vectors: Vectors, _: NDArray[np.int64]) -> None:
    """DBSCAN: whoever is within the distance at which we merge."""
    from sklearn.cluster import DBSCAN

    DBSCAN(eps=1 - THRESHOLDS.merge, min_samples=2, metric="cosine").fit(vectors)


def by_linkage(vectors: Vectors, _: NDArray[np.int64]) -> None:
    """Average linkage of all pairs, cut where we merge."""
    import fastcluster
    from scipy.cluster.hierarchy import fcluster

    n, at = len(vectors), 0
    distances = np.empty(n * (n - 1) // 2)
    for face in range(n - 1):  # in the order of scipy's pdist, and nothing beside it
        distances[at : at + n - face - 1] = 1 - vectors[face + 1 :] @ vectors[face]
        at += n - face - 1
    tree = fastcluster.linkage(distances, method="average", preserve_input=False)
    fcluster(tree, 1 - THRESHOLDS.merge, criterion="distance")


SIDES: Mapping[str, Callable[[Vectors, NDArray[np.int64]], None]] = {
    "product": product,
    "ours": ours,
    "hdbscan": clustering.by_density,
    "DBSCAN": by_neighbours,
    "fastcluster": by_linkage,
}


def _part(*arguments: object) -> str:
    command = [sys.executable, "-m", __spec__.name, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", *arguments]:
            make(*arguments)
        case ["alone", file, name]:
            sys.stdout.write(json.dumps(alone(file, name)))
