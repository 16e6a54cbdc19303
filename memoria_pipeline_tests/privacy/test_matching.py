from uuid import UUID

import numpy as np

from memoria_pipeline.privacy.matching import References, Vectors, whose

ANNA, BRUNO = UUID(int=1), UUID(int=2)
SURE = {"threshold": 0.5, "margin": 0.1}


def unit(*rows: tuple[float, ...]) -> Vectors:
    found = np.array(rows, np.float32)
    result: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True)
    return result


KNOWN = References([ANNA, BRUNO, ANNA], unit((1, 0, 0, 0), (0, 1, 0, 0), (1, 0.2, 0, 0)))


def test_a_face_is_whose_it_is_most_alike_and_a_stranger_is_nobodys() -> None:
    faces = unit((0.1, 1, 0, 0), (0, 0, 1, 0), (1, 0, 0.1, 0))
    assert whose(faces, KNOWN, **SURE) == [BRUNO, None, ANNA]


def test_a_person_is_on_a_photo_once_the_best_face_counts() -> None:
    faces = unit((1, 0, 0.6, 0), (1, 0.1, 0, 0))
    assert whose(faces, KNOWN, **SURE) == [None, ANNA]


def test_a_face_between_two_people_is_nobodys() -> None:
    faces = unit((1, 1, 0, 0))
    assert whose(faces, KNOWN, **SURE) == [None]


def test_whoever_is_known_by_more_than_one_face_is_compared_by_their_mean() -> None:
    means = KNOWN.means([BRUNO, ANNA])
    assert np.allclose(np.linalg.norm(means, axis=1), 1)
    assert means[1][1] > 0


def test_without_references_or_faces_nobody_is_found() -> None:
    nobody = References([], np.empty((0, 512), np.float32))
    assert whose(unit((1, 0, 0, 0)), nobody, **SURE) == [None]
    assert whose(np.empty((0, 4), np.float32), KNOWN, **SURE) == []


def test_references_padded_with_zeros_meet_shorter_vectors() -> None:
    padded = References([ANNA], np.pad(unit((1, 0, 0, 0)), ((0, 0), (0, 508))))
    assert whose(unit((1, 0, 0, 0)), padded, **SURE) == [ANNA]
