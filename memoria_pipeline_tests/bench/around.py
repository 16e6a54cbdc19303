"""What Dagster, the database and the storage cost beside the networks.

`python -m memoria_pipeline_tests.bench.around` prints the figures; it needs about a minute. The job
`process_event` runs through Dagster on a real PostgreSQL, with a detector that finds made-up faces
at no cost: all CPU time, of this process and of the servers, is what is around the engine. The
first run imports Great Expectations, which a process does once. `memoria up` has a process for each
run, which starts and ends besides: that is a figure of its own.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from memoria_pipeline.store import db
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.defs.made_up import FACES, a_place

PHOTOS, MORE = 1_000, 10
ENGINE = 0.283
"""CPU seconds a photo: the fastest way that was measured, so that the share is the largest."""


def rows() -> Iterator[Row]:
    """A thousand photos; nothing new; ten more."""
    with tempfile.TemporaryDirectory(prefix="memoria-", ignore_cleanup_errors=True) as home:
        yield from _rows(Path(home))


def _rows(home: Path) -> Iterator[Row]:
    with db.running(home / "server") as urls:
        place = a_place(home, urls)
        place.photos(0, PHOTOS)
        share = sum(spent := place.run()) / (PHOTOS * ENGINE)
        what = f"around the engine, {PHOTOS:,} photos of {FACES} faces"
        reached = f"{share:.1%} ({_said(spent)})"
        yield f"{what}: CPU ÷ the engine's", "<= 10 %", reached, share <= 0.1
        nothing = place.run()
        reached = f"{sum(nothing):.1f} s ({_said(nothing)})"
        yield "an event with nothing new: CPU", "<= 3 s", reached, sum(nothing) <= 3
        reached = f"{sum(whole := place.run_apart()):.1f} s ({_said(whole)})"
        yield "the same with its process, which loads all: CPU", "no figure", reached, True
        place.photos(PHOTOS, MORE)
        reached = f"{sum(few := place.run()):.1f} s ({_said(few)})"
        yield f"{MORE} photos more: CPU", "no figure", reached, True


def _said(spent: tuple[float, float]) -> str:
    return f"{spent[0]:.1f} s here, {spent[1]:.1f} s in PostgreSQL"


if __name__ == "__main__":
    sys.exit(show("Around the engine", rows()))
