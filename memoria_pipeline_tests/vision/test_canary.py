"""The photo whose face is known: that packs find it, and what is held against them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memoria_pipeline.vision import canary
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.canary import KNOWN, Look
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import Detection, Face


def face(box: tuple[float, float, float, float], score: float = 0.9) -> Face:
    vector = np.eye(1, 4, dtype=np.float32)[0]
    return Face(Detection(box, np.zeros((5, 2), np.float32), score), 0.8, "A", vector)


@dataclass(frozen=True)
class Blind(Detector):
    """Finds nothing, and counts nothing as broken."""

    def analyse(self, model: str, keys: Iterable[str], *_: Any, **__: Any) -> Iterator[Outcome]:
        return (Outcome(key) for key in keys)


def test_dlib_finds_the_face_of_the_known_photo_and_no_other() -> None:
    assert canary.look(Detector(setting="dlib", workers=1), "dlib") == Look(0, 0)


def test_an_insightface_pack_finds_it_too(shared_models: Path) -> None:
    setting = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    detector = Detector(setting=setting, workers=1)
    assert canary.look(detector, detector.pack).wrong == 0


def test_a_detector_that_finds_nothing_is_found_out() -> None:
    assert canary.look(Blind(), "dlib") == Look(missed=1, surplus=0)


@pytest.mark.parametrize(
    ("faces", "expected"),
    [
        ([face(KNOWN[0])], Look(0, 0)),
        ([face((0.36, 0.16, 0.17, 0.17))], Look(0, 0)),
        ([face((0.6, 0.6, 0.2, 0.2))], Look(1, 1)),
        ([face((0.0, 0.0, 1.0, 1.0))], Look(1, 1)),
        ([face(KNOWN[0]), face((0.7, 0.7, 0.1, 0.1))], Look(0, 1)),
        ([face(KNOWN[0]), face(KNOWN[0])], Look(0, 1)),
        ([], Look(1, 0)),
    ],
)
def test_known_faces_are_met_once_and_all_else_is_too_much(
    faces: list[Face], expected: Look
) -> None:
    assert canary.compare(faces) == expected


def test_what_a_lower_threshold_brings_up_is_not_held_against_a_pack() -> None:
    assert canary.compare([face(KNOWN[0]), face((0.7, 0.7, 0.1, 0.1), score=0.3)]) == Look(0, 0)
