"""From the last photo of a burst to its people being shown, beside the bare engine.

The default pack, 60 photos, an event in which nothing had happened before; the engine alone is
vision/analyse.py on the same photos with as many workers, right before each burst.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial

from memoria_pipeline.store.photos import Photos as Stored
from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.analyse import Work, analyse
from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import running, until
from memoria_pipeline_tests.bench.uploaded import Photos

PACK = "dlib"
SENSOR = 10.0
"""Seconds between two looks; the default."""

BURSTS = 2


def rows(photos: Photos) -> Iterator[Row]:
    """A new event, and a new event while the stack has been idle for a while."""
    with running(PACK) as stack:
        for number in range(BURSTS):
            bare = alone(photos)
            allowed = SENSOR + 1.25 * bare + 15
            event = uploaded.upload(stack, f"burst-{number}", photos.paths)
            last = time.monotonic()
            shown = partial(uploaded.published, stack, event, len(photos.paths))
            until(shown, 600, "The burst's people were not shown")
            took = time.monotonic() - last
            what = f"burst {number + 1} of {len(photos.paths)} photos to its people"
            asked = f"<= {allowed:.0f} s"
            reached = f"{took:.0f} s (engine {bare:.0f} s)"
            yield what, asked, reached, took <= allowed
            uploaded.wait_for_rest(stack, event, len(photos.paths), 120)


def alone(photos: Photos) -> float:
    """Seconds of the engine, its start included."""
    read = partial(Stored(str(photos.paths[0].parent)).read, max_bytes=100_000_000)
    work = Work(read, partial(catalogue.load, PACK))
    started = time.monotonic()
    for _ in analyse([path.name for path in photos.paths], work):
        pass
    return time.monotonic() - started


if __name__ == "__main__":
    with uploaded.album() as album:
        sys.exit(show("Latency", rows(album)))
