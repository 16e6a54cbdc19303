"""A decision folds what it has to do with of the log: the rows must be those of the whole log."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.decisions import Decision
from memoria_pipeline.store import decision_log, decisions, found_so, tags
from memoria_pipeline_tests.bench import actions
from memoria_pipeline_tests.bench.histories import History

ROWS = (
    *actions.ALL,
    "select media_id, tagged_user_id, tagged_by_user_id, face_id, bbox from memoria.media_tags"
    " where event_id = :event order by media_id, tagged_user_id",
    "select kind, face_ids, rest_face_ids, person_id, other_person_id, person_ids, supersedes,"
    " array(select unnest(affected_face_ids) order by 1) as faces, before,"
    " array(select unnest(affected_person_ids) order by 1) as persons"
    " from memoria.decisions where event_id = :event order by seq",
)
PART = decision_log.about


def whole(conn: sa.Connection, event_id: UUID, *_: Any, **__: Any) -> list[Decision]:
    return decision_log.log(conn, event_id)


class Twice(History):
    """Takes each decision twice, the first time with the whole log, and back.

    shorter: decisions that knew of less than the whole log. differ: those that changed other rows.
    """

    patch: pytest.MonkeyPatch
    shorter = 0
    differ = 0

    def _decision(self, conn: sa.Connection) -> UUID | None:
        tags.sync_event(conn, self._event)  # what analyses left to it
        dice, seed = self._chance.bit_generator.state, int(self._chance.integers(2**31))
        found = []
        for about in (whole, PART):
            self._chance.bit_generator.state = dice
            self._same_ids(seed)
            self.patch.setattr(decision_log, "about", about)
            with conn.begin_nested() as step:
                found.append((*self._try(conn), self._found_rows(conn)))
                if about is whole:
                    step.rollback()
        self.differ += found[0] != found[1]
        made, refused, _ = found[1]
        if refused is not None:
            raise DecisionError(refused)
        if made is not None:
            part = PART(conn, self._event, decisions=[made])
            self.shorter += len(part) < len(decision_log.log(conn, self._event))
        return made

    def _try(self, conn: sa.Connection) -> tuple[UUID | None, str | None]:
        try:
            with conn.begin_nested():
                return super()._decision(conn), None
        except DecisionError as error:
            return None, str(error)

    def _same_ids(self, seed: int) -> None:
        fresh = np.random.default_rng(seed)
        for module in (actions, decisions, found_so):
            self.patch.setattr(module, "uuid4", lambda: UUID(bytes=fresh.bytes(16)))

    def _found_rows(self, conn: sa.Connection) -> list[list[str]]:
        return [
            [str(row) for row in conn.execute(sa.text(query), {"event": self._event})]
            for query in ROWS
        ]


def test_a_decision_changes_the_rows_that_it_would_change_if_it_knew_the_whole_log(
    module_database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = []
    for seed in range(5):
        lived.append(Twice(module_database, seed))
        lived[-1].patch = monkeypatch
        lived[-1].run(16)
    assert sum(each.differ for each in lived) == 0
    assert sum(each.shorter for each in lived) > 10  # else the test could not fail
