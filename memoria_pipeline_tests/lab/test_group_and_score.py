"""`memoria lab cluster` and `memoria lab score`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.group import group_faces, stranger_cosine
from memoria_pipeline.lab.score import score_people
from memoria_pipeline_tests.lab.tables_made_up import frame, save, save_truth
from memoria_pipeline_tests.people.synthetic import event

PACK = "insightface:scrfd_2.5g_mobilefacenet"
FACES = event(people=12, each=5)


def test_a_bare_table_is_grouped_and_scored(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "faces.parquet")
    grouped = group_faces(faces, tmp_path / "people.parquet")
    assert (grouped.faces, grouped.people, grouped.in_no_group) == (60, 12, 0)
    people = pd.read_parquet(tmp_path / "people.parquet")
    assert list(people) == ["photo", "face_index", "person", "probability"]
    assert people["person"].dtype == np.int64
    assert people["photo"].tolist() == frame(FACES)["photo"].tolist()
    (row,) = score_people([tmp_path / "people.parquet"], save_truth(FACES, tmp_path / "truth.csv"))
    assert (row["b3_f"], row["effort"], row["impure"], row["people"]) == (1, 0, 0, 12)


def test_the_packs_name_comes_from_the_table_or_is_guessed_aloud(tmp_path: Path) -> None:
    named = save(frame(FACES), tmp_path / "named.parquet", model=PACK)
    bare = save(frame(FACES), tmp_path / "bare.parquet")
    other = save(frame(FACES), tmp_path / "other.parquet", model="insightface:unheard_of")
    out = tmp_path / "people.parquet"
    assert (group_faces(named, out).pack, group_faces(named, out).note) == (PACK, "")
    assert group_faces(bare, out).pack == PACK
    assert "does not name its model" in group_faces(bare, out).note
    assert "unheard_of has no thresholds" in group_faces(other, out).note
    assert group_faces(bare, out, model=PACK).note == ""


def test_strangers_tell_the_scale_of_a_model() -> None:
    photo = FACES.photo.astype(str)
    assert abs(stranger_cosine(FACES.vectors, photo)) < 0.1
    shifted = FACES.vectors + 2 * np.ones(128, np.float32) / np.sqrt(128)
    assert stranger_cosine(shifted.astype(np.float32), photo) > 0.7
    assert stranger_cosine(FACES.vectors[:1], photo[:1]) == 0


def test_quality_classes_are_used_where_they_are(tmp_path: Path) -> None:
    table = frame(FACES).assign(quality=0.5, quality_class=["C"] + ["A"] * 59)
    grouped = group_faces(save(table, tmp_path / "f.parquet"), tmp_path / "p.parquet")
    assert grouped.in_no_group == 1
    assert pd.read_parquet(tmp_path / "p.parquet")["person"].tolist()[0] == -1


def test_both_methods_stand_side_by_side(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "faces.parquet")
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    group_faces(faces, files[0])
    group_faces(faces, files[1], method="hdbscan")
    rows = score_people(files, save_truth(FACES, tmp_path / "truth.csv"))
    assert [row["method"] for row in rows] == ["constrained", "hdbscan"]


def test_faces_without_a_truth_are_counted_not_judged(tmp_path: Path) -> None:
    truth = pd.read_csv(save_truth(FACES, tmp_path / "truth.csv"))
    more = pd.DataFrame({"photo": ["gone.jpg"], "face_index": [0], "identity": ["guest 1"]})
    pd.concat([truth[10:], more]).to_csv(tmp_path / "truth.csv", index=False)
    people = frame(FACES).drop(columns="embedding").assign(person=FACES.truth)
    saved = save(people, tmp_path / "mine.parquet")
    (row,) = score_people([saved], tmp_path / "truth.csv")
    assert (row["method"], row["faces"], row["judged"]) == ("mine", 60, 50)
    assert (row["unknown"], row["missing"], row["b3_f"]) == (10, 1, 1)


def test_a_truth_of_other_photos_is_refused(tmp_path: Path) -> None:
    people = frame(FACES).drop(columns="embedding").assign(person=FACES.truth, photo="other.jpg")
    saved = save(people.assign(face_index=range(60)), tmp_path / "p.parquet")
    with pytest.raises(LabError, match="in common"):
        score_people([saved], save_truth(FACES, tmp_path / "truth.csv"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="embedding"), "no column embedding"),
        (lambda t: t.drop(columns=["photo", "face_index"]), "no column photo, face_index"),
        (lambda t: pd.concat([t, t[:2]]), "2 rows repeat"),
        (lambda t: t.assign(face_index=None), "no photo or no face_index"),
        (lambda t: t.assign(face_index="first"), "must hold integers"),
        (lambda t: t.assign(embedding=1.5), "lists of numbers"),
        (lambda t: t.assign(embedding=[[1.0, 0.0]] * 59 + [[1.0]]), "row 59 differs"),
        (lambda t: t.assign(embedding=[[1.0, 0.0]] * 59 + [[0.0, 0.0]]), "first in row 59"),
        (lambda t: t.assign(embedding=[[1.0, 0.0]] * 59 + [[float("nan")] * 2]), "not finite"),
        (lambda t: t.assign(embedding=[[1.0, 0.0]] * 59 + [None]), "row 59 differs"),
        (lambda t: t.assign(quality="good"), "no number in quality"),
        (lambda t: t.assign(quality_class="D"), "not D"),
    ],
)
def test_tables_that_cannot_be_grouped_are_refused_with_the_reason(
    tmp_path: Path, change: object, says: str
) -> None:
    assert callable(change)
    faces = save(change(frame(FACES)), tmp_path / "faces.parquet")
    with pytest.raises(LabError, match=says):
        group_faces(faces, tmp_path / "people.parquet")
    assert not (tmp_path / "people.parquet").exists()


def test_files_that_are_not_what_they_should_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello")
    for name in ("text.parquet", "missing.parquet"):
        with pytest.raises(LabError, match=name):
            group_faces(tmp_path / name, tmp_path / "people.parquet")
    people = frame(FACES).drop(columns="embedding")
    for person, says in ((1.5, "integers"), (None, "no person"), ("ann", "integers")):
        saved = save(people.assign(person=person), tmp_path / "p.parquet")
        with pytest.raises(LabError, match=says):
            score_people([saved], save_truth(FACES, tmp_path / "truth.csv"))
    saved = save(people.assign(person=FACES.truth), tmp_path / "p.parquet")
    (tmp_path / "truth.csv").write_text("photo,identity\na,b\n")
    with pytest.raises(LabError, match="no column face_index"):
        score_people([saved], tmp_path / "truth.csv")
    with pytest.raises(LabError, match="nowhere.csv"):
        score_people([saved], tmp_path / "nowhere.csv")
    with pytest.raises(LabError, match="cannot be written"):
        group_faces(save(frame(FACES), tmp_path / "f.parquet"), tmp_path / "no" / "p.parquet")


def test_an_empty_table_has_no_people(tmp_path: Path) -> None:
    table = frame(FACES)[:0]
    grouped = group_faces(save(table, tmp_path / "f.parquet"), tmp_path / "p.parquet")
    assert (grouped.faces, grouped.people) == (0, 0)
