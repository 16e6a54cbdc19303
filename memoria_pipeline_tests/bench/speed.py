"""How fast the parts are, as ratios within one run: what each costs in units of something plain."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from memoria_pipeline.album import sample
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.analyse import Work, analyse, analyse_photo
from memoria_pipeline.vision.photo import EXTENSIONS, read_photo
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

PHOTOS = 24


def rows() -> Iterator[Row]:
    """Every ratio, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        sample.make_album(Path(folder) / "album")
        photos = Photos(str(Path(folder) / "album" / "photos"))
        yield from engine(photos)
        yield scaled_decoding(photos)
    for faces in (1_000, 10_000, 20_000):
        yield grouping(faces)


def engine(photos: Photos) -> Iterator[Row]:
    """Two workers, their start included, against one loop in this process; the default pack."""
    read = partial(photos.read, max_bytes=100_000_000)
    keys = [each.storage_key for each in photos.list(EXTENSIONS)][:PHOTOS]
    work = Work(read, partial(catalogue.load, "dlib"))
    model = work.load()
    alone = seconds(lambda: [analyse_photo(key, read(key), work, model) for key in keys], 1)
    both = seconds(lambda: list(analyse(keys, work, 2)), 1)
    yield f"{PHOTOS} photos: two workers ÷ one loop", "–", f"{alone / both:.2f}× as fast", True


def scaled_decoding(photos: Photos) -> Row:
    """A JPEG at a quarter of its side, against all of it."""
    key = max(
        (each for each in photos.list(EXTENSIONS) if each.storage_key.endswith(".jpg")),
        key=lambda each: each.byte_size,
    ).storage_key
    data = photos.read(key, 100_000_000)
    whole = read_photo(data)
    side = max(whole.width, whole.height) // 4
    full = seconds(lambda: read_photo(data), 9)
    quarter = seconds(lambda: read_photo(data, max_side=side), 9)
    return "JPEG: decoding a quarter of the side ÷ all", "–", f"{quarter / full:.2f}", True


def grouping(faces: int) -> Row:
    """Grouping, against the bare product of all faces with all (half of it is needed)."""
    made = event(faces // 2, 2, noise=0.09)
    product = seconds(lambda: blocks(made.vectors), 3)
    grouped = seconds(lambda: cluster(made.vectors, made.photo, thresholds=THRESHOLDS), 3)
    return f"grouping {faces:,} faces ÷ matrix product", "–", f"{grouped / product:.2f}", True


def blocks(vectors: np.ndarray) -> None:
    """The whole matrix product in blocks of 1024 rows; nothing is kept."""
    for i in range(0, len(vectors), 1024):
        vectors[i : i + 1024] @ vectors.T


def seconds(work: Callable[[], object], times: int) -> float:
    """The median of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken)
