"""The main job, through Dagster, on real photos with the real default model and a real database."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import cv2
import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.store import db, media, persons, proposals
from memoria_pipeline.store import events as event_store
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import Limits

PARTY = Path(str(find_spec("insightface").origin)).parent / "data" / "images" / "t1.jpg"  # type: ignore[union-attr]
SIX = 6  # people in it


@cache
def party() -> Any:
    pixels = cv2.imread(str(PARTY))
    assert pixels is not None
    return cv2.resize(pixels, None, fx=0.8, fy=0.8)


def write(folder: Path, name: str, gain: float = 1.0) -> None:
    cv2.imwrite(str(folder / name), cv2.convertScaleAbs(party(), alpha=gain))


@dataclass(frozen=True)
class Pipeline:
    """An event in a database of its own, and an instance of Dagster to run it on."""

    engine: sa.Engine
    instance: dg.DagsterInstance
    event: UUID
    folder: Path

    def run(self, detector: Detector | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        resources = {
            "store": Store(self.engine.url.render_as_string(hide_password=False)),
            "photos": PhotoStorage(Limits().max_bytes),
            "detector": detector or Detector(setting="dlib", workers=2),
        }
        return (
            defs()
            .resolve_job_def("process_event")
            .execute_in_process(
                partition_key=str(self.event),
                instance=self.instance,
                resources=resources,
                raise_on_error=False,
                run_config={"ops": {"clusters": {"config": config}}},
            )
        )

    def publish(self) -> None:
        """As an organiser who approves."""
        with db.connect(self.engine) as conn:
            [run] = proposals.waiting(conn)
            assert proposals.publish(conn, run.id)

    def photos(self) -> media.MediaSummary:
        with db.connect(self.engine) as conn:
            return media.summary(conn, self.event)

    def people(self) -> persons.PeopleSummary:
        with db.connect(self.engine) as conn:
            return persons.summary(conn, self.event)

    def query(self, query: str) -> list[Any]:
        with db.connect(self.engine) as conn:
            return list(conn.execute(sa.text(query), {"event": self.event}))


@pytest.fixture
def pipeline(database: sa.Engine, tmp_path: Path) -> Iterator[Pipeline]:
    folder = tmp_path / "album"
    folder.mkdir()
    write(folder, "a.jpg")
    write(folder, "b.jpg", 0.8)
    with db.connect(database) as conn:
        event = event_store.ensure(
            conn, name="Party", photo_root=str(folder), face_model="dlib", consent=True
        )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(events.name or "", [str(event)])
        yield Pipeline(database, instance, event, folder)


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    key = dg.AssetKey(asset)
    found = [m for m in result.get_asset_materialization_events() if m.asset_key == key]
    return {
        name: value.value
        for name, value in found[0].step_materialization_data.materialization.metadata.items()
    }


class Interrupted(Detector):
    """Dies after one photo, as a killed worker or a full disk would have it."""

    def analyse(self, *args: Any, **options: Any) -> Iterator[Outcome]:
        yield next(Detector.analyse(self, *args, **options))
        raise RuntimeError("the power is gone")


def test_photos_become_people_with_every_photo_accounted_for(pipeline: Pipeline) -> None:
    shutil.copyfile(pipeline.folder / "a.jpg", pipeline.folder / "copy.jpg")
    (pipeline.folder / "cut.jpg").write_bytes((pipeline.folder / "a.jpg").read_bytes()[:9000])
    (pipeline.folder / "notes.txt").write_text("not a photo")
    result = pipeline.run()
    photos, people = pipeline.photos(), pipeline.people()
    assert result.success
    assert (photos.total, photos.analysed, photos.duplicates, photos.pending) == (4, 2, 1, 0)
    assert [(key, reason) for key, reason, _ in photos.failed] == [("cut.jpg", "broken")]
    assert (people.people, people.faces) == (SIX, 2 * SIX)
    assert {each.photos for each in people.largest} == {2}
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert len(result.get_asset_check_evaluations()) == 20


def test_a_second_run_analyses_nothing_and_changes_nobody(pipeline: Pipeline) -> None:
    pipeline.run()
    before = pipeline.query("select id, face_person_id, embedded_at from memoria.faces order by id")
    again = pipeline.run()
    assert metadata(again, "faces")["photos analysed"] == 0
    assert metadata(again, "clusters")["run"] == "none: nothing changed"
    after = pipeline.query("select id, face_person_id, embedded_at from memoria.faces order by id")
    assert after == before
    assert pipeline.query("select count(*) from memoria.cluster_runs") == [(1,)]


def test_a_new_photo_is_the_only_one_analysed_and_people_keep_their_ids(pipeline: Pipeline) -> None:
    pipeline.run()
    before = {each.id for each in pipeline.people().largest}
    write(pipeline.folder, "c.jpg", 0.9)
    result = pipeline.run()
    assert metadata(result, "media")["new"] == 1
    assert metadata(result, "faces")["photos analysed"] == 1
    people = pipeline.people()
    assert {each.id for each in people.largest} == before
    assert {each.photos for each in people.largest} == {3}


def test_a_run_that_died_goes_on_where_it_stopped(pipeline: Pipeline) -> None:
    died = pipeline.run(Interrupted(setting="dlib", workers=1))
    assert not died.success
    assert (pipeline.photos().analysed, pipeline.photos().pending) == (1, 1)
    faces = pipeline.query("select id from memoria.faces")
    result = pipeline.run()
    assert result.success
    assert metadata(result, "faces")["photos analysed"] == 1
    assert set(faces) < set(pipeline.query("select id from memoria.faces"))
    assert pipeline.people().people == SIX


def test_without_consent_no_face_is_looked_for(pipeline: Pipeline) -> None:
    pipeline.query("update memoria.events set face_recognition_enabled = false returning 1")
    result = pipeline.run()
    assert not result.success
    failed = [event for event in result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["faces_and_embeddings"]
    assert "face_recognition_enabled" in str(failed[0].step_failure_data.error)
    assert pipeline.query("select count(*) from memoria.faces") == [(0,)]
    assert pipeline.photos().pending == 2


def test_a_photo_that_is_gone_from_the_folder_takes_its_faces_out_of_the_people(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    (pipeline.folder / "b.jpg").unlink()
    assert pipeline.run().success
    assert pipeline.photos().missing == 1
    assert {each.photos for each in pipeline.people().largest} == {1}


def test_the_other_method_can_be_asked_for_in_the_run(pipeline: Pipeline) -> None:
    write(pipeline.folder, "c.jpg", 0.9)
    result = pipeline.run(method="hdbscan", min_cluster_size=2, min_samples=1, epsilon=0.02)
    assert result.success
    assert pipeline.query("select method from memoria.cluster_runs") == [("hdbscan",)]
    assert pipeline.people().people > 1


def test_an_event_without_photos_is_no_error(pipeline: Pipeline) -> None:
    for photo in pipeline.folder.iterdir():
        photo.unlink()
    assert pipeline.run().success
    assert pipeline.people().people == 0


def test_two_faces_of_one_photo_in_one_person_fail_the_check(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.query(
        "update memoria.faces set face_person_id = (select id from memoria.face_persons limit 1)"
        " returning 1"
    )
    result = pipeline.run()  # the grouping is unchanged, so it stays as it is
    failed = [each.check_name for each in result.get_asset_check_evaluations() if not each.passed]
    assert failed == ["no_person_holds_two_faces_of_one_photo"]
    assert metadata(pipeline.run(force=True), "clusters")["published"] is False  # that is a lot
    pipeline.publish()
    assert pipeline.run().success


def test_nothing_personal_stands_in_what_dagster_keeps(pipeline: Pipeline) -> None:
    shutil.copyfile(pipeline.folder / "a.jpg", pipeline.folder / "Ada Lovelace.jpg")
    (pipeline.folder / "Grace Hopper.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    result = pipeline.run()
    run = pipeline.instance.get_run_by_id(result.run_id)
    kept = str(pipeline.instance.all_logs(result.run_id)) + str(run)
    assert "Lovelace" not in kept
    assert "Hopper" not in kept
    assert "Party" not in kept
