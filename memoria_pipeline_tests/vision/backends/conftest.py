"""The real pack, small networks, and int8 ones made of it once."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from memoria_pipeline.vision.backends import keeping
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.onnx_pack import Pack, open_pack
from memoria_pipeline.vision.trial import Trial
from memoria_pipeline_tests.bench.composed import read

PACK = "scrfd_2.5g_mobilefacenet"


@pytest.fixture(scope="session")
def pack(shared_models: Path) -> Pack:
    return open_pack(shared_models / PACK)


@pytest.fixture(scope="session")
def portraits(shared_data: Path) -> list[Image]:
    """Two photos of one person, and one of another."""
    people = sorted(p for p in (shared_data / "lfw").iterdir() if len(list(p.iterdir())) > 1)
    one, other = people[0], people[1]
    return [read(path) for path in [*sorted(one.iterdir())[:2], sorted(other.iterdir())[0]]]


@pytest.fixture(scope="session")
def trial(pack: Pack, portraits: list[Image], tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """The pack with int8 networks, calibrated on three small photos."""
    home = tmp_path_factory.mktemp("home")
    photos = home / "photos"
    photos.mkdir()
    for number, image in enumerate(portraits):
        cv2.imwrite(str(photos / f"{number}.jpg"), np.ascontiguousarray(image[:, :, ::-1]))
    made = Trial(pack, keeping.folder(home / "models", pack))
    assert made.make_int8(photos) == 3
    return made


@pytest.fixture(scope="session")
def plain(trial: Trial) -> InsightFaceModel:
    return trial.model(Way())
