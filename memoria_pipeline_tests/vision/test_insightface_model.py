"""The InsightFace model on the real pack of ../shared."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import catalogue, insightface_model
from memoria_pipeline.vision.align import FIVE_POINTS, cut, pixels, similarity
from memoria_pipeline.vision.backends.onnx_runtime import providers
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import FaceModel, Image
from memoria_pipeline.vision.onnx_pack import open_pack
from memoria_pipeline.vision.scales import resized
from memoria_pipeline_tests.bench.composed import read
from memoria_pipeline_tests.bench.detection import annotated, crop, fills, matches, pixel_boxes

PACK = "scrfd_2.5g_mobilefacenet"


@pytest.fixture(scope="module")
def model(shared_models: Path) -> InsightFaceModel:
    loaded = catalogue.load(f"insightface:{shared_models / PACK}", "cpu")
    assert isinstance(loaded, InsightFaceModel)
    return loaded


@pytest.fixture(scope="module")
def portraits(shared_data: Path) -> list[Image]:
    """Two photos of one person, and one of another."""
    people = sorted(p for p in (shared_data / "lfw").iterdir() if len(list(p.iterdir())) > 1)
    one, other = people[0], people[1]
    return [read(path) for path in [*sorted(one.iterdir())[:2], sorted(other.iterdir())[0]]]


def test_the_annotated_faces_are_all_found(shared_data: Path, model: FaceModel) -> None:
    *_, reached, enough = annotated(shared_data, model)
    assert enough, reached


def test_a_face_that_fills_the_photo_is_found(portraits: list[Image], model: FaceModel) -> None:
    for image in portraits:
        face = pixel_boxes(image, model.detect(image))[0]
        assert fills(model.detect(crop(image, face)))


def test_boxes_and_landmarks_lie_on_the_photo_best_first(
    portraits: list[Image], model: FaceModel
) -> None:
    found = model.detect(np.hstack(portraits))
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)
    for face in found:
        left, top, width, height = face.box
        assert 0 <= left < left + width <= 1
        assert 0 <= top < top + height <= 1
        eyes, mouth = face.landmarks[:2], face.landmarks[3:]
        assert eyes[0, 0] < eyes[1, 0]
        assert eyes[:, 1].max() < mouth[:, 1].min()


def test_a_wide_photo_gives_the_same_boxes_as_its_square_letterbox(
    portraits: list[Image], model: FaceModel
) -> None:
    wide = np.hstack(portraits)
    square = np.zeros((wide.shape[1], wide.shape[1], 3), np.uint8)
    square[: len(wide)] = wide
    of_wide = pixel_boxes(wide, model.detect(wide))
    of_square = pixel_boxes(square, model.detect(square))
    assert len(matches(of_wide, of_square)) == len(of_wide) >= 3


def test_a_photo_without_faces_gives_none(model: FaceModel) -> None:
    empty = np.full((300, 400, 3), 90, np.uint8)
    assert model.detect(empty) == []
    assert [e.shape for e in model.embed([empty, empty], [[], []])] == [(0, 128), (0, 128)]
    assert model.embed([], []) == []


def test_one_person_is_nearer_than_another_and_vectors_have_unit_length(
    portraits: list[Image], model: FaceModel
) -> None:
    found = [model.detect(image)[:1] for image in portraits]
    vectors = np.vstack(model.embed(portraits, found))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2]


def test_embeddings_come_back_to_their_own_photos(portraits: list[Image], model: FaceModel) -> None:
    found = [model.detect(image) for image in portraits]
    together = model.embed([portraits[0], *portraits], [[], *found])
    assert [len(e) for e in together] == [0, *(len(f) for f in found)]
    for image, faces, vectors in zip(portraits, found, together[1:], strict=True):
        np.testing.assert_allclose(model.embed([image], [faces])[0], vectors, atol=1e-4)


def test_threads_that_share_a_model_find_the_same(portraits: list[Image], model: FaceModel) -> None:
    images = [np.ascontiguousarray(i[:, : 250 - 9 * k]) for k in range(2) for i in portraits[:2]]
    alone = [model.detect(image) for image in images]
    with ThreadPoolExecutor(2) as pool:
        for one, many in zip(alone, pool.map(model.detect, images), strict=True):
            assert [f.box for f in one] == [f.box for f in many]


def test_a_large_face_is_averaged_down_not_sampled() -> None:
    """A one-pixel chessboard is grey from afar; a plain warp would show black and white."""
    board = np.repeat((np.indices((900, 900)).sum(axis=0) % 2 * 255)[..., None], 3, 2)
    matrix = similarity(FIVE_POINTS * 8, FIVE_POINTS)
    shown = cut(board.astype(np.uint8), matrix, 112)[2:-2, 2:-2].astype(float)
    assert abs(shown.mean() - 127) < 6
    assert shown.std() < 40


def test_shrinking_first_does_not_move_the_face(portraits: list[Image], model: FaceModel) -> None:
    image = portraits[0]
    points = pixels(image, model.detect(image)[0])
    large = np.repeat(np.repeat(image, 5, axis=0), 5, axis=1)
    plain = cut(image, similarity(points, FIVE_POINTS), 112).astype(float)
    shrunk = cut(large, similarity(points * 5 + 2, FIVE_POINTS), 112).astype(float)
    assert np.abs(plain - shrunk)[8:-8, 8:-8].mean() < 4


def test_the_similarity_undoes_a_turn_a_scale_and_a_shift() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    moved = FIVE_POINTS @ (3 * turn).T + (40, -7)
    matrix = similarity(moved, FIVE_POINTS)
    np.testing.assert_allclose(moved @ matrix[:, :2].T + matrix[:, 2], FIVE_POINTS, atol=1e-9)


def test_cuda_that_is_not_there_is_an_error_that_names_the_mend() -> None:
    assert providers("auto", ["CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    assert providers("auto", ["CUDAExecutionProvider", "CPUExecutionProvider"])[0].startswith(
        "CUDA"
    )
    with pytest.raises(ModelError, match="onnxruntime-gpu"):
        providers("cuda", ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="auto, cpu or cuda"):
        providers("tpu", ["CPUExecutionProvider"])


def test_a_folder_without_both_kinds_of_model_is_refused(
    tmp_path: Path, shared_models: Path
) -> None:
    with pytest.raises(ModelError, match="no model pack"):
        open_pack(tmp_path / "nothing")
    (tmp_path / "det.onnx").symlink_to(shared_models / PACK / "det_2.5g.onnx")
    with pytest.raises(ModelError, match="0 recognition models"):
        open_pack(tmp_path)
    (tmp_path / "det2.onnx").symlink_to(shared_models / PACK / "det_2.5g.onnx")
    with pytest.raises(ModelError, match="2 detection models"):
        open_pack(tmp_path)


def test_a_broken_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "rec.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"rec\.onnx cannot be read"):
        open_pack(tmp_path)


def test_other_models_of_a_pack_are_left_alone(tmp_path: Path, shared_models: Path) -> None:
    for path in (shared_models / PACK).glob("*.onnx"):
        (tmp_path / path.name).symlink_to(path)
    for name, side in (("genderage", 96), ("1k3d68", 192)):
        onnx.save(_identity(side), str(tmp_path / f"{name}.onnx"))
    pack = open_pack(tmp_path)
    assert pack.detector.name == "det_2.5g.onnx"
    assert pack.recogniser.name == "mobilefacenet_128d.onnx"
    assert pack.raw_pixels


def _identity(side: int) -> onnx.ModelProto:
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, side, side])
        for name in ("data", "same")
    ]
    node = onnx.helper.make_node("Identity", ["data"], ["same"])
    return onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:]))


@pytest.mark.parametrize("size", [(480, 640), (333, 501), (2000, 3000)], ids=str)
def test_a_view_is_what_the_network_was_trained_on_with_black_where_the_photo_ends(
    size: tuple[int, int],
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    blob, (width, height) = insightface_model._sight(photo, 640)
    canvas = np.zeros((*blob.shape[2:], 3), np.uint8)
    canvas[:height, :width] = resized(photo, 640)
    assert np.array_equal(blob, cv2.dnn.blobFromImage(canvas, 1 / 128, mean=(127.5,) * 3))
