"""`make verify-operations`: the figures of operations, asked and reached.

Two hours on two cores that have nothing else to do, most of them for the 100 histories; with
MEMORIA_BENCH_HISTORIES=8, MEMORIA_BENCH_BACKFILL=20 and MEMORIA_BENCH_EVENTS=1000 half an hour.
"""

import sys
from collections.abc import Iterator

from memoria_pipeline_tests.bench import (
    backfill,
    cuts,
    faults,
    idle,
    inbox,
    latency,
    many_events,
    uploaded,
)
from memoria_pipeline_tests.bench.figures import Row, show


def rows() -> Iterator[Row]:
    """Every figure of the issue's list: quick ones first, so that a mistake shows early."""
    with uploaded.album() as photos:
        yield from latency.rows(photos)
        yield from many_events.rows(photos)
        yield from cuts.cancels(photos)
        yield from cuts.power_cuts(photos)
        yield from idle.rows()
        yield from inbox.rows()
        yield from backfill.rows(photos)
        yield from faults.rows(photos)


if __name__ == "__main__":
    sys.exit(show("Operations", rows()))
