"""What is asked, what is never asked, and in which order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from memoria_pipeline.people.candidates import candidates, same_probability
from memoria_pipeline.people.forecast import forecast
from memoria_pipeline.people.linkage import Groups
from memoria_pipeline.people.mixed import mixed
from memoria_pipeline.people.standing import Standing
from memoria_pipeline.people.suggest import Kind, Question, questions
from memoria_pipeline.people.twins import Twin
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

Labels = NDArray[np.int64]
NAMES: tuple[Kind, ...] = ("name",)
MIXED: tuple[Kind, ...] = ("mixed",)


def standing(vectors: NDArray[np.float32], photo: Labels, person: Labels) -> Standing:
    never = np.zeros(int(person.max(initial=-1)) + 1, bool)
    n = len(person)
    return Standing(vectors, photo, np.ones(n), person, np.zeros(n, bool), never, never)


def broken(people: int = 6, each: int = 4) -> tuple[Standing, Labels]:
    """Everybody in two persons of half the faces, 2 i and 2 i + 1; photos of one face."""
    faces = event(people, each, noise=0.1)
    half = np.arange(len(faces.truth)) // (people * each // 2)
    person = faces.truth * 2 + half
    return standing(faces.vectors, np.arange(len(person)), person), faces.truth


def pairs_asked(asked: list[Question]) -> set[frozenset[int]]:
    same = [each.persons for each in asked if each.kind == "same_person"]
    return {frozenset((first, other)) for first, *others in same for other in others}


def test_two_halves_of_a_person_are_asked_about_first() -> None:
    now, _ = broken(each=2)
    asked = questions(now, THRESHOLDS).questions
    wanted = {frozenset((2 * i, 2 * i + 1)) for i in range(6)}
    assert pairs_asked(asked[:6]) == wanted
    assert asked[0].p > 0.9


def test_a_screen_shows_one_person_and_up_to_five_candidates() -> None:
    faces = event(2, 14, noise=0.06)
    seen = np.flatnonzero(faces.truth == 0)
    person = np.where(faces.truth == 0, 0, 1)
    person[seen[7:]] = np.arange(2, 9)
    now = standing(faces.vectors, np.arange(len(person)), person)
    first, second, *_ = questions(now, THRESHOLDS).questions
    assert first.kind == second.kind == "same_person"
    assert first.persons[0] == second.persons[0] == 0
    assert len(first.persons) == len(set(first.persons)) == len(first.faces) == 6
    assert np.array_equal(now.person[list(first.faces)], first.persons)
    assert set(first.persons[1:]) | set(second.persons[1:]) == set(range(2, 9))


def test_persons_who_share_a_photo_are_never_asked_about() -> None:
    now, _ = broken()
    photo = now.photo.copy()
    first, second = np.flatnonzero(now.person == 0)[0], np.flatnonzero(now.person == 1)[0]
    photo[second] = photo[first]
    asked = pairs_asked(questions(replace(now, photo=photo), THRESHOLDS).questions)
    assert frozenset((0, 1)) not in asked
    assert frozenset((2, 3)) in asked


def test_what_was_rejected_is_not_asked_again_nor_what_follows_from_it() -> None:
    now, _ = broken()
    face = np.flatnonzero(now.person == 1)[0]
    told = replace(now, rejected=np.array([[face, 0]]))
    assert frozenset((0, 1)) not in pairs_asked(questions(told, THRESHOLDS).questions)
    # 1 is not 0; 1 and 3 turn out to be one, so 3 is not 0 either.
    joined = replace(told, person=np.where(now.person == 1, 3, now.person))
    assert frozenset((0, 3)) not in pairs_asked(questions(joined, THRESHOLDS, 10_000).questions)


def test_two_members_are_two_people() -> None:
    now, _ = broken()
    named = now.named.copy()
    named[[0, 1]] = True
    assert frozenset((0, 1)) not in pairs_asked(
        questions(replace(now, named=named), THRESHOLDS).questions
    )


def test_two_ignored_persons_are_nobodys_business_but_one_may_be_somebody() -> None:
    now, _ = broken()
    ignored = now.ignored.copy()
    ignored[[0, 1, 2]] = True
    asked = pairs_asked(questions(replace(now, ignored=ignored), THRESHOLDS, 10_000).questions)
    assert frozenset((0, 1)) not in asked
    assert frozenset((2, 3)) in asked


def test_conflicts_come_first_and_every_kind_has_its_place() -> None:
    now, _ = broken()
    told = replace(
        now, conflicts=[(3, 4)], lost=[5], twins=[Twin(0, 1, 0.6, 0.7), Twin(2, 2, 1.0, 1.0)]
    )
    asked = questions(told, THRESHOLDS).questions
    assert (asked[0].kind, asked[0].faces) == ("conflict", (3, 4))
    assert {each.kind for each in asked} >= {"conflict", "same_person", "lost", "twice", "name"}
    assert sum(each.kind == "twice" for each in asked) == 1  # one person already is no question
    gains = [each.gain for each in asked if each.kind != "conflict"]
    worth = gains[: [each.kind for each in asked if each.kind != "conflict"].index("name")]
    assert worth == sorted(worth, reverse=True)


def twice_asked(now: Standing) -> bool:
    told = replace(now, twins=[Twin(0, 1, 0.6, 0.7)])
    return any(each.kind == "twice" for each in questions(told, THRESHOLDS).questions)


def test_whether_two_faces_of_a_photo_are_one_is_not_asked_where_a_human_said_so() -> None:
    now, _ = broken()
    a, b = int(now.person[0]), int(now.person[1])
    one, both = np.isin(np.arange(12), [a]), np.isin(np.arange(12), [a, b])
    assert twice_asked(now)
    assert twice_asked(replace(now, named=one, ignored=one, checked=np.arange(24) == 0))
    assert not twice_asked(replace(now, named=both))
    assert not twice_asked(replace(now, ignored=both))
    assert not twice_asked(replace(now, checked=np.arange(24) < 2))
    assert not twice_asked(replace(now, rejected=np.array([[0, b]])))
    assert not twice_asked(replace(now, rejected=np.array([[1, a]])))
    assert not twice_asked(replace(now, apart=np.array([[1, 0]])))
    elsewhere = int(np.flatnonzero((now.person == b) & (np.arange(24) != 1))[0])
    assert not twice_asked(replace(now, apart=np.array([[0, elsewhere]])))


def test_persons_of_whom_faces_were_told_apart_are_not_asked_about() -> None:
    now, _ = broken()
    apart = np.array([[np.flatnonzero(now.person == i)[0] for i in (0, 1)]])
    asked = pairs_asked(questions(replace(now, apart=apart), THRESHOLDS).questions)
    assert frozenset((0, 1)) not in asked
    assert frozenset((2, 3)) in asked


def test_no_pair_is_asked_about_that_follows_if_all_before_are_one() -> None:
    faces = event(2, 12, noise=0.06)
    person = np.where(faces.truth == 0, np.cumsum(faces.truth == 0) - 1, 12)
    now = standing(faces.vectors, np.arange(24), person)
    asked = pairs_asked(questions(now, THRESHOLDS).questions)
    assert sum(max(pair) < 12 for pair in asked) == 11  # of the 66 pairs of one person's faces


def test_a_likely_candidate_makes_the_others_of_a_person_less_likely() -> None:
    angle = np.radians([0, 8, 48])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    groups = Groups(vectors, np.arange(3), np.arange(3))
    apart = Groups(vectors, np.array([0, 1, 2, 0, 1]), np.array([0, 1, 2, 3, 3]))
    size = np.array([2, 2, 1])
    found, alone = (candidates(each, size, THRESHOLDS) for each in (groups, apart))
    third = found.p[found.small == 2]
    assert third.sum() <= 1
    assert sorted(found.asked[found.small == 2]) == pytest.approx(sorted([1, 1 - third.max()]))
    assert alone.p[alone.small == 2].tolist() == pytest.approx(third.tolist())
    plain = same_probability(
        np.cos(np.radians([40, 48])), np.ones(2, np.int64), np.full(2, 2), 3, THRESHOLDS
    )
    odds = plain / (1 - plain)
    assert sorted(third) == pytest.approx(sorted(odds / (1 + odds.sum())), rel=1e-3)


def test_only_the_kinds_that_are_wanted_come() -> None:
    now, _ = broken()
    asked = questions(now, THRESHOLDS, kinds=NAMES).questions
    assert {each.kind for each in asked} == {"name"}
    assert len(questions(now, THRESHOLDS, 3).questions) == 3


def test_members_and_the_ignored_need_no_name() -> None:
    now, _ = broken()
    named, ignored = now.named.copy(), now.ignored.copy()
    named[0] = ignored[1] = True
    told = replace(now, named=named, ignored=ignored)
    asked = questions(told, THRESHOLDS, kinds=NAMES).questions
    assert {each.persons[0] for each in asked} == set(range(2, 12))


def test_a_person_of_two_people_is_asked_about_until_somebody_looked() -> None:
    faces = event(6, 6, noise=0.06)
    person = np.where((faces.truth == 1) & (np.arange(36) < 12), 0, faces.truth)
    now = standing(faces.vectors, np.arange(36), person)
    first = questions(now, THRESHOLDS, kinds=MIXED).questions[0]
    strangers = np.flatnonzero((person == 0) & (faces.truth == 1))
    assert set(first.faces) == set(np.flatnonzero(person == 0).tolist())  # all are looked through
    assert first.persons == (0,)
    assert set(first.faces[: len(strangers)]) == set(strangers.tolist())
    looked = replace(now, checked=person == 0)
    rest = questions(looked, THRESHOLDS, kinds=MIXED).questions
    assert (0,) not in {each.persons for each in rest}
    nobodys = replace(now, ignored=np.arange(6) == 0)
    rest = questions(nobodys, THRESHOLDS, kinds=MIXED).questions
    assert (0,) not in {each.persons for each in rest}


def test_of_two_faces_that_do_not_match_one_is_wrong() -> None:
    vectors = event(2, 1).vectors
    found = mixed(
        vectors,
        np.ones(2, np.float32),
        np.arange(2),
        np.zeros(2, np.int64),
        np.zeros(2, bool),
        THRESHOLDS,
    )
    assert found.wrong[0] == pytest.approx(1, abs=0.01)


def test_faces_without_a_person_wait_for_a_run() -> None:
    now, _ = broken()
    told = replace(now, person=np.where(now.person == 0, -1, now.person))
    asked = questions(told, THRESHOLDS, 10_000).questions
    assert 0 not in {person for each in asked for person in each.persons}


def test_an_event_without_faces_has_no_questions() -> None:
    empty = np.empty(0, np.int64)
    queue = questions(standing(np.empty((0, 128), np.float32), empty, empty), THRESHOLDS)
    assert queue.questions == []
    assert queue.forecast.answers == {0.95: 0, 0.99: 0}


def test_more_faces_left_apart_make_one_person_less_likely() -> None:
    alike = np.full(3, 0.4)
    size = np.array([1, 2, 9])
    p = same_probability(alike, size, np.full(3, 9), 800, THRESHOLDS)
    assert (np.diff(p) < 0).all()


def test_a_likeness_says_more_in_a_small_event() -> None:
    one = np.ones(1, np.int64)
    small, large = (
        same_probability(np.array([0.4]), one, one, persons, THRESHOLDS) for persons in (100, 3_000)
    )
    assert small > large


def test_the_forecast_counts_only_what_still_has_to_be_asked() -> None:
    gain, asked = np.array([4.0, 2.0, 1.0]), np.array([1.0, 0.1, 0.1])
    found = forecast(100, gain, asked, (0.9, 0.95, 0.99, 0.999))
    assert found.right == pytest.approx(0.93)
    assert found.answers == {0.9: 0, 0.95: 1, 0.99: 1, 0.999: 2}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 30), st.integers(0, 20))
def test_nothing_impossible_is_ever_asked(seed: int, persons: int, rejections: int) -> None:
    chance = np.random.default_rng(seed)
    faces = event(10, 6, noise=0.1, seed=seed % 100)
    n = len(faces.truth)
    person = chance.integers(-1, persons, n)
    rejected = np.stack(
        [chance.integers(0, n, rejections), chance.integers(0, persons, rejections)]
    )
    now = replace(standing(faces.vectors, faces.photo, person), rejected=rejected.T)
    queue = questions(now, THRESHOLDS, 10_000)
    for first, *others in (e.persons for e in queue.questions if e.kind == "same_person"):
        for other in others:
            a, b = np.flatnonzero(person == first), np.flatnonzero(person == other)
            assert len(a)
            assert len(b)
            assert not np.isin(faces.photo[a], faces.photo[b]).any()
            said = {(int(person[face]), int(code)) for face, code in rejected.T}
            assert not {(first, other), (other, first)} & said
    again = questions(now, THRESHOLDS, 10_000)
    assert again.questions == queue.questions
