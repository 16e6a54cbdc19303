"""The comparison of an event's groupings, through Dagster: numbers are kept, nobody moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.comparison import weekly_comparison
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.store import comparison, db, persons
from memoria_pipeline_tests.defs.test_grouping import Album
from memoria_pipeline_tests.people.synthetic import THRESHOLDS
from memoria_pipeline_tests.store.factories import an_event, one


class Calibrated:
    """A detector that only knows its pack's numbers."""

    def thresholds(self, model: str) -> Mapping[str, float]:
        return THRESHOLDS.as_table()


@dataclass(frozen=True)
class Compared:
    """A grouped event in a database of its own, and how to compare it."""

    engine: sa.Engine
    event: UUID
    instance: dg.DagsterInstance

    @property
    def store(self) -> Store:
        return Store(self.engine.url.render_as_string(hide_password=False))

    def run(self, event: UUID | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        return (
            defs()
            .resolve_job_def("compare_groupings")
            .execute_in_process(
                partition_key=str(event or self.event),
                instance=self.instance,
                resources={"store": self.store, "detector": Calibrated()},
                run_config={"ops": {"cluster_comparison": {"config": config}}},
                raise_on_error=False,
            )
        )

    def value(self, query: str) -> Any:
        with db.connect(self.engine) as conn:
            return one(conn, query)

    def asked(self) -> list[dg.RunRequest]:
        """What the schedule asks for."""
        now = datetime(2030, 1, 6, 4, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=now, resources={"store": self.store}
        )
        found = weekly_comparison(context)
        return found if isinstance(found, list) else []


@pytest.fixture(scope="module")
def album(
    module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compared]:
    with db.connect(module_database) as conn:
        album = Album(conn)
        album.add(*[(i, i + 1, i + 2) for i in range(0, 24, 3)], *[(i, i + 4) for i in range(12)])
        album.group()
    # on disk: a schedule opens its instance by reference
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        instance.add_dynamic_partitions("events", [str(album.event)])
        yield Compared(module_database, album.event, instance)
        db.engine(module_database.url.render_as_string(hide_password=False)).dispose()


@pytest.fixture
def compared(album: Compared) -> Compared:
    """The event as nobody has compared it yet."""
    with db.connect(album.engine) as conn:
        conn.execute(sa.text("truncate memoria.comparisons, memoria.uploads"))
        conn.execute(sa.text("update memoria.events set face_recognition_enabled = true"))
    return album


_ROWS = "select count(*) from memoria.comparisons"


def test_both_methods_are_kept_side_by_side_and_nobody_moves(compared: Compared) -> None:
    with db.connect(compared.engine) as conn:
        before = persons.current(conn, compared.event)
    result = compared.run()
    assert result.success
    with db.connect(compared.engine) as conn:
        assert persons.current(conn, compared.event) == before
        conn.execute(sa.text("set local role memoria_analyst"))
        rows = conn.execute(sa.text("select * from analytics.comparisons")).all()
        assert one(conn, "select sum(one_photo) from analytics.similarities") == 36
    assert sorted({row.method for row in rows}) == ["constrained", "hdbscan"]
    (in_use,) = [row for row in rows if row.in_use]
    assert (in_use.faces, in_use.agreement) == (48, 1)
    told = result.asset_materializations_for_node("cluster_comparison")[0].metadata
    assert "constrained (in use)" in str(told["compared"].value)


def test_an_event_that_did_not_change_is_compared_again_only_on_demand(compared: Compared) -> None:
    for again, rows in ((False, 1), (False, 1), (True, 2)):
        assert compared.run(again=again).success
        assert compared.value(_ROWS) == rows


def test_nothing_is_compared_without_consent(compared: Compared) -> None:
    with db.connect(compared.engine) as conn:
        conn.execute(sa.text("update memoria.events set face_recognition_enabled = false"))
    assert not compared.run().success
    assert compared.value(_ROWS) == 0
    assert compared.asked() == []


def test_each_week_asks_for_events_whose_people_changed_since(compared: Compared) -> None:
    with db.connect(compared.engine) as conn:
        an_event(conn)  # nobody was grouped in it
    (request,) = compared.asked()
    assert request.partition_key == str(compared.event)
    assert request.run_key == f"compare/{compared.event}/2030-01"
    compared.run()
    assert compared.asked() == []
    with db.connect(compared.engine) as conn:
        conn.execute(sa.text("update memoria.cluster_runs set published_at = clock_timestamp()"))
        assert comparison.due(conn, 0) == []
    assert len(compared.asked()) == 1


def test_an_event_into_which_photos_come_is_not_compared_yet(compared: Compared) -> None:
    with db.connect(compared.engine) as conn:
        conn.execute(
            sa.text(
                "insert into memoria.uploads (event_id, first_at, last_at, quiet_since, due_at)"
                " values (:event, now(), now(), now(), now())"
            ),
            {"event": compared.event},
        )
    assert compared.asked() == []


def test_a_deleted_event_takes_its_comparisons_along(conn: sa.Connection) -> None:
    event = an_event(conn)
    comparison.save(
        conn, event, model="dlib", fingerprint="x", parameters={}, tried=[], similarities=[]
    )
    assert one(conn, _ROWS) == 1
    conn.execute(sa.text("delete from memoria.events"))
    assert one(conn, _ROWS) == 0
