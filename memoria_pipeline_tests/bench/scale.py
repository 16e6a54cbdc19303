"""How grouping grows: its time beside that of the bare matrix product, and its peak memory.

`python -m memoria_pipeline_tests.bench.scale` prints the figures; it needs about 6 minutes, most of
them for 100,000 faces of 512 numbers. Each size has a process of its own, on all cores.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

GIGABYTE = 1e9

CASES = [
    ("10,000 faces", 5_000, 2, 128, 5),
    ("10,000 faces of fifty people", 50, 200, 128, 5),
    ("100,000 faces", 50_000, 2, 128, 1),
    ("100,000 faces of fifty people", 50, 2_000, 128, 1),
    ("100,000 faces of 512 numbers", 50_000, 2, 512, 1),
]
"""What, people, faces of each, numbers per face, how often it is timed."""


def rows() -> Iterator[Row]:
    """Ratio and peak memory of every size."""
    for what, people, each, d, times in CASES:
        ratio, peak = measured(people, each, d, times)
        yield f"{what}: grouping ÷ matrix product", "<= 3", f"{ratio:.2f}", ratio <= 3
        reached = f"{peak / GIGABYTE:.2f} GB"
        yield f"{what}: peak of the process", "<= 2 GB", reached, peak <= 2 * GIGABYTE


def measured(people: int, each: int, d: int, times: int) -> tuple[float, int]:
    """Time of grouping by that of the product, and the process's peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "event.npz")
        # Making the event takes more memory than grouping it, so another process does that.
        _part("make", file, people, each, d)
        answer = json.loads(_part("group", file, times))
    return answer["ratio"], answer["peak"]


def _part(*arguments: object) -> str:
    command = [sys.executable, "-m", __spec__.name, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def make(file: str, people: str, each: str, d: str) -> None:
    """An event in a file, as hard as 128 numbers with noise .09."""
    noise = 0.09 * (128 / int(d)) ** 0.5
    faces = event(int(people), int(each), noise=noise, d=int(d))
    np.savez(file, vectors=faces.vectors, photo=faces.photo)


def group(file: str, times: str) -> str:
    """What one process needs, as JSON; the product and the grouping take turns."""
    with np.load(file) as saved:
        vectors, photo = saved["vectors"], saved["photo"]
    ratios = []
    for _ in range(int(times)):
        started = time.perf_counter()
        blocks(vectors)
        between = time.perf_counter()
        cluster(vectors, photo, thresholds=THRESHOLDS)
        ratios.append((time.perf_counter() - between) / (between - started))
    return json.dumps({"ratio": median(ratios), "peak": _peak()})


def blocks(vectors: np.ndarray) -> None:
    """The whole matrix product in blocks of 1024 rows; nothing is kept."""
    for i in range(0, len(vectors), 1024):
        vectors[i : i + 1024] @ vectors.T


def _peak() -> int:
    """Bytes of this process at its worst moment."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins with the peak of whoever started us
        lines = status.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", *arguments]:
            make(*arguments)
        case ["group", *arguments]:
            sys.stdout.write(group(*arguments))
        case _:
            sys.exit(show("Scale", rows()))
