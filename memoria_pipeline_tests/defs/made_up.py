"""An event of made-up faces, run by Dagster on a real PostgreSQL: for figures, not for tests."""

import hashlib
import io
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import numpy as np
import sqlalchemy as sa
from dagster._serdes import ConfigurableClassData

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.defs.storage import Storage
from memoria_pipeline.store import db
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.canary import KEY, KNOWN
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import Detection, Face
from memoria_pipeline.vision.photo import Limits
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

GUESTS, FACES = 1_010, 3
"""Each comes three times, and three of them are on each photo."""


@dataclass(frozen=True)
class MadeUp(Detector):
    """Finds three guests on a photo, by its name; no pixel is looked at, and it costs nothing."""

    @property
    def pack(self) -> str:
        return "made-up"

    def thresholds(self, model: str) -> Mapping[str, float]:
        return THRESHOLDS.as_table()

    @cached_property
    def vectors(self) -> np.ndarray:
        """One row per guest and photo."""
        return event(GUESTS, FACES, noise=0.04, d=512).vectors

    def analyse(
        self,
        model: str,
        keys: Iterable[str],
        read: Callable[[str], bytes],
        *,
        known: Iterable[str] = (),
        skip_duplicates: bool = True,
    ) -> Iterator[Outcome]:
        for key in keys:
            yield self._known() if key == KEY else self._found(key, read(key))

    def _known(self) -> Outcome:
        return Outcome(KEY, "0" * 64, 512, 512, (_face(KNOWN[0], self.vectors[0]),))

    def _found(self, key: str, data: bytes) -> Outcome:
        first = int(Path(key).stem) * FACES
        shown = self.vectors[first : first + FACES]
        faces = [_face((0.1 + 0.3 * i, 0.2, 0.2, 0.3), each) for i, each in enumerate(shown)]
        return Outcome(key, hashlib.sha256(data).hexdigest(), 640, 480, tuple(faces))


def _face(box: tuple[float, float, float, float], vector: np.ndarray) -> Face:
    points = np.full((5, 2), 0.5, np.float32)
    return Face(Detection(box, points, 0.9), 0.8, "A", vector.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Place:
    """An event's folder and databases, and the servers' first process."""

    url: str
    event: UUID
    instance: dg.DagsterInstance
    folder: Path
    server: int
    dagster: str

    def run(self) -> tuple[float, float]:
        """CPU seconds of this process, and of the servers, for one run of process_event."""
        before, started = _servers(self.server), time.process_time()
        with redirect_stderr(io.StringIO()):  # a line for every event of the run
            result = (
                defs()
                .resolve_job_def("process_event")
                .execute_in_process(
                    partition_key=str(self.event),
                    instance=self.instance,
                    resources={
                        "store": Store(self.url),
                        "photos": PhotoStorage(Limits().max_bytes),
                        "detector": MadeUp(),
                    },
                )
            )
        assert result.success
        return time.process_time() - started, _servers(self.server) - before

    def run_apart(self) -> tuple[float, float]:
        """As `run`, in a process of its own, as the product has it: with its start and end."""
        before, started = _servers(self.server), _children()
        asked = (self.url, self.dagster, str(self.event), str(self.folder), str(self.server))
        subprocess.run([sys.executable, "-m", __name__, *asked], check=True)
        return _children() - started, _servers(self.server) - before

    def photos(self, first: int, count: int) -> None:
        """Files with bytes of their own; none is a picture."""
        for i in range(first, first + count):
            (self.folder / f"{i:05}.jpg").write_bytes(b"\xff\xd8\xff" + str(i).encode())


def a_place(home: Path, urls: db.Databases) -> Place:
    """Migrated, with an event that agrees, and Dagster's own storage in PostgreSQL too."""
    engine, folder = db.engine(urls.memoria), home / "album"
    folder.mkdir()
    with db.connect(engine) as conn:
        pid = int(conn.execute(sa.text(_POSTMASTER)).scalar_one().split()[0])
    migrate(engine)
    with db.connect(engine) as conn:
        made = event_store.ensure(
            conn, name="Fête", photo_root=str(folder), face_model="made-up", consent=True
        )
    instance = an_instance(home, urls.dagster)
    instance.add_dynamic_partitions(events.name or "", [str(made)])
    return Place(urls.memoria, made, instance, folder, pid, urls.dagster)


class Given(Storage):
    """The product's own storage for Dagster, at an address that is given, not in the settings."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"url": str}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "Given":
        return cls.at(config_value["url"], inst_data)


def an_instance(home: Path, url: str) -> dg.DagsterInstance:
    """Dagster with its tables in the database at `url`, connected to as the product does."""
    given = {"module": __name__, "class": Given.__name__, "config": {"url": url}}
    return dg.DagsterInstance.local_temp(str(home), overrides={"storage": {"custom": given}})


_POSTMASTER = "select pg_read_file('postmaster.pid')"


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _servers(postmaster: int) -> float:
    """CPU seconds of all processes of a PostgreSQL, those that are gone included."""
    tick, total = os.sysconf("SC_CLK_TCK"), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if stat.parent.name == str(postmaster):
            total += sum(map(int, values[11:15]))  # with the children that ended
        elif values[1] == str(postmaster):
            total += sum(map(int, values[11:13]))
    return total / tick


if __name__ == "__main__":
    url, dagster, of, folder, server = sys.argv[1:]
    with an_instance(Path(folder).parent, dagster) as instance:
        Place(url, UUID(of), instance, Path(folder), int(server), dagster).run()
