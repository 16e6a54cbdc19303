import pytest

from memoria_pipeline.people.ready import enough


@pytest.mark.parametrize(
    ("faces", "photos", "analysed", "expected"),
    [
        (10, 10, 8, True),
        (9, 10, 10, False),
        (10, 10, 7, False),
        (500, 1000, 799, False),
        (500, 1000, 800, True),
        (0, 0, 0, False),
    ],
)
def test_ten_faces_and_four_of_five_photos_start_a_grouping(
    faces: int, photos: int, analysed: int, expected: bool
) -> None:
    assert enough(faces, photos, analysed) is expected
