"""Two workers beside one loop, and a photo decoded at a quarter beside all of it."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from memoria_pipeline.album import sample
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.analyse import Work, analyse, analyse_photo
from memoria_pipeline.vision.photo import EXTENSIONS, read_photo
from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.figures import Row

PHOTOS = 36


def rows() -> Iterator[Row]:
    """On the sample album."""
    with tempfile.TemporaryDirectory() as folder:
        sample.make_album(Path(folder) / "album")
        photos = Photos(str(Path(folder) / "album" / "photos"))
        yield workers(photos)
        yield scaled_decoding(photos)


def workers(photos: Photos) -> Row:
    """Two workers, their start included, against one loop in this process; the default pack."""
    read = partial(photos.read, max_bytes=100_000_000)
    keys = [each.storage_key for each in photos.list(EXTENSIONS)][:PHOTOS]
    work = Work(read, partial(catalogue.load, "dlib"))
    model = work.load()
    sides = {
        "loop": lambda: [analyse_photo(key, read(key), work, model) for key in keys],
        "workers": lambda: list(analyse(keys, work, 2)),
    }
    turns = ratio.alternating(sides, 3, warm=False)
    faster = 1 / turns.wall("workers", "loop")
    what = f"{PHOTOS} photos: two workers ÷ one loop, by the clock"
    return ratio.row(what, faster, turns.cost("workers").each(PHOTOS))


def scaled_decoding(photos: Photos) -> Row:
    """A JPEG at a quarter of its side, against all of it."""
    key = max(
        (each for each in photos.list(EXTENSIONS) if each.storage_key.endswith(".jpg")),
        key=lambda each: each.byte_size,
    ).storage_key
    data = photos.read(key, 100_000_000)
    whole = read_photo(data)
    side = max(whole.width, whole.height) // 4
    sides = {"all": lambda: read_photo(data), "part": lambda: read_photo(data, max_side=side)}
    turns = ratio.alternating(sides, 9)
    what = "JPEG: decoding a quarter of the side ÷ all"
    return ratio.row(what, turns.cpu("part", "all"), turns.cost("part"))
