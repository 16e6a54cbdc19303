"""Random histories with an erasure: nothing is left of the erased, nobody else lost a thing.

A history is lived through twice: with guest 0, who is erased at a random moment (between two steps,
or in the middle of one), by a random door, while steps are undone in the middle, cut off and
killed; and without guest 0 ever having come. What is there of everyone else has to be the same.
What is left of guest 0 is looked for in a dump of the whole database, by nobody's list of places.
"""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.store import callers, db, embedded, erasure
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.privacy_residue import Needles, found_in
from memoria_pipeline_tests.bench.privacy_script import GONE, Step, script, without
from memoria_pipeline_tests.bench.privacy_view import View, view
from memoria_pipeline_tests.bench.privacy_world import World

BATCH = 25
TRIES = 8


class Killed(Exception):
    """Our own: the step ends here, as if its process had."""


@dataclass(eq=False)
class Life(World):
    """A history with faults. faults: how many of each kind; doors: by which the erasure came."""

    faults: Counter[str] = field(default_factory=Counter)
    needles: Needles = field(default_factory=Needles)
    _fuse: int = -1
    _then: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self._luck = np.random.default_rng([self.seed, 3])
        self._plain = self.engine
        self.engine = sa.create_engine(self._plain.url, pool_size=2)
        sa.event.listen(self.engine, "before_cursor_execute", self._burn)
        super().__post_init__()
        self.needles.words = {self.word[GONE], str(self.users[GONE])}
        if self.role in ("organiser", "photographer"):
            # they run the event, and stay, signed in as they are
            self.needles.spared = {"event_members", "sessions", "links"}

    def through(self, steps: list[Step]) -> None:
        """Live through all of it, the faults included."""
        waiting: Step | None = None
        for n, step in enumerate(steps):
            if step.does == "erase" and step.trouble == "meanwhile":
                waiting = step
                continue
            if step.does == "erase":
                self._suffer(step.trouble, partial(self.erase, step))
            elif waiting is not None:
                self._meanwhile(step, n, waiting)
                waiting = None
            else:
                self._suffer(step.trouble, partial(self.live, step, n))
        self._complete()
        self.engine.dispose()

    def erase(self, step: Step, engine: sa.Engine | None = None) -> None:
        """Guest 0 goes; what goes with them is noted in the same transaction. Twice is as once."""
        with (engine or self.engine).begin() as conn:
            conn.execute(_HOLD, {"event": self.event})
            self._note(conn, step)
            self._ask(conn, step)
        self.erased = True
        self.faults[f"by {step.door}"] += 1
        if step.door in ("withdrawn", "person"):  # the faces go, and the member stays one
            self.needles.words -= {self.word[GONE], str(self.users[GONE])}

    def _ask(self, conn: sa.Connection, step: Step) -> None:
        user = self.users[GONE]
        values = {"user": user, "event": self.event}
        if step.door == "sql":
            conn.execute(sa.text("select memoria.purge_face_data_for_user(:user, :event)"), values)
        elif step.door == "caller":
            callers.become(conn, user if self.role != "organiser" else self.organiser)
            conn.execute(sa.text("select memoria.purge_for_caller(:user, :event)"), values)
            conn.execute(sa.text("reset role"))
        else:
            reason: erasure.Reason = "withdrawn" if step.door == "withdrawn" else "request"
            whom: dict[str, Any] = {"user": user, "reason": reason}
            if step.door == "person":
                whom = {"persons": list(conn.scalars(_PERSONS, values))}
                if not whom["persons"]:
                    return
            asked = erasure.request(conn, "person", self.event, **whom)
            erasure.erase_rows(conn, asked)

    def _note(self, conn: sa.Connection, step: Step) -> None:
        """Which rows are guest 0's: by queries of our own."""
        values: dict[str, Any] = {"event": self.event, "user": self.users[GONE]}
        persons = set(conn.scalars(_PERSONS, values))
        tagged = None if step.door == "person" else self.users[GONE]
        values |= {"user": tagged, "persons": list(persons)}
        faces = conn.execute(_FACES, values).all()
        self.needles.words |= {str(each) for each in persons} | {str(row.id) for row in faces}
        self.needles.vectors |= {row.vector[:60] for row in faces if row.vector}
        self.needles.boxes |= {(row.media_id, row.sha256, row.x) for row in faces}

    def _complete(self) -> None:
        """What the pipeline does after the rows, until the receipt."""
        for _ in range(TRIES):
            with self._plain.connect() as conn, conn.begin():
                rows = [row for row in erasure.open_(conn, 100_000) if row.event_id == self.event]
                for row in rows:
                    erasure.erase_rows(conn, row.id)
                    erasure.finish(
                        conn, row.id, receipt={}, subject_hash="", signature="", key_id=""
                    )
            if not rows:
                return

    def _suffer(self, trouble: str, step: Callable[[], None]) -> None:
        """Take a step until it has been taken, whatever becomes of a try."""
        for i in range(TRIES):
            fault = trouble if i == 0 else "none"
            try:
                with self._fault(fault, step):
                    step()
                return
            except Killed:
                self.faults["undone"] += 1
            except DBAPIError as error:
                self.faults[f"database: {_state(error)}"] += 1
            except MemoriaError as error:
                if type(error).__name__ != "Overtaken":
                    raise
                self.faults["overtaken"] += 1
            finally:
                self._fuse, self._then = -1, None
        raise MemoriaError(f"History {self.seed}: a step did not come to its end.")

    @contextmanager
    def _fault(self, trouble: str, step: Callable[[], None]) -> Iterator[None]:
        if trouble == "undone":
            self._fuse = int(self._luck.integers(1, 30))
        if trouble == "killed":
            self._killed(step)
        if trouble != "cut":
            yield
            return
        timer = threading.Timer(float(self._luck.random()) * 0.04, self._cut)
        timer.start()
        try:
            yield
        finally:
            timer.join()

    def _cut(self) -> None:
        with self._plain.connect() as conn:
            self.faults["cut"] += int(conn.execute(_CUT).scalar_one())

    def _killed(self, step: Callable[[], None]) -> None:
        """The same step in a process of its own, which is killed somewhere in it."""
        self.faults["killed"] += 1
        child = os.fork()
        if child == 0:
            try:
                self.engine = sa.create_engine(self._plain.url, poolclass=sa.NullPool)
                self._plain = self.engine
                step()
            finally:
                os._exit(0)
        time.sleep(float(self._luck.random()) * 0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def _meanwhile(self, step: Step, n: int, erased: Step) -> None:
        """The erasure in the middle of a step: before one of its statements, whichever waits."""
        done: list[BaseException | None] = []

        def other() -> None:
            try:
                self.erase(erased, self._plain)
                done.append(None)
            except (DBAPIError, MemoriaError) as error:
                done.append(error)

        thread = threading.Thread(target=other)

        def now() -> None:
            thread.start()
            thread.join(0.05)

        self._fuse, self._then = int(self._luck.integers(1, 40)), now
        self._suffer("none", partial(self.live, step, n))
        if thread.ident is None:
            thread.start()
        thread.join()
        if done != [None]:
            self.faults["erasure taken again"] += 1
            self._suffer("none", partial(self.erase, erased))
        self.faults["meanwhile"] += 1

    def _burn(self, *_: Any) -> None:
        """Before each statement of a step."""
        self._fuse -= 1
        if self._fuse != 0:
            return
        if self._then is None:
            raise Killed
        self._then()


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "pgcode", None) or "connection lost")


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a history. residues, losses: as words, for whoever looks into it."""

    seed: int
    residues: list[str]
    losses: list[str]
    faults: Counter[str]


def judge(url: str, seeds: list[int]) -> list[Judged]:
    """Live through histories in a database of their own, and look at all of it in the end."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    lives = [_both(engine, seed) for seed in seeds]
    dumped = found_in(engine, [life.needles for life, _ in lives])
    judged = [
        Judged(life.seed, residues + _boxes(engine, life), losses, life.faults)
        for (life, losses), residues in zip(lives, dumped, strict=True)
    ]
    engine.dispose()
    return judged


