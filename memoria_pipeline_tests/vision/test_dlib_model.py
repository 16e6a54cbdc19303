"""The dlib model, on real photos."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.dlib_model import (
    DLIB_POINTS,
    EYES_AND_BASE,
    OUR_POINTS,
    DlibModel,
    five_landmarks,
)
from memoria_pipeline.vision.model import FaceModel, Image
from memoria_pipeline_tests.bench.composed import read
from memoria_pipeline_tests.bench.detection import crop, matches, pixel_boxes


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return catalogue.load("dlib")


@pytest.fixture(scope="module")
def portraits(shared_data: Path) -> list[Image]:
    """Two photos of one person, and one of another."""
    people = sorted(p for p in (shared_data / "lfw").iterdir() if len(list(p.iterdir())) > 1)
    one, other = people[0], people[1]
    return [read(path) for path in [*sorted(one.iterdir())[:2], sorted(other.iterdir())[0]]]


def test_small_photos_are_enlarged_until_their_faces_are_found(
    shared_data: Path, model: FaceModel
) -> None:
    folder = shared_data / "group-photos" / "annotated-boxes"
    truth = json.loads((folder / "boxes.json").read_text())["2008_002470.jpg"]
    image = read(folder / "2008_002470.jpg")
    found = model.detect(image)
    assert len(matches(np.array(truth, dtype=np.float64), pixel_boxes(image, found))) == 6
    assert all(0.5 <= face.score <= 1 for face in found)


def test_a_face_that_fills_the_photo_is_found(portraits: list[Image], model: FaceModel) -> None:
    for image in portraits:
        face = pixel_boxes(image, model.detect(image))[0]
        assert model.detect(crop(image, face))


def test_one_person_is_nearer_than_another_and_vectors_have_unit_length(
    portraits: list[Image], model: FaceModel
) -> None:
    found = [model.detect(image)[:1] for image in portraits]
    vectors = np.vstack(model.embed(portraits, found))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.02


def test_a_photo_without_faces_gives_none(model: FaceModel) -> None:
    empty = np.full((300, 400, 3), 90, np.uint8)
    assert model.detect(empty) == []
    assert model.embed([empty], [[]])[0].shape == (0, 128)


def test_threads_with_their_own_networks_find_the_same(
    portraits: list[Image], model: FaceModel
) -> None:
    alone = [[face.box for face in model.detect(image)] for image in portraits[:2]]
    with ThreadPoolExecutor(2) as pool:
        assert [[f.box for f in found] for found in pool.map(model.detect, portraits[:2])] == alone


def test_a_higher_threshold_finds_a_part_of_what_a_lower_one_finds(portraits: list[Image]) -> None:
    image = portraits[0]
    few, many = (len(DlibModel(detection_threshold=t).detect(image)) for t in (0.99999, 0.3))
    assert few < many


def test_the_mean_face_keeps_its_points_when_it_is_moved_and_turned() -> None:
    turn = np.array([[0.0, -90.0], [90.0, 0.0]])
    moved = five_landmarks(DLIB_POINTS @ turn.T + 200)
    np.testing.assert_allclose(moved[:2], EYES_AND_BASE[:2] @ turn.T + 200, atol=1e-6)
    np.testing.assert_allclose(moved[2:], (OUR_POINTS @ turn.T + 200)[2:], atol=1e-6)


def test_the_nose_follows_a_turned_head() -> None:
    turned = DLIB_POINTS.copy()
    turned[4, 0] -= 0.1
    assert five_landmarks(turned)[2, 0] < five_landmarks(DLIB_POINTS)[2, 0] - 0.1
