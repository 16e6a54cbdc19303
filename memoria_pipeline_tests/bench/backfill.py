"""What a backfill of many small events costs, launched as the page in Dagster launches it.

MEMORIA_BENCH_BACKFILL events (100; the issue's 1,000 take an hour on two cores).
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench import uploaded
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import Stack, running, until
from memoria_pipeline_tests.bench.uploaded import Photos

EVENTS = int(os.environ.get("MEMORIA_BENCH_BACKFILL", "100"))
PHOTOS = 3

_ADD = """mutation ($selector: RepositorySelector!, $name: String!, $key: String!) {
  addDynamicPartition(
    repositorySelector: $selector, partitionsDefName: $name, partitionKey: $key
  ) { __typename ... on PythonError { message } } }"""
_LAUNCH = """mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { status } } }"""
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "memoria"}


def rows(photos: Photos, events: int = EVENTS) -> Iterator[Row]:
    """So many events of three photos each, all at once."""
    with running() as stack:
        stop_sensors(stack)  # the backfill alone is to be paid for here
        yield from _measured(stack, photos.paths[:PHOTOS], events)


def _measured(stack: Stack, photos: list[Path], count: int) -> Iterator[Row]:
    keys = [str(uploaded.upload(stack, f"small-{i}", photos)) for i in range(count)]
    for key in keys:
        stack.ask(_ADD, selector=REPOSITORY, name="events", key=key)
    before, started = stack.cpu("everything"), time.monotonic()
    backfill = launch(stack, keys)
    until(lambda: _status(stack, backfill) not in ("REQUESTED", ""), 120 + 30 * count, "No end", 1)
    wall, used = time.monotonic() - started, stack.cpu("everything") - before
    ended, states = _status(stack, backfill), uploaded.runs(stack)
    good = states["SUCCESS"] == count == states.total()
    yield f"backfill of {count:,} events of {PHOTOS} photos", "all done", f"{ended}, {states}", good
    reached = f"{wall / count:.1f} s, {used / count:.1f} CPU-s"
    yield "backfill: cost of an event", "no figure", reached, True


def launch(stack: Stack, keys: list[str]) -> str:
    """Launch the job's partitions; the backfill's id."""
    selector = {"partitionSetName": "process_event_partition_set", "repositorySelector": REPOSITORY}
    params = {"selector": selector, "partitionNames": keys}
    said = stack.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
    if "backfillId" not in said:
        raise MemoriaError(f"The backfill was refused: {said}")
    return str(said["backfillId"])


def _status(stack: Stack, backfill: str) -> str:
    said = stack.ask(_STATUS, id=backfill)["partitionBackfillOrError"]
    return str(said.get("status", ""))


def stop_sensors(stack: Stack) -> list[str]:
    """Turn every sensor and schedule off, as an operator does; their names."""
    said = stack.ask(_SENSORS, selector=REPOSITORY)["sensorsOrError"]["results"]
    for each in said:
        stack.ask(_STOP, id=each["sensorState"]["id"])
    return [each["name"] for each in said]


def start_sensors(stack: Stack, names: list[str]) -> None:
    """Turn sensors on."""
    for name in names:
        stack.ask(_START, selector={**REPOSITORY, "sensorName": name})


_SENSORS = """query ($selector: RepositorySelector!) {
  sensorsOrError(repositorySelector: $selector) {
    ... on Sensors { results { name sensorState { id status } } } } }"""
_STOP = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
_START = """mutation ($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { __typename } }"""


if __name__ == "__main__":
    with uploaded.album() as made:
        sys.exit(show("Backfill", rows(made)))