def _both(engine: sa.Engine, seed: int) -> tuple[Life, list[str]]:
    steps = script(seed)
    life = Life(engine, seed)
    life.through(steps)
    other = World(sa.create_engine(engine.url), seed)
    for n, step in _numbered(steps):
        other.live(step, n)
    ours, theirs = _seen(engine, life), _seen(engine, other)
    other.engine.dispose()
    return life, theirs.losses(ours)


def _numbered(steps: list[Step]) -> list[tuple[int, Step]]:
    """The steps without guest 0, under the numbers that they have with them."""
    kept = []
    for n, step in enumerate(steps):
        kept += [(n, each) for each in without([step])]
    return kept


def _seen(engine: sa.Engine, world: World) -> View:
    with engine.connect() as conn:
        return view(conn, world)


def _boxes(engine: sa.Engine, life: Life) -> list[str]:
    """Faces where an erased one was, on the same photo or one with the same bytes."""
    with engine.connect() as conn:
        rows = conn.execute(_FACES_NOW, {"event": life.event}).all()
    return [
        f"{row.of}: a face where an erased one was"
        for row in rows
        for media, sha256, x in life.needles.boxes
        if abs(row.x - x) < 0.05 and (row.media_id == media or (sha256 and row.sha256 == sha256))
    ]


