"""Quality falls with everything that makes a face harder to recognise."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.align import FIVE_POINTS
from memoria_pipeline.vision.model import Detection, FaceModel, Image
from memoria_pipeline.vision.quality import assess, frontal, grain, rising
from memoria_pipeline_tests.bench.composed import read


def _model(shared_models: Path) -> FaceModel:
    folder = shared_models / "scrfd_2.5g_mobilefacenet"
    return catalogue.load(f"insightface:{folder}", "cpu", det_size=320)


def _blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def _grainy(image: Image, deviation: float) -> Image:
    grains = np.random.default_rng(0).normal(0, deviation, image.shape)
    return np.asarray(np.clip(image + grains, 0, 255), dtype=np.uint8)


@pytest.fixture(scope="module")
def faces(shared_data: Path, shared_models: Path) -> list[tuple[Image, Detection, Image]]:
    """A photo of a person with the face in it, and another photo of that person, for 12 people."""
    model = _model(shared_models)
    people = sorted(p for p in (shared_data / "lfw").iterdir() if len(list(p.iterdir())) > 1)
    pairs = [[read(path) for path in sorted(p.iterdir())[:2]] for p in people[::50][:12]]
    return [(one, model.detect(one)[0], other) for one, other in pairs]


def test_clean_portraits_seed_people(faces: list[tuple[Image, Detection, Image]]) -> None:
    classes = [assess(image, face, 250)[1] for image, face, _ in faces]
    assert classes.count("A") >= len(classes) - 1


def test_quality_falls_with_blur_until_the_face_is_not_grouped(
    faces: list[tuple[Image, Detection, Image]],
) -> None:
    for image, face, _ in faces:
        levels = [assess(_blurred(image, s), face, 250)[0] for s in (1, 2, 4, 8)]
        assert levels == sorted(levels, reverse=True)
        assert assess(_blurred(image, 8), face, 250)[1] == "C"


@pytest.mark.parametrize("noise", [3, 10, 25])
def test_grain_does_not_make_a_blurred_face_a_seed(
    faces: list[tuple[Image, Detection, Image]], noise: int
) -> None:
    for image, face, _ in faces:
        assert assess(_grainy(_blurred(image, 4), noise), face, 250)[1] != "A"
        assert assess(_grainy(_blurred(image, 8), noise), face, 250)[1] != "A"


@pytest.mark.parametrize("noise", [0, 6, 50])
def test_a_dark_smear_in_a_large_photo_is_not_grouped_however_grainy(
    faces: list[tuple[Image, Detection, Image]], noise: int
) -> None:
    for image, face, _ in faces[:6]:
        large = cv2.resize(image, (1000, 1000), interpolation=cv2.INTER_CUBIC)
        smear = _blurred(np.asarray(large // 2, dtype=np.uint8), 32)
        assert assess(_grainy(smear, noise), face, 1000)[1] == "C"


def test_a_sharp_face_stays_a_seed_in_moderate_grain(
    faces: list[tuple[Image, Detection, Image]],
) -> None:
    classes = [assess(_grainy(image, 10), face, 250)[1] for image, face, _ in faces]
    assert classes.count("A") >= len(classes) - 1


def test_grain_is_measured_apart_from_the_shading_of_a_face() -> None:
    slope = np.add.outer(np.linspace(40, 160, 112), np.linspace(0, 60, 112)).astype(np.float32)
    chance = np.random.default_rng(0).normal(0, 5, slope.shape).astype(np.float32)
    assert grain(slope) == pytest.approx(0, abs=1e-3)
    assert grain(slope + chance) == pytest.approx(5, rel=0.1)


def test_quality_falls_with_the_size_in_the_original_photo(
    faces: list[tuple[Image, Detection, Image]],
) -> None:
    for image, face, _ in faces:
        levels = [assess(image, face, width)[0] for width in (1000, 250, 50, 30)]
        assert levels == sorted(levels, reverse=True)
        assert assess(image, face, 30)[1] != "A"


def test_lower_quality_means_a_lower_similarity_to_the_same_person(
    faces: list[tuple[Image, Detection, Image]], shared_models: Path
) -> None:
    model = _model(shared_models)
    references = [model.embed([other], [model.detect(other)[:1]])[0][0] for *_, other in faces]
    quality, cosine = np.zeros((3, len(faces))), np.zeros((3, len(faces)))
    for row, times in enumerate((1, 4, 7)):
        for column, (image, face, _) in enumerate(faces):
            small = _shrunk(image, times)
            quality[row, column] = assess(small, face, small.shape[1])[0]
            vector = model.embed([small], [[face]])[0][0]
            cosine[row, column] = vector @ references[column]
    assert quality.mean(axis=1).tolist() == sorted(quality.mean(axis=1), reverse=True)
    assert cosine.mean(axis=1).tolist() == sorted(cosine.mean(axis=1), reverse=True)


def _shrunk(image: Image, times: int) -> Image:
    factor = 1 / times
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def test_a_turned_head_costs_quality_and_a_tilted_one_does_not() -> None:
    tilt = np.array([[0.8, -0.6], [0.6, 0.8]])
    profile = FIVE_POINTS.copy()
    profile[2, 0] += 20
    assert frontal(FIVE_POINTS) == frontal(FIVE_POINTS @ tilt.T) == 1
    assert 0.2 <= frontal(profile) < 0.4


def test_the_curve_is_a_half_at_its_middle_and_survives_zero() -> None:
    assert rising(17.5, middle=17.5, steepness=4) == pytest.approx(0.5)
    assert 0 <= rising(0, middle=17.5, steepness=4) < 1e-6


def test_points_that_all_coincide_do_not_crash() -> None:
    flat = np.full((5, 2), 0.5, np.float32)
    grey = np.full((40, 40, 3), 99, np.uint8)
    assert assess(grey, Detection((0.4, 0.4, 0.2, 0.2), flat, 0.6), 40)[1] == "C"
