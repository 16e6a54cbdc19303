"""An event moves to another pack, through Dagster, with real photos and both real packs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import beside, db, decisions, events, persons, proposals
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.photo import Limits
from memoria_pipeline_tests.defs.test_process_event import SIX, Pipeline, metadata, pipeline, write

__all__ = ["pipeline"]


def change(
    of: Pipeline, pack: str, *, setting: str = "", detector: Detector | None = None, **config: Any
) -> dg.ExecuteInProcessResult:
    ops = {"faces_beside": {"config": {"face_model": pack}}, "clusters_beside": {"config": config}}
    return (
        defs()
        .resolve_job_def("change_model")
        .execute_in_process(
            partition_key=str(of.event),
            instance=of.instance,
            resources={
                "store": Store(of.engine.url.render_as_string(hide_password=False)),
                "photos": PhotoStorage(Limits().max_bytes),
                "detector": detector or Detector(setting=setting or pack, workers=2),
            },
            raise_on_error=False,
            run_config={"ops": ops},
        )
    )


def test_faces_and_decisions_outlive_a_change_of_model(
    pipeline: Pipeline, shared_models: Path
) -> None:
    pack = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    pipeline.run()
    with db.connect(pipeline.engine) as conn:
        before = persons.current(conn, pipeline.event)
        one, other = sorted(set(before.values()))[:2]
        decisions.merge(conn, pipeline.event, one, other, actor=uuid4())
        decided = {face for face, person in before.items() if person in (one, other)}
    result = change(pipeline, pack, churn_limit=1.0)
    assert result.success
    told = metadata(result, "clusters_beside")
    assert (told["run"], told["published"], told["violations"]) == ("model", True, 0)
    with db.connect(pipeline.engine) as conn:
        after = persons.current(conn, pipeline.event)
        assert events.get(conn, pipeline.event).face_model.startswith("insightface:")
        assert beside.going(conn, pipeline.event) is None
    assert {after[face] for face in decided} == {one}
    assert set(before) <= set(after)  # six clear people: both packs find all of them
    assert pipeline.people().people == SIX - 1


def test_a_change_that_moves_many_waits_and_the_old_pack_serves_on(
    pipeline: Pipeline, shared_models: Path
) -> None:
    pack = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    pipeline.run()
    with db.connect(pipeline.engine) as conn:
        before = persons.current(conn, pipeline.event)
        [face, moved] = sorted(before)[:2]
        decisions.reject(conn, pipeline.event, [face], before[face], actor=uuid4())
    pipeline.run()  # the face that is not that person has become someone
    with db.connect(pipeline.engine) as conn:
        placed = persons.current(conn, pipeline.event)
    result = change(pipeline, pack, method="hdbscan", min_cluster_size=5, churn_limit=0.0)
    assert result.success
    assert metadata(result, "clusters_beside")["published"] is False
    write(pipeline.folder, "late.jpg", 0.9)
    assert pipeline.run().success
    with db.connect(pipeline.engine) as conn:
        assert events.get(conn, pipeline.event).face_model == "dlib"
        now = persons.current(conn, pipeline.event)
        assert {one: now[one] for one in placed} == placed
        assert moved in now
        [run] = proposals.waiting(conn)
        with pytest.raises(DatabaseError, match="has 1 photos to look at"):
            proposals.publish(conn, run.id)
    again = change(pipeline, pack, churn_limit=1.0)
    assert metadata(again, "faces_beside")["photos analysed"] == 1
    assert metadata(again, "clusters_beside")["published"] is True


@pytest.mark.parametrize(
    ("folder", "setting", "told"),
    [
        ("gone", "", "is not there"),
        ("bare", "", "has no thresholds"),
        ("bare", "dlib", "set MEMORIA_FACE_MODEL to it first"),
    ],
)
def test_a_pack_that_cannot_be_used_is_refused_before_the_work(
    pipeline: Pipeline, tmp_path: Path, folder: str, setting: str, told: str
) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "some.onnx").write_bytes(b"")
    result = change(pipeline, f"insightface:{tmp_path / folder}", setting=setting)
    assert not result.success
    failures = [each.step_failure_data.error for each in result.all_events if each.is_step_failure]
    assert told in str(failures)
    with db.connect(pipeline.engine) as conn:
        assert beside.going(conn, pipeline.event) is None


def test_an_event_that_has_the_pack_is_left_as_it_is(pipeline: Pipeline) -> None:
    pipeline.run()
    result = change(pipeline, "dlib")
    assert result.success
    assert metadata(result, "faces_beside")["run"] == "none: the event has this pack"


class Blind(Detector):
    """Reads no photo, as with a broken driver."""

    def analyse(self, model: str, keys: Iterable[str], *_: Any, **__: Any) -> Iterator[Outcome]:
        for key in keys:
            yield Outcome(key, error=("crashed", "The worker died."))


def test_a_pack_that_can_read_nothing_takes_no_event_over(
    pipeline: Pipeline, shared_models: Path
) -> None:
    pack = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    pipeline.run()
    for _ in range(3):  # then no photo is worth another try
        result = change(pipeline, pack, detector=Blind(setting=pack), churn_limit=1.0)
        assert not result.success
    with db.connect(pipeline.engine) as conn:
        assert events.get(conn, pipeline.event).face_model == "dlib"
    assert pipeline.people().people == SIX


def test_a_change_that_is_turned_down_leaves_nothing_beside(
    pipeline: Pipeline, shared_models: Path
) -> None:
    pack = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    pipeline.run()
    change(pipeline, pack, method="hdbscan", min_cluster_size=5, churn_limit=0.0)
    with db.connect(pipeline.engine) as conn:
        [run] = proposals.waiting(conn)
        proposals.hold(conn, run.id, "not wanted", turned_down=True)
        assert beside.going(conn, pipeline.event) is None
    assert pipeline.query("select count(*) from memoria.faces_beside") == [(0,)]
