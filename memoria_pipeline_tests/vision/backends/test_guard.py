"""A faster precision is permitted only by what was measured, here, of this pack."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import guard, keeping
from memoria_pipeline.vision.backends.guard import Measured, Verdict
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.model import Detection, Embeddings, Image
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline.vision.trial import Trial

BF16 = Way("openvino", "bf16")

GOOD = Verdict(0.95, 0.95, 0.90, 0.90, 1000, 50_000)


def crowd(people: int = 150, noise: float = 0.4, seed: int = 3) -> Measured:
    """Two portraits of each of so many people."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.standard_normal((people, 64)), 2, axis=0)
    vectors = centres + noise * random.standard_normal(centres.shape)
    return Measured(2 * people, 2 * people, unit(vectors), np.repeat(np.arange(people), 2))


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def face(left: float, top: float = 0.4, side: float = 0.2) -> Detection:
    return Detection((left, top, side, side), np.zeros((5, 2), np.float32), 0.9)


class Finder:
    """A model that finds what it is told; the vector of a face says where it was."""

    def __init__(self, found: Sequence[Sequence[Detection]]) -> None:
        self._found = iter(found)

    def detect(self, _: Image) -> list[Detection]:
        return list(next(self._found))

    def embed(
        self, images: Sequence[Image], detections: Sequence[Sequence[Detection]]
    ) -> list[Embeddings]:
        return [
            np.array([[f.box[0], 1] for f in each], np.float32).reshape(-1, 2)
            for each in detections
        ]


def test_the_same_answers_pass() -> None:
    found = guard.compare(crowd(), crowd())
    assert found.passed
    assert (found.recall, found.tar) == (found.recall_before, found.tar_before)
    assert 0 < found.tar <= 1


@pytest.mark.parametrize(
    ("recall", "tar", "passed"),
    [
        (0.945, 0.899, True),
        (0.944, 0.90, False),
        (0.95, 0.8985, False),
        (0.99, 0.95, True),
    ],
)
def test_half_a_point_of_recall_and_a_tenth_of_verification_may_go(
    recall: float, tar: float, passed: bool
) -> None:
    assert replace(GOOD, recall=recall, tar=tar).passed is passed


def test_blurred_vectors_fail() -> None:
    before = crowd()
    random = np.random.default_rng(5)
    noisy = before.vectors + 0.15 * random.standard_normal(before.vectors.shape)
    found = guard.compare(before, replace_vectors(before, unit(noisy)))
    assert found.tar < found.tar_before
    assert not found.passed


def test_vectors_that_drew_nearer_to_strangers_do_not_pass_by_their_own_threshold() -> None:
    """All cosines lower alike: a threshold of its own would hide that the pack's is now wrong."""
    before = crowd(noise=0.9)
    wider = np.hstack([before.vectors, 0.5 * np.eye(len(before.vectors), dtype=np.float32)])
    found = guard.compare(before, replace_vectors(before, unit(wider.astype(np.float64))))
    assert found.tar < found.tar_before


def test_a_face_that_was_not_found_counts_against_both() -> None:
    before = crowd()
    vectors = before.vectors.copy()
    vectors[0] = 0
    lost = Measured(before.found - 1, before.wanted, vectors, before.people)
    found = guard.compare(before, lost)
    assert found.recall < found.recall_before
    assert found.tar < found.tar_before


def test_too_few_portraits_tell_nothing() -> None:
    with pytest.raises(ModelError, match="20000 and 1 are needed"):
        guard.compare(crowd(20), crowd(20))


def test_each_annotated_face_is_found_once_and_each_portrait_by_its_central_face() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    boxes = np.array([[0.1, 0.4, 0.3, 0.6], [0.11, 0.4, 0.31, 0.6], [0.7, 0.4, 0.9, 0.6]])
    model = Finder([[face(0.1), face(0.5)], [face(0.0), face(0.4)], []])
    found = guard.measure(
        model,  # type: ignore[arg-type]
        [(image, boxes.astype(np.float32))],
        [(image, 7), (image, 8)],
    )
    assert (found.found, found.wanted) == (1 + 1, 3 + 2)
    assert found.people.tolist() == [7, 8]
    assert found.vectors.round(3).tolist() == [pytest.approx([0.4, 1]), [0, 0]]


def test_fp32_needs_no_verdict_and_the_others_do(tmp_path: Path) -> None:
    assert guard.permits(tmp_path, Way("openvino", "fp32"))
    assert not guard.permits(tmp_path, BF16)
    guard.keep(tmp_path, BF16, GOOD)
    assert guard.permits(tmp_path, BF16)
    assert guard.verdict(tmp_path, BF16) == GOOD
    assert not guard.permits(tmp_path, Way("openvino", "int8"))


def test_a_verdict_that_failed_permits_nothing_whatever_the_file_says(tmp_path: Path) -> None:
    guard.keep(tmp_path, BF16, replace(GOOD, tar=0.5))
    assert not guard.permits(tmp_path, BF16)
    every = keeping.read(tmp_path / guard.FILE)
    keeping.write(tmp_path / guard.FILE, {k: {**v, "passed": True} for k, v in every.items()})
    assert not guard.permits(tmp_path, BF16)


def test_a_verdict_of_another_machine_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.keep(tmp_path, BF16, GOOD)
    monkeypatch.setattr(keeping, "machine", lambda backend: f"another; {backend} 1.0")
    assert not guard.permits(tmp_path, BF16)


def test_networks_made_anew_have_no_verdict(tmp_path: Path) -> None:
    int8 = Way("openvino", "int8")
    for way in (BF16, int8):
        guard.keep(tmp_path, way, GOOD)
    guard.forget(tmp_path, "int8")
    assert not guard.permits(tmp_path, int8)
    assert guard.permits(tmp_path, BF16)


def test_an_exact_recogniser_may_stand_beside_an_int8_detector(tmp_path: Path) -> None:
    pack = Pack(tmp_path / "d.onnx", tmp_path / "r.onnx", False)
    made = keeping.quantised(tmp_path, pack)
    for path, text in ((pack.recogniser, "exact"), (made.recogniser, "int8")):
        path.write_text(text)
    guard.keep(tmp_path, Way("openvino", "int8"), GOOD)
    trial = Trial(pack, tmp_path)
    assert trial.relent()
    assert made.recogniser.read_text() == "exact"
    assert not guard.permits(tmp_path, Way("openvino", "int8"))
    assert not trial.relent()


def test_a_file_that_cannot_be_read_is_an_error_that_names_the_mend(tmp_path: Path) -> None:
    (tmp_path / guard.FILE).write_text("{")
    with pytest.raises(ModelError, match="memoria model guard"):
        guard.permits(tmp_path, BF16)


def test_a_cpu_is_known_by_its_name_and_what_decides_how_it_computes(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("model name\t: A CPU\nflags\t: fpu avx2 avx512_bf16 sse\n\n")
    assert keeping.cpu(told) == "A CPU avx2 avx512_bf16"


def replace_vectors(found: Measured, vectors: NDArray[np.float32]) -> Measured:
    return Measured(found.found, found.wanted, vectors, found.people)


def test_a_copy_that_breaks_off_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:2])
        raise OSError("no space left")

    source, kept = tmp_path / "rec.onnx", tmp_path / "int8.onnx"
    source.write_bytes(b"plain")
    kept.write_bytes(b"int8")
    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(OSError, match="no space"):
        keeping.copy(source, kept)
    assert kept.read_bytes() == b"int8"
    monkeypatch.undo()
    keeping.copy(source, kept)
    assert kept.read_bytes() == b"plain"
