"""Quality through Dagster: what the checks tell, and that no way of launching gets round a hold."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs import holding
from memoria_pipeline.defs.overdue import overdue_schedule
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.store import canaries, db, media
from memoria_pipeline.store.canaries import Canary
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import Limits
from memoria_pipeline_tests.defs.test_process_event import SIX, Pipeline, metadata, pipeline, write
from memoria_pipeline_tests.store import factories

__all__ = ["pipeline"]


def launch(
    of: Pipeline, *assets: str, detector: Detector | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    """These assets alone, with their checks, as somebody would in the UI."""
    keys = [dg.AssetKey(name) for name in assets]
    ops = {"clusters": {"config": config}} if "clusters" in assets else {}
    job = dg.define_asset_job("by_hand", selection=dg.AssetSelection.assets(*keys))
    made = dg.Definitions.merge(defs(), dg.Definitions(jobs=[job])).resolve_job_def("by_hand")
    return made.execute_in_process(
        partition_key=str(of.event),
        instance=of.instance,
        resources={
            "store": Store(of.engine.url.render_as_string(hide_password=False)),
            "photos": PhotoStorage(Limits().max_bytes),
            "detector": detector or Detector(setting="dlib", workers=1),
        },
        raise_on_error=False,
        run_config={"ops": ops},
    )


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    found = [each for each in result.get_asset_check_evaluations() if not each.passed]
    return {each.check_name: each.severity for each in found}


def told(result: dg.ExecuteInProcessResult, check: str) -> Mapping[str, Any]:
    [one] = [e for e in result.get_asset_check_evaluations() if e.check_name == check]
    return {name: value.value for name, value in one.metadata.items()}


def people(of: Pipeline) -> list[Any]:
    return of.query("select id, face_person_id from memoria.faces where face_person_id is not null")


def one_face(of: Pipeline) -> None:
    """A photo that shows somebody, without looking at it."""
    with db.connect(of.engine) as conn:
        [photo] = factories.photos(conn, of.event, "a.jpg")
        found = factories.analysed(photo, factories.a_face(dimensions=128))
        media.save_analysis(conn, [found], "dlib")


def spoil(of: Pipeline, photos: int) -> None:
    """More photos than a handful that nobody can read."""
    whole = (of.folder / "a.jpg").read_bytes()
    for i in range(photos):
        (of.folder / f"cut{i}.jpg").write_bytes(whole[: 9000 + i])


def test_launching_what_comes_after_a_failed_check_does_not_get_round_it(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    before = people(pipeline)
    spoil(pipeline, 6)
    write(pipeline.folder, "c.jpg", 0.9)
    result = pipeline.run()
    assert failed(result) == {"few_photos_are_unreadable": dg.AssetCheckSeverity.ERROR}
    assert people(pipeline) == before
    for alone in (["tags"], ["clusters"], ["clusters", "tags"]):
        again = launch(pipeline, *alone)
        assert again.success
        assert people(pipeline) == before
        assert "few photos are unreadable" in metadata(again, alone[-1]).get("held back", "")
    held = pipeline.query("select status from memoria.cluster_runs order by created_at")
    assert held == [("published",), ("held",)]  # tried once, looked at three times
    knowingly = launch(pipeline, "clusters", despite_quality=True)
    assert "few photos" in metadata(knowingly, "clusters")["published despite"]
    assert len(people(pipeline)) == 3 * SIX
    for i in range(6):
        (pipeline.folder / f"cut{i}.jpg").unlink()
    assert failed(pipeline.run()) == {}


def test_a_check_tells_what_was_seen_what_is_allowed_and_how_grave_it_is(
    pipeline: Pipeline,
) -> None:
    result = pipeline.run()
    assert failed(result) == {}
    assert told(result, "enough_photos_show_faces") == {
        "observed": 1.0,
        "at least": 0.1,
        "severity": "warning",
    }
    assert told(result, "every_photo_is_accounted_for") == {
        "observed": 0.0,
        "at most": 0.0,
        "severity": "error",
    }
    assert told(result, "faces_keep_their_mates")["observed"] == "too few to say"
    partitions = {each.partition for each in result.get_asset_check_evaluations()}
    assert partitions == {str(pipeline.event)}
    # People are shown before the checks take their time.
    order = [e.step_key for e in result.all_events if e.is_step_success]
    assert order[:3] == ["media", "faces_and_embeddings", "clusters"]
    assert set(order[3:5]) == {"questions", "tags"}
    assert len(order) == 9
    said = metadata(result, "clusters")
    for name in ("how alike", "faces per person"):
        assert re.match(r"!\[[^]]+\]\(data:image/png;base64,[\w+/=]+\)$", said[name])


def test_an_event_too_small_is_left_alone_unless_it_is_asked_for(pipeline: Pipeline) -> None:
    one_face(pipeline)
    said = metadata(launch(pipeline, "clusters", start="when enough"), "clusters")
    assert (said["run"], said["faces"]) == ("none: too little is analysed yet", 1)
    assert people(pipeline) == []
    launch(pipeline, "clusters")
    assert len(people(pipeline)) == 1


def test_a_good_look_at_the_known_photo_counts_for_other_runs_and_a_bad_one_does_not(
    database: sa.Engine,
) -> None:
    store = Store(database.url.render_as_string(hide_password=False))
    detector = Detector(setting="dlib", workers=1)
    for missed in (0, 1):
        assert holding.seen(store, detector, "dlib") == {"canary_wrong": 0}
        with store.transaction() as conn:
            [how] = conn.scalars(sa.text("select settings from memoria.canaries"))
            canaries.save(conn, "dlib", how, Canary(missed, 0))
    with store.transaction() as conn:
        assert canaries.fresh(conn, "dlib", how) is None
        canaries.save(conn, "dlib", how, Canary(0, 0))
        assert canaries.fresh(conn, "dlib", how) == Canary(0, 0)
        assert canaries.fresh(conn, "dlib", "other settings") is None
        conn.execute(sa.text("update memoria.canaries set looked_at = now() - interval '2 hours'"))
        assert canaries.fresh(conn, "dlib", how) is None


def test_nothing_is_overdue_until_its_hours_are_over(pipeline: Pipeline) -> None:
    assert failed(launch_check(pipeline)) == {}
    pipeline.query(
        "insert into memoria.ml_jobs (job_type, event_id, created_at)"
        " values ('detect', :event, now() - interval '2 days') returning 1"
    )
    pipeline.query(
        "insert into memoria.erasures (event_id, scope, requested_at, due_at)"
        " select :event, 'person', ago, ago + interval '1 day'"
        " from (select now() - interval '2 days' as ago) as long returning 1"
    )
    pipeline.query(
        "insert into memoria.media (event_id, storage_key, created_at, arrived_at)"
        " select :event, 'late.jpg', ago, ago from (select now() - interval '2 days' as ago)"
        " as long returning 1"
    )
    assert failed(launch_check(pipeline)) == dict.fromkeys(
        ("no_job_is_overdue", "no_erasure_is_overdue", "no_photo_is_overdue"),
        dg.AssetCheckSeverity.WARN,
    )


def launch_check(of: Pipeline) -> dg.ExecuteInProcessResult:
    store = Store(of.engine.url.render_as_string(hide_password=False))
    return (
        defs()
        .resolve_job_def("check_overdue")
        .execute_in_process(
            partition_key=str(of.event), instance=of.instance, resources={"store": store}
        )
    )


def test_the_schedule_asks_once_a_day_for_each_event_in_which_something_is_overdue(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    instance = dg.DagsterInstance.local_temp(str(tmp_path))

    def asked() -> list[tuple[str | None, str | None]]:
        store = Store(pipeline.engine.url.render_as_string(hide_password=False))
        with dg.build_schedule_context(
            instance=instance,
            repository_def=defs().get_repository_def(),
            scheduled_execution_time=datetime(2026, 5, 4, 3, tzinfo=UTC),
            resources={"store": store},
        ) as context:
            found = overdue_schedule.evaluate_tick(context).run_requests or []
        assert all(int(each.tags["dagster/priority"]) < 0 for each in found)  # uploads go first
        return [(each.run_key, each.partition_key) for each in found]

    assert asked() == []
    pipeline.query(
        "insert into memoria.ml_jobs (job_type, event_id, created_at)"
        " values ('detect', :event, now() - interval '2 days') returning 1"
    )
    event = str(pipeline.event)
    assert asked() == [(f"{event}/overdue/2026-05-04", event)]


def test_a_tag_by_a_face_that_is_not_of_its_member_is_taken_off(pipeline: Pipeline) -> None:
    one_face(pipeline)
    pipeline.query(
        "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source,"
        " face_id) select media_id, gen_random_uuid(), gen_random_uuid(), 'face_clustering', id"
        " from memoria.faces limit 1 returning 1"
    )
    result = launch(pipeline, "tags")
    assert failed(result) == {}
    told = metadata(result, "tags")
    assert (told["tags"], told["removed"]) == (0, 1)
