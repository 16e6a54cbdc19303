"""`memoria model quantise`, `guard` and `check`, as they are typed."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import Result

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import guard, keeping
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline.vision.trial import Trial
from memoria_pipeline_tests.bench.detection import pixel_boxes
from memoria_pipeline_tests.vision.backends.conftest import save, typed


@pytest.fixture
def own_home(home: Path, trial: Trial, tmp_path: Path) -> Path:
    """A copy of the home with int8 networks: a verdict would change what the others measure."""
    assert trial.place.is_relative_to(home)
    shutil.copytree(home / "models", tmp_path / "home" / "models")
    return tmp_path / "home"


@pytest.fixture
def photos(tmp_path: Path, portraits: list[Image], plain: InsightFaceModel) -> list[str | Path]:
    """The arguments of a guard: one annotated photo, two people."""
    boxes = pixel_boxes(portraits[0], plain.detect(portraits[0])[:1])
    save(tmp_path / "labelled" / "one.jpg", portraits[0])
    (tmp_path / "labelled" / "boxes.json").write_text(json.dumps({"one.jpg": boxes.tolist()}))
    for place, image in zip(("a/1", "a/2", "b/1"), portraits, strict=True):
        save(tmp_path / "people" / f"{place}.jpg", image)
    return ["--labelled", tmp_path / "labelled", "--faces", tmp_path / "people"]


def test_quantise_says_on_how_many_photos_and_what_comes_next(quantised: Result) -> None:
    assert "calibrated on 3 photos; next: memoria model guard" in quantised.output


def test_quantise_without_photos_is_an_error_that_says_so(pack: Pack, tmp_path: Path) -> None:
    done = typed(tmp_path, pack, "quantise")
    assert isinstance(done.exception, ModelError)
    assert "name one that holds photos" in str(done.exception)


def test_the_guard_tells_what_each_way_loses_and_keeps_it(
    pack: Pack, own_home: Path, photos: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST_PAIRS", 2)
    done = typed(own_home, pack, "guard", *photos)
    assert done.exit_code == 0, done.exception
    assert "recall" in done.output
    assert "TAR" in done.output
    verdict = guard.verdict(keeping.folder(own_home / "models", pack), Way("openvino", "int8"))
    assert verdict is not None
    assert (verdict.faces, verdict.pairs) == (4, 3)
    assert str(own_home) not in done.output


def test_a_guard_of_too_few_people_is_an_error_and_permits_nothing(
    pack: Pack, own_home: Path, photos: list[str | Path]
) -> None:
    done = typed(own_home, pack, "guard", *photos)
    assert isinstance(done.exception, ModelError)
    assert "200 people" in str(done.exception)
    place = keeping.folder(own_home / "models", pack)
    assert not guard.permits(place, Way("openvino", "bf16"))


@pytest.mark.parametrize(
    ("boxes", "told"),
    [
        ({"gone.jpg": [[1, 2, 3, 4]]}, "Photo 1 of boxes.json cannot be read (FileNotFoundError)"),
        ({"boxes.json": [[1, 2, 3, 4]]}, "Photo 1 of boxes.json cannot be read (PhotoError)"),
        ({"one.jpg": [[1, 2, 3]]}, "no boxes.json that can be read (ValueError)"),
        ({"one.jpg": 7}, "no boxes.json that can be read (TypeError)"),
    ],
    ids=["no photo", "another file", "three numbers", "one number"],
)
def test_labels_that_cannot_be_used_are_an_error_that_names_no_file(
    pack: Pack, own_home: Path, photos: list[str | Path], boxes: dict[str, object], told: str
) -> None:
    (Path(photos[1]) / "boxes.json").write_text(json.dumps(boxes))
    done = typed(own_home, pack, "guard", *photos)
    assert isinstance(done.exception, ModelError)
    assert told in str(done.exception)
    assert "gone" not in str(done.exception)


def test_a_folder_of_portraits_that_is_not_there_is_an_error_at_once(
    pack: Pack, own_home: Path, photos: list[str | Path]
) -> None:
    done = typed(own_home, pack, "guard", *photos[:3], own_home / "nowhere")
    assert isinstance(done.exception, ModelError)
    assert "name one that holds photos" in str(done.exception)


def test_networks_are_not_made_anew_while_the_guard_measures_them(
    pack: Pack, own_home: Path, photos: list[str | Path]
) -> None:
    labelled, people = Path(photos[1]), Path(photos[3])
    trial = Trial(pack, keeping.folder(own_home / "models", pack))

    def tick(_: str) -> None:
        trial.make_int8(people)

    with pytest.raises(ModelError, match="at work on this pack: wait until it ends"):
        trial.judge(labelled, people, 9, tick)
    with keeping.alone(trial.place):
        assert isinstance(typed(own_home, pack, "guard", *photos).exception, ModelError)
    with keeping.alone(trial.place):  # it was let go, and is free again
        assert keeping.has_quantised(trial.place, pack)


def test_many_that_write_down_at_once_do_not_hinder_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: keeping.write(tmp_path / "one.json", {"n": n}), range(400)))
    assert 0 <= keeping.read(tmp_path / "one.json")["n"] < 400
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_what_is_no_photo_among_the_portraits_is_passed_over(
    pack: Pack, own_home: Path, photos: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST_PAIRS", 2)
    person = Path(photos[3]) / "a"
    (person / "folder.jpg").mkdir()
    (person / "gone.jpg").symlink_to(person / "nowhere.jpg")
    done = typed(own_home, pack, "guard", *photos)
    assert done.exit_code == 0, done.exception


def test_check_says_which_way_was_taken_and_what_hinders_the_others(
    pack: Pack, own_home: Path
) -> None:
    shown = typed(own_home, pack, "check").output
    assert "the fastest of 2 that are permitted here, as measured" in shown
    assert "openvino int8 is not proven for this pack on this machine" in shown
    assert "per photo" in shown
