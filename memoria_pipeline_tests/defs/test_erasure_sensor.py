"""Who asks for the runs that erase, and what Dagster forgets of an event."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import erasure as asset
from memoria_pipeline.defs import forgetting
from memoria_pipeline.defs.erasure import erasure_sensor
from memoria_pipeline.defs.proving import Work
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.store import db
from memoria_pipeline_tests.defs.erased import Office

LOST, GOING = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


@pytest.fixture
def office(module_database: sa.Engine, tmp_path: Path) -> Iterator[Office]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Office(module_database, tmp_path, instance)
        yield made
        with db.connect(module_database) as conn:
            conn.execute(sa.text("delete from memoria.erasures where completed_at is null"))


def tick(office: Office) -> list[dg.RunRequest]:
    found = erasure_sensor(
        dg.build_sensor_context(instance=office.instance), store=Store(office.url)
    )
    return list(found.run_requests or []) if isinstance(found, dg.SensorResult) else []


def ids(request: dg.RunRequest) -> list[str]:
    found: list[str] = request.run_config["ops"]["erasures"]["config"]["ids"]
    return found


def test_open_erasures_get_one_run_of_each_kind_at_once_before_all_others(office: Office) -> None:
    assert tick(office) == []
    one, two = office.ask(office.guest()), office.ask(office.guest())
    event = office.ask(office.guest(), "event")
    asked = {request.job_name: request for request in tick(office)}
    assert set(ids(asked["erase_person"])) == {str(one), str(two)}
    assert ids(asked["erase_event"]) == [str(event)]
    for each in asked.values():
        assert each.partition_key is None  # no limit of an event's runs is its
        assert int(each.tags["dagster/priority"]) > 50


def test_one_is_not_asked_for_while_its_run_lives_and_is_again_after_it_was_lost(
    office: Office,
) -> None:
    asked = office.ask(office.guest())
    [request] = tick(office)
    for tags, status in ((request.tags, GOING), ({**request.tags, WILL_RETRY_TAG: "true"}, LOST)):
        create_run_for_test(office.instance, "erase_person", tags=tags, status=status)
        assert tick(office) == []
    create_run_for_test(office.instance, "erase_person", tags=request.tags, status=LOST)
    assert tick(office) == []
    failed = office.erasure(asked)
    assert (failed.status, failed.attempts, failed.error) == ("failed", 1, "RunLost")
    with db.connect(office.engine) as conn:  # 15 seconds later
        conn.execute(
            sa.text(
                "update memoria.erasures set requested_at = now() - interval '1 min' where id = :id"
            ),
            {"id": asked},
        )
    [again] = tick(office)
    assert ids(again) == [str(asked)]
    assert again.run_key != request.run_key


def test_the_job_does_it_and_its_history_names_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: Any) -> Work:
        return office.work

    monkeypatch.setattr(asset, "work_of", here)
    guest = office.guest()
    asked = office.ask(guest)
    done = (
        defs()
        .resolve_job_def("erase_person")
        .execute_in_process(
            run_config=asset.config([asked]),
            instance=office.instance,
            resources={"store": Store(office.url)},
        )
    )
    assert done.success
    assert office.erasure(asked).status == "completed"
    said = "\n".join(map(repr, office.instance.all_logs(done.run_id)))
    said += repr(office.instance.get_run_by_id(done.run_id))
    for secret in (str(guest.user), guest.email, str(guest.event), str(guest.person)):
        assert secret not in said


def test_what_is_no_events_finds_a_place_in_the_queue_beside_all_events() -> None:
    node = defs().resolve_asset_graph().get(dg.AssetKey("erasures"))
    assert node.partitions_def is None
    assert not node.pools


def test_an_erased_event_is_nowhere_in_dagsters_own_tables(
    server: str, database: sa.Engine, tmp_path: Path
) -> None:
    url = sa.make_url(server).set(database=database.url.database)
    with db.connect(db.engine(url.render_as_string(hide_password=False))) as conn:
        conn.execute(sa.text("create schema dagster"))
    shown = url.update_query_dict({"options": "-csearch_path=dagster"})
    text = shown.render_as_string(hide_password=False)
    storage: Any = {"postgres": {"postgres_url": text}}
    config = {"storage": storage, "telemetry": {"enabled": False}}
    event, other = str(uuid4()), str(uuid4())
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=config) as instance:
        for each in (event, other):
            history(instance, each)
        office = Office(database, tmp_path, instance)
        places = office.work.places
        done = forgetting.forget_event(instance, Store(office.url), places, text, UUID(event))
        assert done["runs"] == 2
        assert forgetting.naming(text, [event]) == {}
        assert forgetting.naming(text, [other])
        assert instance.get_dynamic_partitions("events") == [other]
        assert len(instance.get_runs()) == 2
        assert forgetting.mask(text, [other])
        assert forgetting.naming(text, [other]) == {}
    db.engine(text).dispose()


def history(instance: dg.DagsterInstance, event: str) -> None:
    """What a life leaves behind: runs, one of them waiting, a materialisation outside of any."""
    instance.add_dynamic_partitions("events", [event])
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.NOT_STARTED):
        create_run_for_test(
            instance, "process_event", tags={PARTITION_NAME_TAG: event}, status=status
        )
    instance.report_runless_asset_event(dg.AssetMaterialization("tags", partition=event))
