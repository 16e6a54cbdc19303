"""What a large event takes of memory and time, its photos' analyses apart, in a real PostgreSQL.

10,000 photos with three faces each, of 3,000 people; grouped as the asset `clusters` does it, in a
process of its own. Then what saving analyses costs, as `faces` saves them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import numpy as np
import psutil
import sqlalchemy as sa

from memoria_pipeline.defs import grouping
from memoria_pipeline.store import copy, db, events, media
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.bench import ratio
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.filled import event_of, filled
from memoria_pipeline_tests.bench.ratio import Cost, Measured
from memoria_pipeline_tests.bench.scale import _peak as peak
from memoria_pipeline_tests.people import synthetic
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store import factories

PHOTOS, EACH, PEOPLE, NUMBERS = 10_000, 3, 3_000, 512
PACK = "insightface:large"
SAVED, BATCH = 2_000, 16


def rows(photos: int = PHOTOS) -> Iterator[Row]:
    """Memory, time, and both once more where nothing is new."""
    with stored(photos) as (url, event):
        for what in ("grouped and saved", "looked at again"):
            found = json.loads(_part("group", url, event))
            said = f"{photos:,} photos, {photos * EACH:,} faces {what}"
            spent = Cost(found["cpu"], found["wall"])
            grown = f"{found['grown'] / 1e6:.0f} MB of {found['peak'] / 1e6:.0f} MB"
            yield Measured.of(f"{said}: memory", "–", grown, True, spent)
            reached = f"{found['cpu']:.2f} CPU-s, PostgreSQL {found['server']:.2f} CPU-s"
            yield Measured.of(f"{said}: time", "–", reached, True, spent)
        yield size(url, photos)
        yield saving(url)


def size(url: str, photos: int) -> Row:
    """What the faces and photos take on disk, indexes included."""
    with db.connect(db.engine(url)) as conn:
        found = conn.execute(_SIZE).scalar_one()
    return "1,000 photos, 3,000 faces on disk", "–", f"{found / photos / 1000:.1f} MB", True


_SIZE = sa.text(
    "select pg_total_relation_size('memoria.media') + (select sum(pg_total_relation_size(inhrelid))"
    " from pg_inherits where inhparent = 'memoria.faces'::regclass)"
)


def saving(url: str, photos: int = SAVED) -> Row:
    """A transaction for each batch of photos."""
    engine = db.engine(url)
    with db.connect(engine) as conn:
        event = factories.an_event(conn)
        ids = factories.photos(conn, event, *(f"{i}.jpg" for i in range(photos)))
    found = [factories.analysed(photo, *map(_a_face, range(EACH))) for photo in ids]
    with engine.connect() as conn:
        server = Server(conn)
        conn.commit()

        def save() -> None:
            for first in range(0, photos, BATCH):
                with conn.begin():
                    media.save_analysis(conn, found[first : first + BATCH], factories.PACK)

        spent = ratio.cost(save)
        taken = server.used()
    engine.dispose()
    said = f"{spent.cpu / photos * 1000:.2f} CPU-s, PostgreSQL {taken / photos * 1000:.2f} CPU-s"
    return Measured.of("1,000 photos' analyses saved: time", "–", said, True, spent)


def _a_face(place: int) -> Face:
    return factories.a_face((0.1 + 0.25 * place, 0.2, 0.1, 0.15))


class Server:
    """The server's process behind a connection. CPU seconds since it was first asked."""

    def __init__(self, conn: sa.Connection) -> None:
        self._process = psutil.Process(conn.scalar(sa.text("select pg_backend_pid()")))
        self._before = self._total()

    def used(self) -> float:
        """Seconds."""
        return self._total() - self._before

    def _total(self) -> float:
        return float(sum(self._process.cpu_times()[:2]))


def group(url: str, event: str) -> dict[str, float]:
    """What one run takes: CPU of ours and of the server's process, bytes beyond what was there."""
    with db.connect(db.engine(url)) as conn:
        server, before = Server(conn), peak()
        of, how = events.lock(conn, UUID(event)), grouping.How(THRESHOLDS, 0.01)
        spent = ratio.cost(lambda: grouping.update(conn, of, how, force=False))
        taken = server.used()
    return {
        "cpu": spent.cpu,
        "wall": spent.wall,
        "server": taken,
        "grown": peak() - before,
        "peak": peak(),
    }


@contextmanager
def stored(photos: int) -> Iterator[tuple[str, UUID]]:
    """Such an event on an embedded server of its own: its database's URL and its id."""
    with filled(partial(_fill, photos)) as (_, url, event):
        yield url, event


def _fill(photos: int, conn: sa.Connection) -> UUID:
    event = event_of(conn, photos, PACK)
    _faces(conn, event, photos)
    return event


def _faces(conn: sa.Connection, event: UUID, photos: int) -> None:
    # Everybody once per turn, so nobody is twice in three faces that follow each other.
    each = -(-photos * EACH // PEOPLE)
    made = synthetic.event(PEOPLE, each, noise=0.045, d=NUMBERS).vectors[: photos * EACH]
    columns = {
        "face": np.arange(len(made), dtype=copy.INT4),
        "quality": np.random.default_rng(1).uniform(0.3, 1, len(made)).astype(copy.FLOAT4),
        "embedding": copy.halfvecs(made, 512),
    }
    conn.execute(
        sa.text(
            "create temp table large (face integer, quality real, embedding halfvec(512))"
            " on commit drop"
        )
    )
    copy.copy_in(conn, "copy large from stdin (format binary)", columns)
    conn.execute(_FACES, {"event": event, "pack": PACK, "each": EACH})


_FACES = sa.text(
    "with m as (select id, row_number() over (order by id) - 1 as n from memoria.media"
    "  where event_id = :event)"
    " insert into memoria.faces (event_id, media_id, bbox, embedding, model, quality_score,"
    " quality_class, det_score) select :event, m.id, jsonb_build_object('x', 0.1 + 0.25 *"
    " (l.face % :each), 'y', 0.2, 'w', 0.1, 'h', 0.15), l.embedding, :pack, l.quality, 'A', 0.9"
    " from large l join m on m.n = l.face / :each"
)


def _part(*arguments: object) -> str:
    command = [sys.executable, "-m", __spec__.name, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["group", url, event]:
            sys.stdout.write(json.dumps(group(url, event)))
