"""dlib's ResNet as an ONNX graph, beside dlib's own."""

from pathlib import Path

import dlib
import numpy as np
import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import catalogue, dlib_resnet
from memoria_pipeline.vision.align import cut, pixels, similarity, unit_length
from memoria_pipeline.vision.dlib_model import CROP_POINTS, weights
from memoria_pipeline.vision.model import FaceModel, Image
from memoria_pipeline_tests.bench.composed import read

FILE = "dlib_face_recognition_resnet_model_v1.dat"


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return catalogue.load("dlib")


def test_real_faces_get_dlibs_own_vectors(shared_data: Path, model: FaceModel) -> None:
    photos = [read(path) for path in sorted((shared_data / "lfw").glob("*/*_0001.jpg"))[:8]]
    found = [model.detect(photo)[:1] for photo in photos]
    ours = np.vstack(model.embed(photos, found))
    resnet = dlib.face_recognition_model_v1(str(weights() / FILE))
    crops: list[Image] = []
    for photo, faces in zip(photos, found, strict=True):
        for face in faces:
            matrix = similarity(pixels(photo, face), CROP_POINTS)
            crops.append(cut(photo, matrix, dlib_resnet.CROP))
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    theirs = [
        np.array(resnet.compute_face_descriptor(each), np.float32) for each in (crops, mirrored)
    ]
    cosines = (ours * unit_length(theirs[0] + theirs[1])).sum(axis=1)
    assert len(ours) == len(crops) >= 7
    assert np.abs(cosines - 1).max() < 1e-5


def test_many_faces_of_a_photo_get_what_each_gets_alone(
    shared_data: Path, model: FaceModel
) -> None:
    photo = read(sorted((shared_data / "lfw").glob("*/*_0001.jpg"))[0])
    face = model.detect(photo)[:1]
    alone = model.embed([photo], [face])[0]
    many = model.embed([photo], [face * 40])[0]
    np.testing.assert_allclose(many, np.repeat(alone, 40, axis=0), atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"\x01\x05con_4", b"\x01\x05con_4\x01\x02\x01\x09" * 9])
def test_weights_that_are_no_such_network_name_the_mend(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILE
    path.write_bytes(content)
    with pytest.raises(ModelError, match="install face_recognition_models again"):
        dlib_resnet.graph(path)
