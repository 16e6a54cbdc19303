"""Tables as other people write them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from memoria_pipeline.cli import commands
from memoria_pipeline.errors import LabError, MemoriaError, SettingsError
from memoria_pipeline.lab.group import choose_thresholds, density, group_faces
from memoria_pipeline.lab.score import notes, score_people
from memoria_pipeline.lab.tables import read_faces, read_truth
from memoria_pipeline.people.density import Density
from memoria_pipeline.settings import settings
from memoria_pipeline_tests.lab.tables_made_up import frame, save, save_truth
from memoria_pipeline_tests.people.synthetic import event

ARCFACE = "insightface:scrfd_2.5g_mobilefacenet"
FACES = event(people=12, each=5)


def _people(folder: Path) -> Path:
    table = frame(FACES).drop(columns="embedding").assign(person=FACES.truth)
    return save(table, folder / "people.parquet")


def _one_person(d: int, cosine: float, faces: int = 6) -> pd.DataFrame:
    """Photos of one person; every two faces have this cosine."""
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(d, faces + 1)))[0].T
    vectors = np.sqrt(cosine) * axes[0] + np.sqrt(1 - cosine) * axes[1:]
    photos = [f"{number}.jpg" for number in range(faces)]
    return pd.DataFrame({"photo": photos, "face_index": 0, "embedding": list(vectors)})


def test_long_vectors_of_mostly_one_person_are_not_taken_for_dlibs(tmp_path: Path) -> None:
    faces = save(_one_person(512, 0.70), tmp_path / "f.parquet")
    grouped = group_faces(faces, tmp_path / "p.parquet")
    assert (grouped.people, grouped.pack) == (1, ARCFACE)
    assert "512 numbers" in grouped.note


def test_short_vectors_and_padded_ones_may_be_dlibs(tmp_path: Path) -> None:
    strangers = _one_person(128, 0.84)  # to dlib six people, not one
    padded = strangers.assign(embedding=strangers["embedding"].map(lambda v: np.pad(v, (0, 384))))
    for table in (strangers, padded):
        faces = save(table, tmp_path / "f.parquet")
        assert choose_thresholds(read_faces(faces), None)[1] == "dlib"


def test_one_person_in_most_photos_does_not_hide_the_strangers(tmp_path: Path) -> None:
    strangers = frame(event(4, 1)).assign(photo=["w", "x", "y", "z"], face_index=0)
    table = pd.concat([_one_person(128, 0.8, faces=14), strangers])
    assert choose_thresholds(read_faces(save(table, tmp_path / "f.parquet")), None)[1] == ARCFACE


def test_a_model_called_auto_or_unheard_of_is_refused(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "f.parquet")
    for name, says in (("auto", "leave --model out"), ("buffalo", "Unknown face model")):
        with pytest.raises(MemoriaError, match=says):
            group_faces(faces, tmp_path / "p.parquet", model=name)


def test_people_may_have_any_name(tmp_path: Path) -> None:
    names = ["NA", "null", "None", "nan", "n/a", "007", "7"] * 10
    truth = save_truth(FACES, tmp_path / "truth.csv")
    pd.read_csv(truth).assign(identity=names[:60]).to_csv(truth, index=False)
    assert read_truth(truth)["identity"].tolist() == names[:60]


def test_a_truth_may_come_from_any_program(tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text(
        'identity, face_index,photo\n7,"1",a.jpg\n 7 ,1.0,b.jpg\n,0,c.jpg\n', "utf-8-sig"
    )
    assert read_truth(truth).to_dict("list") == {
        "photo": ["a.jpg", "b.jpg"],
        "face_index": [1, 1],
        "identity": ["7", "7"],
    }


def test_backslashes_on_either_side_do_not_drop_faces(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    plain = score_people([people], truth)
    lines = truth.read_text().splitlines()
    half = [line.replace("/", "\\") if number % 2 else line for number, line in enumerate(lines)]
    truth.write_text("\n".join(half))
    assert score_people([people], truth) == plain
    table = pq.read_table(people).to_pandas()
    save(table.assign(photo=table["photo"].str.replace("/", "\\")), people)
    assert score_people([people], truth) == plain


def test_a_photo_named_in_two_ways_is_refused(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    with truth.open("a") as file:
        file.write("party\\0000.jpg,0,somebody\n")
    with pytest.raises(LabError, match="write it one way"):
        score_people([people], truth)


def test_what_the_figures_do_not_show_is_said(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    assert notes(score_people([people], truth)) == []
    save(pq.read_table(people).to_pandas()[:50], people)
    (note,) = notes(score_people([people], truth))
    assert "10 of 60 faces of the truth are not in the table" in note


def test_nothing_to_score_is_no_perfect_score(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    empty = save(pq.read_table(people).to_pandas()[:0], tmp_path / "empty.parquet")
    with pytest.raises(LabError, match="has no faces"):
        score_people([people, empty], truth)
    truth.write_text("photo,face_index,identity\na.jpg,0,\n")
    with pytest.raises(LabError, match="no row with an identity"):
        score_people([people], truth)


def test_columns_of_one_method_have_their_own_heads(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    table = pq.read_table(people).to_pandas()
    (tmp_path / "b").mkdir()
    places = [tmp_path / "one.parquet", tmp_path / "two.parquet", tmp_path / "b" / "one.parquet"]
    files = [save(table, path, method="constrained") for path in places]
    assert [row["method"] for row in score_people(files[:2], truth)] == ["one", "two"]
    assert [row["method"] for row in score_people(files, truth)] == [str(path) for path in files]


def _floats(kind: pa.DataType) -> Callable[[pd.DataFrame], pa.Table]:
    def change(table: pd.DataFrame) -> pa.Table:
        plain = pa.Table.from_pandas(table)
        return plain.set_column(2, "embedding", plain["embedding"].cast(kind))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _floats(pa.list_(pa.float64())),
        _floats(pa.list_(pa.float32(), 128)),
        _floats(pa.large_list(pa.float32())),
        lambda t: pa.Table.from_pandas(
            t.assign(embedding=[np.array(v) * (1 + i) for i, v in enumerate(t["embedding"])])
        ),
        lambda t: pa.Table.from_pandas(t.set_index("photo")),
        lambda t: pa.Table.from_pandas(t.set_index(["photo", "face_index"])),
        lambda t: pa.Table.from_pandas(t.astype({"photo": "category", "face_index": float})),
    ],
    ids=["float64", "fixed size", "large lists", "lengths", "index", "two indices", "categories"],
)
def test_faces_are_grouped_however_they_were_saved(
    tmp_path: Path, change: Callable[[pd.DataFrame], pa.Table]
) -> None:
    pq.write_table(change(frame(FACES)), tmp_path / "f.parquet")
    assert group_faces(tmp_path / "f.parquet", tmp_path / "p.parquet").people == 12
    truth = save_truth(FACES, tmp_path / "truth.csv")
    assert score_people([tmp_path / "p.parquet"], truth)[0]["b3_f"] == 1


@pytest.mark.parametrize("method", ["constrained", "hdbscan"])
@pytest.mark.parametrize("faces", [0, 1])
def test_tables_with_hardly_a_face_are_grouped(tmp_path: Path, method: str, faces: int) -> None:
    saved = save(frame(FACES)[:faces], tmp_path / "f.parquet")
    settings = Density() if method == "hdbscan" else None
    grouped = group_faces(
        saved,
        tmp_path / "p.parquet",
        method="hdbscan" if settings else "constrained",
        density=settings,
    )
    assert (grouped.faces, bool(grouped.note)) == (faces, faces > 0)
    assert pq.read_table(tmp_path / "p.parquet").num_rows == faces


def test_hdbscans_settings_are_refused_by_their_names() -> None:
    assert density(3, 2, 0.4) == Density(3, 2, 0.4)
    with pytest.raises(SettingsError, match="MIN_CLUSTER_SIZE"):
        density(1, 2, 0.4)


def test_hdbscans_settings_matter_to_hdbscan_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIN_CLUSTER_SIZE", "1")
    settings.cache_clear()
    faces = save(frame(FACES), tmp_path / "f.parquet")
    command = ["lab", "cluster", str(faces), "-o", str(tmp_path / "p.parquet")]
    assert CliRunner().invoke(commands, command).exit_code == 0
    refused = CliRunner().invoke(commands, [*command, "--method", "hdbscan"])
    settings.cache_clear()
    assert isinstance(refused.exception, SettingsError)


def test_the_command_says_which_faces_it_did_not_judge(tmp_path: Path) -> None:
    people, truth = _people(tmp_path), save_truth(FACES, tmp_path / "truth.csv")
    save(pq.read_table(people).to_pandas()[:50], people)
    shown = CliRunner().invoke(commands, ["lab", "score", str(people), str(truth)])
    assert shown.exit_code == 0
    assert "10 of 60 faces of the truth" in shown.stderr


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    for gap in (None, float("nan")):
        table = frame(FACES).assign(quality_class=pd.Series([gap] + ["A"] * 59))
        with pytest.raises(LabError, match="no quality_class"):
            group_faces(save(table, tmp_path / "f.parquet"), tmp_path / "p.parquet")


def test_people_do_not_overwrite_faces(tmp_path: Path) -> None:
    faces = save(frame(FACES), tmp_path / "f.parquet")
    with pytest.raises(LabError, match="are one file"):
        group_faces(faces, tmp_path / "." / "f.parquet")


def test_a_file_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"x\.parquet: there is no such file"):
        read_faces(tmp_path / "x.parquet")
    with pytest.raises(LabError, match=r"x\.csv: there is no such file"):
        read_truth(tmp_path / "x.csv")
