"""What the benchmark of faces found is measured on."""

import hashlib
from pathlib import Path

import pytest

from memoria_pipeline.vision.onnx_pack import open_pack
from memoria_pipeline.vision.trial import Trial
from memoria_pipeline_tests.bench import found


def test_int8_is_not_calibrated_on_the_photos_that_it_is_measured_on(
    shared_data: Path, shared_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    trial = Trial(open_pack(shared_models / "scrfd_2.5g_mobilefacenet"), tmp_path)
    monkeypatch.setattr(Trial, "of", lambda *_: trial)
    monkeypatch.setattr(Trial, "make_int8", lambda _, photos: made.append(photos))
    found.prepared()
    calibrated = {digest(path) for folder in made for path in folder.rglob("*.jpg")}
    measured = {digest(p) for p in (shared_data / "group-photos" / "annotated-boxes").iterdir()}
    assert calibrated
    assert not calibrated & measured


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
