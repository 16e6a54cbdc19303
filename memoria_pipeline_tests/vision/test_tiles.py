"""Tiles: where they are, what they add, and what they leave alone."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from memoria_pipeline.vision import catalogue
from memoria_pipeline.vision.analyse import Work, analyse_photo
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.scales import Candidates, Points
from memoria_pipeline.vision.tiles import MOST, OVERLAP, TILE, candidates, chosen, grid, placed
from memoria_pipeline_tests.bench.composed import read
from memoria_pipeline_tests.bench.detection import PACK

WHOLE = 6000, 4000


def test_the_tiles_cover_the_photo_and_overlap_by_the_largest_face_they_answer_for() -> None:
    corners = grid(WHOLE)
    lefts, tops = (sorted({corner[i] for corner in corners}) for i in (0, 1))
    for starts, side in ((lefts, WHOLE[0]), (tops, WHOLE[1])):
        assert (starts[0], starts[-1] + TILE) == (0, side)
        assert max(np.diff(starts)) <= TILE - OVERLAP
    assert grid((500, 300)) == [(0, 0)]


def test_tiles_are_chosen_where_the_small_faces_are_and_few_of_them() -> None:
    crowd = np.array([[5000.0 + 40 * i, 3000.0] for i in range(10)])
    (only,) = chosen(WHOLE, crowd)
    assert (crowd[:, 0] >= only[0]).all()
    assert (crowd[:, 0] < only[0] + TILE).all()
    everywhere = np.random.default_rng(1).uniform((0, 0), WHOLE, (500, 2))
    assert len(chosen(WHOLE, everywhere)) == MOST
    assert chosen(WHOLE, np.zeros((0, 2))) == []


def found(*boxes: tuple[float, float, float, float]) -> Candidates:
    """What a tile shows at these edges, in its pixels."""
    edges: Points = np.asarray(np.array(boxes) / TILE, np.float32)
    points: Points = np.asarray(np.repeat(edges[:, None, :2], 5, axis=1), np.float32)
    return Candidates(edges, points, np.full(len(edges), 0.9, np.float32))


def test_a_tiles_faces_get_their_place_in_the_photo() -> None:
    shown = placed(found((100, 200, 130, 240)), (1000, 2000), (TILE, TILE), WHOLE)
    pixels = shown.boxes * np.tile(WHOLE, 2)
    np.testing.assert_allclose(pixels, [[1100, 2200, 1130, 2240]], atol=0.01)
    np.testing.assert_allclose(shown.landmarks[0, 0] * WHOLE, (1100, 2200), atol=0.01)


def test_faces_that_the_tiles_edge_cuts_are_left_to_its_neighbour_but_not_at_the_photos_edge() -> (
    None
):
    at_the_edge = found((0, 300, 30, 340), (610, 300, 640, 340))
    assert len(placed(at_the_edge, (1000, 2000), (TILE, TILE), WHOLE).scores) == 0
    corner = WHOLE[0] - TILE, 0
    assert len(placed(at_the_edge, corner, (TILE, TILE), WHOLE).scores) == 1


def test_large_faces_are_left_to_the_views_of_the_whole_photo() -> None:
    large = found((100, 100, 100 + OVERLAP + 1, 180))
    assert len(placed(large, (0, 0), (TILE, TILE), WHOLE).scores) == 0


def test_no_detections_are_no_candidates() -> None:
    assert len(candidates([]).scores) == 0


@dataclass(frozen=True, eq=False)
class FarAway:
    """A photo of 6000 pixels with 40 faces of 65 and 20 pixels in one corner, and their middles."""

    image: Image
    middles: NDArray[np.float64]

    def times_found(self, tiles: str) -> NDArray[np.int64]:
        """For each face, how many of the boxes found hold its middle."""
        data = simplejpeg.encode_jpeg(self.image, 92)
        model = catalogue.load(PACK, "cpu", tiles=tiles)
        work = Work(lambda _: data, lambda: model)
        faces = analyse_photo("crowd", data, work, model).faces
        boxes = np.array([face.detection.box for face in faces])
        reach = np.abs(self.middles[:, None] - (boxes[:, :2] + boxes[:, 2:] / 2))
        return np.asarray((reach < boxes[:, 2:] / 2).all(axis=2).sum(axis=1))


@pytest.fixture(scope="module")
def far_away(shared_data: Path) -> FarAway:
    ground, middles = np.full((4000, 6000, 3), 110, np.uint8), []
    for number, path in enumerate(sorted((shared_data / "lfw").glob("*/*_0001.jpg"))[:40]):
        side = 160 if number % 2 else 50  # the face is about two fifths of the picture
        top, left = 3000 + 170 * (number // 8), 4500 + 170 * (number % 8)
        face = cv2.resize(read(path), (side, side), interpolation=cv2.INTER_AREA)
        ground[top : top + side, left : left + side] = face
        middles.append((left + side / 2, top + side / 2))
    return FarAway(ground, np.array(middles) / (6000, 4000))


def test_tiles_show_once_the_faces_that_no_view_of_the_whole_photo_shows(
    far_away: FarAway,
) -> None:
    without, tiled = (far_away.times_found(tiles) for tiles in ("off", "auto"))
    assert (without > 0).mean() <= 0.75
    assert (tiled > 0).mean() >= 0.9
    assert tiled.max() == 1


def test_photos_that_the_largest_view_shows_whole_or_without_small_faces_have_no_tiles(
    far_away: FarAway,
) -> None:
    model = catalogue.load(PACK, "cpu")
    assert isinstance(model, InsightFaceModel)
    image = far_away.image
    crowd = model.detect(np.asarray(cv2.resize(image, (3000, 2000)), np.uint8))
    assert model.wants_tiles(6000, 4000, crowd)
    assert not model.wants_tiles(2400, 1600, crowd)
    assert not model.wants_tiles(6000, 4000, [f for f in crowd if f.box[2] * 2048 >= 24])
    always = catalogue.load(PACK, "cpu", tiles="always")
    assert isinstance(always, InsightFaceModel)
    assert always.wants_tiles(6000, 4000, [])
