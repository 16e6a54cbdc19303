"""Where the tests find real photos and a real model pack; neither is part of the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _shared(path: Path) -> Path:
    if not path.is_dir():
        pytest.skip(f"no {path.name}/ beside the repository (see MEMORIA_TEST_DATA)")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public photographs and awkward files of the tests."""
    return _shared(Path(os.environ.get("MEMORIA_TEST_DATA", ROOT.parent / "shared" / "data")))


@pytest.fixture(scope="session")
def shared_models(shared_data: Path) -> Path:
    """The folder of model packs."""
    return _shared(shared_data.parent / "models")
