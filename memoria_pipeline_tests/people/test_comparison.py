"""What other ways of grouping would make of an event: nothing but numbers."""

import json
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.people.comparison import STEPS, Tried, compare, grid, similarities
from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import fold
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.regroup import Present
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, Event, event


def present(made: Event, person: NDArray[np.int64] | None = None) -> Present:
    """The made-up event, its faces with these persons, or with the true ones."""
    n = len(made.vectors)
    who = [UUID(int=i + 1) for i in (made.truth if person is None else person).tolist()]
    photos = [UUID(int=1000 + i) for i in made.photo.tolist()]
    faces, persons = [UUID(int=10_000 + i) for i in range(n)], sorted(set(who))
    rules = constraints(fold([]), faces, photos, persons)
    classes = np.array(["A"] * n)
    return Present(made.vectors, made.photo, np.ones(n, np.float32), classes, who, persons, rules)


@pytest.fixture(scope="module")
def tried() -> list[Tried]:
    return compare(present(event(30, 6)), THRESHOLDS, "constrained", Density())


def test_both_methods_and_nine_thresholds_are_tried_and_one_is_in_use(tried: list[Tried]) -> None:
    assert [each.method for each in tried] == ["constrained"] * 9 + ["hdbscan"]
    assert [each.in_use for each in tried] == [False] * STEPS + [True] + [False] * (STEPS + 1)
    assert tried[STEPS].threshold == THRESHOLDS.merge
    assert tried[-1].threshold is None


def test_a_stricter_threshold_makes_more_people_of_the_same_faces(tried: list[Tried]) -> None:
    people = [each.measures["persons"] for each in tried[:-1]]
    assert people == sorted(people)
    assert {each.measures["faces"] for each in tried} == {180}


def test_people_as_they_stand_are_agreed_with_where_they_are_right(tried: list[Tried]) -> None:
    assert tried[STEPS].measures["agreement"] > 0.99
    jumbled = np.arange(180) % 7
    (other,) = [
        each
        for each in compare(present(event(30, 6), jumbled), THRESHOLDS, "constrained", Density())
        if each.in_use
    ]
    assert other.measures["agreement"] < 0.5


def test_the_method_in_use_is_the_one_of_the_settings() -> None:
    found = compare(present(event(10, 4)), THRESHOLDS, "hdbscan", Density())
    assert [each.method for each in found if each.in_use] == ["hdbscan"]


def test_the_grid_is_as_narrow_as_the_packs_room_above_its_threshold() -> None:
    def width(merge: float) -> float:
        tried = grid(replace(THRESHOLDS, merge=merge))
        assert tried == sorted(tried)
        assert tried[STEPS] == merge
        assert 0 < tried[0] < tried[-1] < 1
        return tried[-1] - tried[0]

    assert width(0.44) == pytest.approx(0.336, abs=1e-3)
    assert width(0.93) == pytest.approx(0.042, abs=1e-3)


def test_pairs_of_one_photo_are_strangers_and_pairs_of_a_person_are_alike() -> None:
    made = event(30, 6)
    bins = similarities(present(made))
    middle = np.array([each["similarity"] for each in bins])
    assert (np.diff(middle) > 0).all()

    def mean(kind: str) -> float:
        counts = np.array([each[kind] for each in bins])
        return float((counts * middle).sum() / counts.sum())

    assert mean("one_photo") < 0.2
    assert mean("other_person") < 0.2
    assert mean("same_person") == pytest.approx(1 / (1 + 128 * 0.06**2), abs=0.02)
    pairs = sum(
        each[kind] for each in bins for kind in ("one_photo", "same_person", "other_person")
    )
    assert pairs == 180 * 179 / 2


def test_a_large_event_is_sampled_by_whole_photos() -> None:
    made = event(1500, 3, d=16)
    bins = similarities(present(made))
    pairs = sum(each["one_photo"] for each in bins)
    assert pairs >= 1400 / 5 * 10 * 0.9  # photos of five


def test_an_event_without_faces_has_nothing_to_compare() -> None:
    empty = event(1, 1)
    none = Event(empty.vectors[:0], empty.photo[:0], empty.truth[:0])
    assert compare(present(none), THRESHOLDS, "constrained", Density()) == []
    assert similarities(present(none)) == []


def test_what_is_stored_is_plain_numbers(tried: list[Tried]) -> None:
    text = json.dumps([each.as_table() for each in tried])
    assert json.loads(text)[0].keys() == {"method", "threshold", "in_use", "measures"}
