"""All is killed at once, or a run is cancelled by hand: it ends, its slots are free."""

import sys
import time
from collections.abc import Iterator

import sqlalchemy as sa

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import FINAL, Stack, running, until
from memoria_pipeline_tests.bench.uploaded import SLOTS, UNFINISHED, Photos, until_none

PATIENCE = 240.0
"""Seconds from a cut to its event being at rest."""


def power_cuts(photos: Photos, cuts: int = 5) -> Iterator[Row]:
    """Everything is killed at once in the middle of runs; how long until each ended and is retried.

    Counted from the start of `memoria up`.
    """
    ended, retried = [], []
    with running() as stack:
        for number in range(cuts):
            event = uploaded.upload(stack, f"cut-{number}", photos.paths)
            until(lambda: bool(_open(stack)), 120, "No run began")
            time.sleep(1.5 * number)  # starting, reading, analysing, grouping
            lost = _open(stack)
            stack.kill("everything")
            stack.start()
            ended.append(_seconds_until(stack, _STILL_OPEN, lost))
            retried.append(_seconds_until(stack, _NOT_RETRIED, lost))
            uploaded.wait_for_rest(stack, event, len(photos.paths), PATIENCE)
    worst = max(*ended, *retried)
    reached = f"{max(ended):.0f} s, {max(retried):.0f} s"
    yield f"{cuts} power cuts: each run ended, retried after", "< 60 s", reached, worst < 60


def _open(stack: Stack) -> list[str]:
    found = stack.rows("dagster", "select run_id from runs where status in ('STARTED', 'STARTING')")
    return [row[0] for row in found]


def _seconds_until(stack: Stack, query: str, lost: list[str]) -> float:
    """From the last start of `memoria up` until the query finds none of the lost runs."""

    def none() -> bool:
        try:
            return not lost or not stack.rows("dagster", query, runs=lost, final=list(FINAL))[0][0]
        except sa.exc.DBAPIError:
            return False

    try:
        until(none, 180, "Lost runs did not end")
    except MemoriaError:
        return float("inf")
    return time.time() - stack.starts[-1]


_STILL_OPEN = "select count(*) from runs where run_id = any (:runs) and status <> all (:final)"
# Those that had their end in the log already when the power went need no other run.
_NOT_RETRIED = (
    "select count(*) from runs r where run_id = any (:runs) and status <> 'SUCCESS'"
    " and not exists (select from run_tags t where t.key = 'dagster/parent_run_id'"
    " and t.value = r.run_id)"
)


def cancels(photos: Photos) -> Iterator[Row]:
    """Runs are cancelled as Dagster's page does it: the next event has the detector at once."""
    ended, freed, undone = [], [], 0
    with running() as stack:
        for number in range(CANCELS):
            event = uploaded.upload(stack, f"cancelled-{number}", photos.paths)
            until(lambda: bool(stack.rows("dagster", _HOLDERS)), 120, "No run had the detector")
            [run] = [row[0] for row in stack.rows("dagster", _HOLDERS)]
            time.sleep(2.0 * number)  # its workers start, work
            started = time.time()
            stack.ask(_TERMINATE, run=run)
            until_none(stack, UNFINISHED)
            ended.append(time.time() - started)
            left = until_none(stack, SLOTS)
            freed.append(float("inf") if left else time.time() - started)
            time.sleep(15)  # a sensor's interval: whoever cancelled is not overruled
            status = stack.rows("dagster", _STATUSES, event=str(event))
            undone += [row[0] for row in status] != ["CANCELED"]
    worst = max(*ended, *freed)
    reached = f"{max(ended):.0f} s, {max(freed):.0f} s, {undone}"
    what = f"{CANCELS} cancelled runs: ended, slots free after, asked for again"
    yield what, "< 40 s, 0", reached, worst < 40 and not undone


CANCELS = 3
_HOLDERS = "select distinct run_id from concurrency_slots where run_id is not null"
_STATUSES = (
    "select r.status from runs r join run_tags t on t.run_id = r.run_id"
    " where t.key = 'dagster/partition' and t.value = :event"
)
_TERMINATE = """mutation ($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename } }"""


if __name__ == "__main__":
    with uploaded.album() as made:
        sys.exit(show("Cuts", [*cancels(made), *power_cuts(made)]))
