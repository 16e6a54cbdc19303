"""The asset `faces` in a process that is there to be killed: `python -m …killed URL EVENT`.

Whenever a batch has been passed on it says `next` and waits for a line.
"""

import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg

from memoria_pipeline.defs.faces import faces_and_embeddings
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.pace import MOST
from memoria_pipeline.vision.photo import Limits
from memoria_pipeline_tests.defs.made_up import MadeUp


class Waiting(MadeUp):
    """Finds made-up faces, and asks before it looks at what the next batch begins with."""

    def analyse(self, *args: Any, **options: Any) -> Iterator[Outcome]:
        for number, outcome in enumerate(super().analyse(*args, **options)):
            if number and not number % MOST:
                print("next", flush=True)  # noqa: T201
                sys.stdin.readline()
            yield outcome


def analyse(url: str, event: str, detector: Detector) -> None:
    """What a run does with the photos that wait."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(events.name or "", [event])
        photos = PhotoStorage(Limits().max_bytes)
        made = dg.materialize(
            [faces_and_embeddings],
            partition_key=event,
            instance=instance,
            resources={"store": Store(url), "photos": photos, "detector": detector},
        )
        assert made.success


if __name__ == "__main__":
    analyse(sys.argv[1], sys.argv[2], Waiting())
