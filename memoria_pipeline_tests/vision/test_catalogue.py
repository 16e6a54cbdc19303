"""Which pack a setting means, where its thresholds come from, and what a missing one says."""

import json
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import catalogue, checking
from memoria_pipeline.vision import packs as known

SHARED = "scrfd_2.5g_mobilefacenet"

NUMBERS = {"merge": 0.4, "attach": 0.3}


@pytest.fixture
def own(shared_models: Path, tmp_path: Path) -> Path:
    """The pack of ../shared under another name, with a calibration of its own."""
    folder = tmp_path / "my pack"
    _link(shared_models, folder)
    (folder / known.CALIBRATION).write_text(json.dumps({"thresholds": NUMBERS, "date": "today"}))
    return folder


def _link(shared_models: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in (shared_models / SHARED).glob("*.onnx"):
        (folder / path.name).symlink_to(path)


def _home_with(shared_models: Path, home: Path, name: str, numbers: Mapping[str, float]) -> Path:
    folder = known.shelf(home) / name
    _link(shared_models, folder)
    if numbers:
        (folder / known.CALIBRATION).write_text(json.dumps({"thresholds": numbers}))
    return home


def test_auto_takes_dlib_on_a_bare_machine_and_says_why(tmp_path: Path) -> None:
    choice = catalogue.choose("auto", tmp_path)
    assert choice.pack == "dlib"
    assert "no InsightFace pack" in choice.reason


def test_auto_takes_a_calibrated_pack_that_is_here(shared_models: Path, tmp_path: Path) -> None:
    home = _home_with(shared_models, tmp_path, "buffalo_l", NUMBERS)
    assert catalogue.choose("auto", home).pack == "insightface:buffalo_l"
    assert catalogue.thresholds("insightface:buffalo_l", home) == NUMBERS


@pytest.mark.parametrize("setting", ["nonsense", "insightface:", "insightface", ""])
def test_a_setting_that_is_no_pack_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="use auto, dlib, insightface:NAME"):
        catalogue.choose(setting, tmp_path)


def test_a_folder_is_stored_under_its_name_never_its_path(own: Path) -> None:
    setting = f"insightface:{own}"
    assert known.stored_name(setting) == "insightface:my pack"
    assert catalogue.load(setting, "cpu").name == "insightface:my pack"


def test_a_folders_own_calibration_wins(own: Path, tmp_path: Path) -> None:
    setting = f"insightface:{own}"
    assert catalogue.thresholds(setting, tmp_path) == NUMBERS
    assert catalogue.thresholds("insightface:my pack", tmp_path, setting) == NUMBERS
    assert catalogue.load(setting, "cpu").thresholds == NUMBERS


def test_a_calibration_that_cannot_be_read_is_an_error_not_a_guess(own: Path) -> None:
    (own / known.CALIBRATION).write_text("{")
    with pytest.raises(ModelError, match=r"my pack cannot be read.*lab calibrate"):
        catalogue.thresholds(f"insightface:{own}")


def test_a_folder_is_known_by_its_recognition_file_under_any_name(
    own: Path, tmp_path: Path
) -> None:
    (own / known.CALIBRATION).unlink()
    there = known.numbers(f"insightface:{own}", tmp_path)
    assert there == known.numbers(f"insightface:{SHARED}", tmp_path)


def test_a_known_name_with_another_network_in_it_gets_no_thresholds(tmp_path: Path) -> None:
    folder = tmp_path / SHARED
    folder.mkdir()
    (folder / "other.onnx").write_bytes(b"another network")
    with pytest.raises(ModelError, match="memoria lab calibrate"):
        catalogue.thresholds(f"insightface:{folder}", tmp_path)


def test_an_unknown_pack_has_no_thresholds_and_the_error_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="memoria lab calibrate"):
        catalogue.thresholds("insightface:unheard_of", tmp_path)


def test_a_pack_that_is_not_here_is_an_error_that_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not on this machine: set MEMORIA_FACE_MODEL="):
        catalogue.load("insightface:unheard_of", home=tmp_path)
    with pytest.raises(ModelError, match="nowhere is not on this machine"):
        catalogue.load("insightface:/nowhere", home=tmp_path)


def test_dlib_does_not_pretend_to_run_on_cuda() -> None:
    with pytest.raises(ModelError, match="CPU only"):
        catalogue.load("dlib", "cuda")


def test_the_list_says_what_is_here_and_how_to_get_the_rest(
    shared_models: Path, tmp_path: Path
) -> None:
    home = _home_with(shared_models, tmp_path, "club", {})
    packs = {pack.name: pack for pack in catalogue.packs(home)}
    assert packs["dlib"].here
    assert "CC0" in packs["dlib"].licence
    assert packs["insightface:club"].here
    assert not packs["insightface:buffalo_l"].here
    assert "MEMORIA_FACE_MODEL=insightface:buffalo_l" in packs["insightface:buffalo_l"].get
    research = [p for name, p in packs.items() if name != "dlib"]
    assert all("non-commercial" in pack.licence for pack in research)


def test_the_thresholds_that_are_shipped_are_plain_numbers_of_known_packs(tmp_path: Path) -> None:
    for name in known.table("thresholds"):
        assert name in known.table("packs")
        assert all(isinstance(value, float) for value in known.numbers(name, tmp_path).values())


@pytest.mark.parametrize("pack", ["dlib", f"insightface:{SHARED}"])
def test_the_check_finds_the_six_people_of_the_sample_photo(pack: str, shared_models: Path) -> None:
    setting = pack.replace(SHARED, str(shared_models / SHARED))
    report = checking.check(setting, "cpu")
    assert (report.pack, report.device, report.faces) == (pack, "cpu", 6)
    assert min(report.load_seconds, report.ms_per_photo, report.ms_per_face) > 0


def test_two_workers_that_need_a_pack_download_it_once_and_see_it_whole(
    tmp_path: Path, shared_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shared_models / "scrfd_2.5g_mobilefacenet"
    downloads = []

    def download(_: str, name: str, root: str) -> str:
        downloads.append(name)
        place = Path(root) / "models" / name
        place.mkdir(parents=True)
        for path in sorted(source.glob("*.onnx")):
            time.sleep(0.2)  # a reader that looked now would see half of it
            shutil.copyfile(path, place / path.name)
        return str(place)

    monkeypatch.setattr("insightface.utils.storage.download", download)
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(catalogue.load, "insightface:buffalo_s", "cpu", home=tmp_path)
            for _ in range(2)
        ]
        assert {job.result().name for job in jobs} == {"insightface:buffalo_s"}
    assert downloads == ["buffalo_s"]