def rows(histories: int | None = None) -> Iterator[Row]:
    """So many histories on two cores, a second each or less."""
    count = histories or int(os.environ.get("MEMORIA_BENCH_PRIVACY_HISTORIES", "1000"))
    started = time.monotonic()
    judged: list[Judged] = []
    with tempfile.TemporaryDirectory(prefix="mp-") as home, embedded.running(Path(home)) as url:
        server = url.render_as_string(hide_password=False)
        batches = [list(range(at, min(at + BATCH, count))) for at in range(0, count, BATCH)]
        with ProcessPoolExecutor(2) as pool:
            for found in pool.map(partial(_batch, server), batches):
                judged += found
                for each in found:
                    for line in (*each.residues, *each.losses):
                        sys.stderr.write(f"history {each.seed}: {line}\n")
                sys.stderr.write(f"{len(judged)} of {count} histories\n")
    yield from _figures(judged, time.monotonic() - started)


def _batch(server: str, seeds: list[int]) -> list[Judged]:
    url = db.create_database(server, f"histories_{seeds[0]}")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    migrate(engine)
    return judge(url, seeds)


def _figures(judged: list[Judged], seconds: float) -> Iterator[Row]:
    what = f"{len(judged):,} random histories with an erasure"
    faults: Counter[str] = Counter()
    for each in judged:
        faults += each.faults
    told = ", ".join(f"{n:,} {name}" for name, n in sorted(faults.items()))
    yield f"{what}: {seconds / len(judged):.1f} s each", "no figure", told, True
    for name in ("residues", "losses"):
        found = [(each.seed, line) for each in judged for line in getattr(each, name)]
        first = "" if not found else f", first: {found[0][0]}: {found[0][1]}"
        whom = "for the erased" if name == "residues" else "for everyone else"
        yield f"{what}: {name} {whom}", "0", f"{len(found)}{first}", not found


_HOLD = sa.text("select 1 from memoria.events where id = :event for no key update")
_PERSONS = sa.text(
    "with recursive theirs as (select id from memoria.face_persons where event_id = :event"
    " and linked_user_id = :user union select p.id from memoria.face_persons p"
    " join theirs t on p.merged_into_id = t.id where p.event_id = :event) select id from theirs"
)
_FACES = sa.text(
    "select f.id, f.media_id, m.sha256, (f.bbox ->> 'x')::float8 as x, f.embedding::text as vector"
    " from memoria.faces f join memoria.media m on m.id = f.media_id where f.event_id = :event"
    " and (f.face_person_id = any (cast(:persons as uuid[])) or f.id in (select t.face_id"
    "  from memoria.media_tags t where t.event_id = :event"
    "  and t.tagged_user_id = cast(:user as uuid)))"
)
_FACES_NOW = sa.text(
    "select 'faces' as of, f.media_id, m.sha256, (f.bbox ->> 'x')::float8 as x"
    " from memoria.faces f join memoria.media m on m.id = f.media_id where f.event_id = :event"
    " union all select 'faces_beside', f.media_id, m.sha256, (f.bbox ->> 'x')::float8"
    " from memoria.faces_beside f join memoria.media m on m.id = f.media_id"
    " where f.event_id = :event"
)
_CUT = sa.text(
    "select count(pg_terminate_backend(pid)) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


if __name__ == "__main__":
    sys.exit(show("Privacy: random histories", rows(int(sys.argv[1]) if sys.argv[1:] else None)))
