"""The real pack, small networks, and int8 ones made of it once."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from memoria_pipeline.commands import model as command
from memoria_pipeline.settings import Settings
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
def home(portraits: list[Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three small photos."""
    home = tmp_path_factory.mktemp("home")
    (home / "photos").mkdir()
    for number, image in enumerate(portraits):
        save(home / "photos" / f"{number}.jpg", image)
    return home


def save(path: Path, image: Image) -> None:
    """Writes a photo, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(image[:, :, ::-1]))


def typed(home: Path, pack: Pack, *words: str | Path) -> Result:
    """What `memoria model …` does with this home and this pack."""
    given = {
        "MEMORIA_HOME": str(home),
        "MEMORIA_FACE_MODEL": f"insightface:{pack.detector.parent}",
        "MEMORIA_DEVICE": "cpu",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "settings", lambda: Settings.of(given))
        patch.setattr(command, "out", Console(width=300, highlight=False))
        return CliRunner().invoke(command.app, [str(word) for word in words])


@pytest.fixture(scope="session")
def quantised(pack: Pack, home: Path) -> Result:
    """What `memoria model quantise` said."""
    return typed(home, pack, "quantise", "--photos", home / "photos")


@pytest.fixture(scope="session")
def trial(pack: Pack, home: Path, quantised: Result) -> Trial:
    """The pack with int8 networks, calibrated on three small photos."""
    assert quantised.exit_code == 0, quantised.exception
    return Trial(pack, keeping.folder(home / "models", pack))


@pytest.fixture(scope="session")
def plain(trial: Trial) -> InsightFaceModel:
    return trial.model(Way())
