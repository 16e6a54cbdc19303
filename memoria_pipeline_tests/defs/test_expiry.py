"""Faces live until their event's date; statistics and tags live on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.expiry import retention_schedule
from memoria_pipeline.defs.overdue import overdue_schedule
from memoria_pipeline.defs.partitions import events as partitions
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.privacy.retention import GRACE
from memoria_pipeline.store import db, decisions, retention
from memoria_pipeline_tests.store.factories import ORGANISER, an_album, group, one


def store(engine: sa.Engine) -> Store:
    return Store(engine.url.render_as_string(hide_password=False))


def tick(engine: sa.Engine) -> str:
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            repository_def=defs().get_repository_def(),
            resources={"store": store(engine)},
        ) as context,
    ):
        return retention_schedule.evaluate_tick(context).skip_message or ""


def an_event(engine: sa.Engine, days: int | None, *, ended: str = "10 days") -> UUID:
    """Three photos of two people, one of whom is a member."""
    with db.connect(engine) as conn:
        album = an_album(conn)
        group(conn, album.event, [[f[0] for f in album.faces], [f[1] for f in album.faces]])
        query = "select face_person_id from memoria.faces where id = :f"
        person = one(conn, query, f=album.faces[0][0])
        decisions.assign(conn, album.event, person, uuid4(), actor=ORGANISER)
        conn.execute(_ENDED, {"days": days, "ended": ended, "event": album.event})
    return album.event


_ENDED = sa.text(
    "update memoria.events set retention_days = :days, ends_at = now() - cast(:ended as interval)"
    " where id = :event"
)


def statistics(engine: sa.Engine, event: UUID) -> list[Any]:
    with db.connect(engine) as conn:
        coverage = "select to_jsonb(c) from analytics.event_coverage c where event_id = :e"
        people = (
            "select jsonb_agg(to_jsonb(p) order by status) from analytics.people p"
            " where event_id = :e"
        )
        tags = "select count(*) from memoria.media_tags where event_id = :e"
        return [one(conn, query, e=event) for query in (coverage, people, tags)]


def faces(engine: sa.Engine, event: UUID) -> int:
    with db.connect(engine) as conn:
        return int(one(conn, "select count(*) from memoria.faces where event_id = :e", e=event))


def test_an_event_past_its_date_is_archived_and_its_statistics_and_tags_stay(
    database: sa.Engine,
) -> None:
    over, running, silent = (an_event(database, days) for days in (7, 30, None))
    before = statistics(database, over)
    assert before[2] == 3
    assert tick(database) == "1 of 1 events past their date were archived"
    assert [faces(database, each) for each in (over, running, silent)] == [0, 6, 6]
    assert statistics(database, over) == before
    with db.connect(database) as conn:
        why = "select array_agg(scope || ' ' || source || ' ' || reason) from memoria.erasures"
        assert one(conn, why) == ["archive schedule retention"]
        state = "select status from memoria.events where id = :e"
        assert one(conn, state, e=over) == "archived"
        assert one(conn, "select to_regclass(memoria.partition_name(:e))", e=over) is None
    assert tick(database) == "0 of 0 events past their date were archived"


def test_an_event_that_somebody_holds_is_archived_an_hour_later(database: sa.Engine) -> None:
    held, free = an_event(database, 7), an_event(database, 7)
    with database.connect() as other:
        other.execute(sa.text("select from memoria.events where id = :e for update"), {"e": held})
        assert tick(database) == "1 of 2 events past their date were archived"
        assert [faces(database, each) for each in (held, free)] == [6, 0]
    assert tick(database) == "1 of 1 events past their date were archived"


def test_the_setting_counts_where_an_event_says_nothing(conn: sa.Connection) -> None:
    album = an_album(conn)
    now = datetime.now(UTC)
    assert retention.over(conn, now, None) == []
    assert retention.over(conn, now, 0) == [album.event]
    assert retention.over(conn, now, 1) == []
    assert retention.past_date(conn, album.event, now, 0) == 6
    assert retention.past_date(conn, album.event, now - GRACE, 0) == 0


def test_a_check_fails_where_faces_outlive_their_date(database: sa.Engine) -> None:
    an_event(database, 7, ended="7 days 1 hour")
    stuck = an_event(database, 7)
    with dg.DagsterInstance.local_temp() as instance:
        with dg.build_schedule_context(
            instance=instance,
            repository_def=defs().get_repository_def(),
            scheduled_execution_time=datetime(2026, 5, 4, 3, tzinfo=UTC),
            resources={"store": store(database)},
        ) as context:
            asked = overdue_schedule.evaluate_tick(context).run_requests or []
        assert [each.partition_key for each in asked] == [str(stuck)]
        assert not _passed(database, instance, stuck)


def _passed(engine: sa.Engine, instance: dg.DagsterInstance, event: UUID) -> bool:
    instance.add_dynamic_partitions(partitions.name or "", [str(event)])
    result = (
        defs()
        .resolve_job_def("check_overdue")
        .execute_in_process(
            partition_key=str(event),
            instance=instance,
            resources={"store": store(engine), "photos": None, "detector": None},
        )
    )
    name = "no_face_data_is_kept_past_its_date"
    [found] = [e for e in result.get_asset_check_evaluations() if e.check_name == name]
    return found.passed


@pytest.mark.parametrize("status", ["archived", "deleted"])
def test_another_application_that_ends_an_event_leaves_no_face_for_a_second(
    conn: sa.Connection, status: str
) -> None:
    album = an_album(conn)
    end = sa.text("update memoria.events set status = :status where id = :event")
    conn.execute(end, {"status": status, "event": album.event})
    assert one(conn, "select count(*) from memoria.faces") == 0
    assert retention.past_date(conn, album.event, datetime.now(UTC), None) == 0
