"""Twenty events at once, each with five files that are no photo: all else is done, none is lost."""

import sys
from collections.abc import Iterator
from uuid import UUID

from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import Stack, running
from memoria_pipeline_tests.bench.uploaded import UNREADABLE, Photos

EVENTS = 20
PHOTOS = 30
"""Of each event, beside the unreadable ones: four fifths must be analysed before a grouping."""


def rows(photos: Photos, events: int = EVENTS) -> Iterator[Row]:
    """All uploaded in one go, with a detect job for each."""
    chosen = photos.paths[:PHOTOS]
    with running() as stack:
        made = []
        for number in range(events):
            name = f"party-{number}"
            made.append(uploaded.upload(stack, name, chosen))
            uploaded.spoil(stack, name, chosen[0])
            uploaded.enqueue(stack, made[-1])
        seconds = [
            uploaded.wait_for_rest(stack, event, PHOTOS + len(UNREADABLE), 60.0 + 30 * events)
            for event in made
        ]
        yield from _counted(stack, made, sum(seconds))


def _counted(stack: Stack, made: list[UUID], seconds: float) -> Iterator[Row]:
    events = len(made)
    what = f"{events} events at once, 5 unreadable each"
    done = stack.rows("memoria", _DONE)[0][0]
    reached = f"{done:,} of {events * PHOTOS:,} in {seconds:.0f} s"
    yield f"{what}: photos analysed", f"{events * PHOTOS:,}", reached, done == events * PHOTOS
    row, wanted = stack.rows("memoria", _FAILED)[0], events * len(UNREADABLE)
    good = row.failed == row.reasons == wanted
    yield f"{what}: failures, with a reason", f"{wanted}", f"{row.failed}, {row.reasons}", good
    jobs = stack.rows("memoria", "select count(*) from memoria.ml_jobs where status = 'completed'")
    yield f"{what}: jobs completed", f"{events}", str(jobs[0][0]), jobs[0][0] == events
    alike = len({uploaded.outcome(stack, each) for each in made})
    yield f"{what}: different outcomes", "1", str(alike), alike == 1


_DONE = "select count(*) from memoria.media where status in ('analysed', 'duplicate')"
_FAILED = (
    "select count(*) as failed,"
    " count(*) filter (where error_code <> '' and error <> '') as reasons"
    " from memoria.media where status = 'failed'"
)


if __name__ == "__main__":
    with uploaded.album() as album:
        sys.exit(show("Many events", rows(album)))
