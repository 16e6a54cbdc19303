"""`memoria lab calibrate`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.calibrate import held_out, labelled, run
from memoria_pipeline.lab.events import events
from memoria_pipeline.lab.fit import Labelled, chance, pair_accepts
from memoria_pipeline.lab.tables import read_faces
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline_tests.lab.tables_made_up import frame, save, save_truth
from memoria_pipeline_tests.people.synthetic import event

FACES = event(people=60, each=5, noise=0.08)


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid that is enough for made-up people."""
    monkeypatch.setattr("memoria_pipeline.lab.fit.STEPS", 10)
    monkeypatch.setattr("memoria_pipeline.lab.calibrate.SPLITS", 1)


def test_thresholds_lie_between_strangers_and_one_person(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "faces.parquet", model="insightface:mine")
    truth = save_truth(FACES, tmp_path / "truth.csv")
    found = run(faces, truth, tmp_path / "calibration.json")
    thresholds = Thresholds.of(found["thresholds"])
    assert 0.2 < thresholds.attach <= thresholds.merge < 0.6
    assert thresholds.slope > 0
    assert abs(found["thresholds"]["stranger"]) < 0.1
    assert thresholds.certainty is not None
    assert thresholds.stranger_90 is not None
    assert thresholds.stranger_90 > found["thresholds"]["stranger"]
    assert thresholds.far is not None
    assert 0 < thresholds.far < 1e-3
    assert found["operating_point"]["b3_f"] > 0.99
    assert found["operating_point"]["ece_10"] < 0.03
    assert json.loads((tmp_path / "calibration.json").read_text()) == found
    assert found["model"] == "insightface:mine"


def test_the_folder_names_the_face_in_the_middle(tmp_path: Path) -> None:
    table = frame(FACES).assign(box_x=0.4, box_y=0.4, box_w=0.2, box_h=0.2)
    table["photo"] = [f"guest {who}/{i}.jpg" for i, who in enumerate(FACES.truth)]
    table["face_index"] = 1
    # Somebody else at the edge of every photo must not be taken for the guest.
    strangers = table.assign(
        face_index=0, box_x=0.0, embedding=frame(event(300, 1, seed=5))["embedding"].tolist()
    )
    both = save(table, tmp_path / "a.parquet"), tmp_path / "b.parquet"
    save(pd.concat([strangers, table]), both[1])
    alone, among = labelled(read_faces(both[0])), labelled(read_faces(both[1]))
    assert (among.identity == alone.identity).all()
    assert (among.vectors == alone.vectors).all()


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    few = event(people=10, each=5)
    faces = save(frame(few), tmp_path / "faces.parquet")
    with pytest.raises(LabError, match="at least 20 people"):
        run(faces, save_truth(few, tmp_path / "truth.csv"))
    with pytest.raises(LabError, match="box_x"):
        run(faces)


def test_people_with_two_faces_each_do_not_tell_how_tight_a_person_is(tmp_path: Path) -> None:
    pairs = event(people=30, each=2)
    faces = save(frame(pairs), tmp_path / "faces.parquet")
    with pytest.raises(LabError, match="5 people with 3 or more"):
        run(faces, save_truth(pairs, tmp_path / "truth.csv"))


def test_identities_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "faces.parquet")
    truth = pd.read_csv(save_truth(FACES, tmp_path / "truth.csv"))
    truth["identity"] = np.roll(np.repeat(np.arange(60), 5), 3)  # five in a row are five people
    truth.to_csv(tmp_path / "truth.csv", index=False)
    with pytest.raises(LabError, match="check the identities"):
        run(faces, tmp_path / "truth.csv")


def test_a_calibration_does_not_overwrite_what_it_reads(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "faces.parquet")
    truth = save_truth(FACES, tmp_path / "truth.csv")
    for output in (faces, truth):
        with pytest.raises(LabError, match="are one file"):
            run(faces, truth, output)
    with pytest.raises(LabError, match="there is no folder"):
        run(faces, truth, tmp_path / "no" / "calibration.json")


def test_a_truth_written_on_windows_names_the_same_faces(tmp_path: Path) -> None:
    table = read_faces(save(frame(FACES), tmp_path / "faces.parquet"))
    truth = save_truth(FACES, tmp_path / "truth.csv")
    plain = labelled(table, truth)
    truth.write_text(truth.read_text().replace("/", "\\"))
    assert (labelled(table, truth).identity == plain.identity).all()


def test_events_share_no_person_and_put_look_alikes_together() -> None:
    dealt = events(FACES.vectors, FACES.truth, alike=1.0, split=0, faces=100)
    assert sorted(np.concatenate([each.face for each in dealt])) == list(range(300))
    people = [set(FACES.truth[each.face].tolist()) for each in dealt]
    assert not people[0] & people[1]
    for each in dealt:
        pairs = np.stack([each.photo, FACES.truth[each.face]])
        assert len(np.unique(pairs, axis=1).T) == len(each.face)
        assert each.photo.min() == 0
        assert np.bincount(each.photo).max() <= 8


def test_the_same_split_is_dealt_the_same() -> None:
    once, again = (events(FACES.vectors, FACES.truth, alike=0.5, split=3)[0] for _ in range(2))
    assert (once.face == again.face).all()
    assert (once.photo == again.photo).all()


def test_held_out_thresholds_know_nothing_of_the_people_in_the_event() -> None:
    data = Labelled(FACES.vectors, FACES.truth, np.ones(300), np.full(300, "A", object))
    before = held_out(data)
    vectors = data.vectors.copy()
    mine = before[0].event.face
    vectors[mine] += 0.03  # these have something in common now
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    after = held_out(Labelled(vectors, data.identity, data.quality, data.quality_class))
    for name in ("stranger", "stranger_90", "trust"):
        values = [[getattr(each.thresholds, name) for each in held] for held in (before, after)]
        assert values[0][0] == values[1][0]
        assert values[0][1] != values[1][1]
    assert all(each.thresholds.certainty is not None for each in before)


def test_a_stranger_that_was_never_seen_is_not_impossible() -> None:
    few = event(people=30, each=2)
    assert pair_accepts(few.vectors, few.truth, 0.9)["far"] == 0
    pairs = 60 * 59 / 2 - 30
    assert chance(few.vectors, few.truth, 0.9) == pytest.approx(3 / pairs)
    assert chance(few.vectors, few.truth, -1) == 1
