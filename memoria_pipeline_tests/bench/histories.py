"""Random histories of events in a real database: what humans decided must outlive all of them.

A history is uploads, analyses that find photos changed, groupings, photos that go and come back,
changes of model, decisions and undos, in random order. After every automatic step all that a human
decided must be as it was; after every step the rows must be what the log of decisions says; an undo
right after its decision must leave no trace.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from memoria_pipeline.store import (
    db,
    decisions,
    embedded,
)
from memoria_pipeline.store.migrate import migrate
from memoria_pipeline_tests.bench.actions import Actions
from memoria_pipeline_tests.bench.figures import Row

HUMAN = (
    "select id, verdict, face_person_id, machine_person_id from memoria.faces"
    " where event_id = :event and verdict is not null order by id",
    "select id, not_person_ids from memoria.faces"
    " where event_id = :event and not_person_ids <> '{}' order by id",
    "select id, status, linked_user_id, invitation_email, merged_into_id from memoria.face_persons"
    " where event_id = :event and human_touched order by id",
    # What a human touched is never deleted. What decisions say that were undone then may go, and
    # counts for nothing when they count again.
    "select id from memoria.faces where event_id = :event and human_touched order by id",
)
IMPURE = (
    "select face_person_id, media_id from memoria.faces where event_id = :event"
    " and verdict is null and face_person_id is not null"
    " group by face_person_id, media_id having count(*) > 1"
)


@dataclass(eq=False)
class History(Actions):
    """One event that things happen to.

    moved: rows of what humans decided that an automatic step changed. astray: faces that are not
    whom the log says they are. traces: undos that left one. impure: persons to whom an automatic
    step gave two faces of one photo, or a run left them.
    """

    steps: int = 0
    moved: int = 0
    astray: int = 0
    impure: int = 0

    def run(self, steps: int) -> "History":
        """So many random steps, each checked."""
        automatic = [self.upload, self.upload, self.look_again, self.group, self.group]
        automatic += [self.regroup, self.lose_a_photo, self.change_model]
        self.upload()
        self.group()
        for _ in range(steps):
            if self._chance.random() < 0.5:
                self._checked(automatic[self._chance.integers(len(automatic))])
            else:
                self.decide()
            self._compare_with_log()
            self.steps += 1
        return self

    def _checked(self, step: Callable[[], None]) -> None:
        before, twice = self._rows(HUMAN), self._impure()
        step()
        after = self._rows(HUMAN)
        self.moved += sum(
            len(set(map(str, old)) - set(map(str, new)))
            for old, new in zip(before, after, strict=True)
        )
        # A human may bring them about, by a merge that counts again; until a run parts them.
        left = set() if step in (self.group, self.regroup, self.change_model) else twice
        self.impure += len(self._impure() - left)

    def _impure(self) -> set[str]:
        [found] = self._rows((IMPURE,))
        return set(map(str, found))

    def _compare_with_log(self) -> None:
        with self.engine.begin() as conn:
            state = decisions.state(conn, self._event)
            rows = conn.execute(
                sa.text(
                    "select id, face_person_id, machine_person_id, verdict from memoria.faces"
                    " where event_id = :event"
                ),
                {"event": self._event},
            ).all()
            merged = conn.execute(
                sa.text(
                    "select id, merged_into_id from memoria.face_persons"
                    " where event_id = :event and merged_into_id is not null"
                ),
                {"event": self._event},
            )
            leads = {row.id: row.merged_into_id for row in merged}
        for row in rows:
            said = state.verdict.get(row.id)
            same = row.verdict == (said.kind if said else None)
            machine = row.machine_person_id
            while machine in leads:  # a run may have merged them as well
                machine = leads[machine]
            self.astray += not (same and row.face_person_id == state.current(row.id, machine))


def rows(histories: int = 1_000, steps: int = 16) -> Iterator[Row]:
    """So many histories in a database of their own; half a second each."""
    lived = []
    # Not below TMPDIR's usual depth: a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="mh-") as home, embedded.running(Path(home)) as url:
        engine = sa.create_engine(db.create_database(url.render_as_string(False), "histories"))
        migrate(engine)
        lived = [History(engine, seed).run(steps) for seed in range(histories)]
        engine.dispose()
    what = f"{histories:,} random histories"
    steps = sum(each.steps for each in lived)
    decided = sum(each.decided for each in lived)
    yield f"{what}: steps, decisions among them", "no figure", f"{steps:,}, {decided:,}", True
    for name, of in (
        ("reviewed faces and persons moved by a run", "moved"),
        ("faces that are not what the log says", "astray"),
        ("undos that left a trace", "traces"),
        ("impure persons made by a run", "impure"),
    ):
        count = sum(getattr(each, of) for each in lived)
        yield f"{what}: {name}", "0", f"{count:,}", count == 0
