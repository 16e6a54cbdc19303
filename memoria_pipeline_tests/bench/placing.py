"""What a photo of three faces costs an event of 30,000: Python's CPU and its server's together.

`python -m memoria_pipeline_tests.bench.placing` prints the figures; it needs about 3 minutes, most
of them for making the event. CPU time is read from the kernel, so that it needs Linux.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.defs import grouping, placing
from memoria_pipeline.defs.grouping import How
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.people.place import FEW, place, reach
from memoria_pipeline.store import db, embedded, events, faces, media, questions, runs
from memoria_pipeline.store import placing as place_store
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.model import Detection, Face
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

PEOPLE, EACH, D, NOISE = 3_000, 10, 512, 0.04
PHOTOS, PACK, TIMES = 500, "pack", 7
HOW = How(THRESHOLDS, churn_limit=0.01, gate=Gate(expectations=()))


@dataclass(frozen=True, slots=True)
class World:
    """An event that is grouped, and its people's true vectors."""

    conn: sa.Connection
    event: UUID
    vectors: np.ndarray


def rows() -> Iterator[Row]:
    """Placing; what everything around it costs in the same transaction; and the way before."""
    with (
        tempfile.TemporaryDirectory(prefix="memoria-", ignore_cleanup_errors=True) as home,
        embedded.running(Path(home)) as url,
    ):
        engine = _migrated(url)
        with engine.connect() as conn:
            yield from _figures(_world(conn))
        engine.dispose()


def _migrated(url: sa.URL) -> sa.Engine:
    """A database whose work is done by one process per connection: CPU time is then all there."""
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as conn:
        conn.execute(sa.text("create extension if not exists vector"))
        conn.execute(sa.text("alter system set max_parallel_workers_per_gather = 0"))
        conn.execute(sa.text("select pg_reload_conf()"))
    engine = sa.create_engine(url)
    migrate(engine)
    return engine


def _figures(world: World) -> Iterator[Row]:
    what = f"a photo with 3 faces placed into {PEOPLE * EACH:,}"
    spent = [_placed(world, i) for i in range(TIMES)]
    total = median(sum(each) for each in spent)
    said = " + ".join(f"{median(part):.1f}" for part in zip(*spent, strict=True))
    yield f"{what}: CPU", "<= 20 ms", f"{total:.1f} ms ({said}: Python, server)", total <= 20
    whole = median(sum(_updated(world, TIMES + i)) for i in range(3))
    yield f"{what}, with all checks of quality", "no figure", f"{whole:.0f} ms", True
    asked = median(sum(_asked(world)) for _ in range(3))
    yield f"{what}, then what to ask next of all", "no figure", f"{asked:.0f} ms", True
    before = sum(_cpu(world.conn, lambda: _as_before(world)))
    yield f"{what}, reading all faces", "no figure", f"{before:.0f} ms", True


def _placed(world: World, i: int) -> tuple[float, float]:
    """From who is new to who it is, published."""
    _arrive(world, i)
    last = runs.last_run(world.conn, world.event)
    assert last is not None

    def work() -> None:
        conn, known = world.conn, last.measures
        new = place_store.new(conn, last, FEW)
        assert new is not None
        assert len(new.ids) == 3
        assert place_store.else_as_it_was(conn, last, new)
        reached = reach(THRESHOLDS, known["loosest"])
        near = place_store.near(conn, world.event, PACK, new.ids, reached)
        found = place(place_store.present(conn, last, near), THRESHOLDS, reached)
        assert found is not None
        result = placing.result(near, set(new.ids), found)
        place_store.save(conn, last, new, measures=known, **result)

    return _cpu(world.conn, work)


def _updated(world: World, i: int) -> tuple[float, float]:
    """The whole transaction of the asset."""
    _arrive(world, i)
    return _cpu(world.conn, lambda: _group(world))


def _asked(world: World) -> tuple[float, float]:
    """The asset after it, which reads everybody in one transaction and writes in another."""

    def work() -> None:
        world.conn.commit()
        db.steady(world.conn)
        batch = questions.ask(world.conn, world.event, THRESHOLDS)
        world.conn.commit()
        questions.save(world.conn, world.event, batch)

    return _cpu(world.conn, work)


def _as_before(world: World) -> None:
    _arrive(world, TIMES + 3)
    world.conn.execute(sa.text("update memoria.cluster_runs set measures = measures - 'loosest'"))
    _group(world)


def _group(world: World) -> None:
    grouping.update(world.conn, events.lock(world.conn, world.event), HOW, force=False)


def _cpu(conn: sa.Connection, work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of this process and of the connection's server process."""
    pid = conn.scalar(sa.text("select pg_backend_pid()"))
    before, started = _server(pid), time.process_time()
    work()
    return (time.process_time() - started) * 1e3, _server(pid) - before


def _server(pid: Any) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def _world(conn: sa.Connection) -> World:
    """Everybody ten times, five to a photo, grouped by the machine."""
    made = event(PEOPLE, EACH, noise=NOISE, d=D)
    of = events.ensure(conn, name="Fête", photo_root="/bench", face_model=PACK, consent=True)
    photos = np.unique(made.photo, return_inverse=True)[1].reshape(-1)
    _register(conn, of, int(photos.max()) + 1)
    waiting = [each.id for each in media.pending(conn, of, PACK)]
    order = np.argsort(photos, kind="stable")
    cuts = np.flatnonzero(np.diff(photos[order])) + 1
    rows = np.split(order, cuts)
    for i in range(0, len(rows), PHOTOS):
        some = zip(waiting[i : i + PHOTOS], rows[i : i + PHOTOS], strict=True)
        media.save_analysis(conn, [_analysed(p, made.vectors[at]) for p, at in some], PACK)
    world = World(conn, of, made.vectors)
    _tidy(conn)
    _group(world)
    assert faces.fingerprint(conn, of, PACK).split(":")[1] == str(PEOPLE * EACH)
    _tidy(conn)
    return world


def _tidy(conn: sa.Connection) -> None:
    """As autovacuum leaves it within a minute."""
    conn.commit()
    with conn.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as beside:
        beside.execute(sa.text("vacuum analyze"))


def _register(conn: sa.Connection, of: UUID, count: int) -> None:
    media.register(conn, of, [FoundPhoto(f"{i:06}.jpg", 1000, "1") for i in range(count)])


def _arrive(world: World, i: int) -> None:
    """One more photo, of three people who are there."""
    chance = np.random.default_rng(i)
    count = "select count(*) from memoria.media where event_id = :event"
    known = world.conn.execute(sa.text(count), {"event": world.event}).scalar_one()
    _register(world.conn, world.event, known + 1)
    [photo] = [each.id for each in media.pending(world.conn, world.event, PACK)]
    chosen = world.vectors[chance.choice(PEOPLE, 3, replace=False)]
    shown = chosen + 0.02 * chance.normal(size=chosen.shape)
    media.save_analysis(world.conn, [_analysed(photo, shown)], PACK)
    world.conn.commit()


def _analysed(photo: UUID, vectors: np.ndarray) -> media.Analysed:
    found = []
    for i, vector in enumerate(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)):
        points = np.full((5, 2), 0.5, np.float32)
        where = Detection((0.01 + 0.18 * i, 0.1, 0.1, 0.1), points, 0.9)
        found.append(Face(where, 0.8, "A", vector.astype(np.float32)))
    return media.Analysed(photo, photo.hex * 2, 640, 480, 0.1, tuple(found))


if __name__ == "__main__":
    sys.exit(show("Placing", rows()))
