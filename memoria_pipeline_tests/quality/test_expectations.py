"""What is declared, and that Great Expectations and the pure evaluation say the same of it."""

import importlib
import sys
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoria_pipeline.quality import gx
from memoria_pipeline.quality.candidate import FEW_FACES, FEW_PHOTOS, candidate, failed_share
from memoria_pipeline.quality.expectations import (
    Expectation,
    Limits,
    declared,
    errors,
    failures,
)

_numbers = st.none() | st.floats() | st.integers(-3, 3).map(float)
_bounds = st.none() | st.integers(-3, 3).map(float) | st.floats(-2, 2)
_cases = st.lists(st.tuples(_numbers, _bounds, _bounds, st.booleans()), min_size=1, max_size=12)

SOUND = {
    "jobs_overdue": 0,
    "erasures_overdue": 0,
    "photos_overdue": 0,
    "partition_overdue": 0,
    "faces_past_date": 0,
    "photos_unaccounted": 0,
    "faces_miscounted": 0,
    "failed_share": 0.1,
    "canary_wrong": 0,
    "coverage": 0.8,
    "weak_share": 0.3,
    "embeddings_off_length": 0,
    "impure": 0,
    "violated": 0,
    "churn": 0.001,
    "noise_ratio": 0.4,
    "silhouette": 0.3,
    "cohesion": 0.6,
    "tags_astray": 0,
    "tags_missing": 0,
}


def _failed(**changed: float | None) -> list[str]:
    return [each.expectation.name for each in failures(SOUND | changed, declared())]


@settings(max_examples=25, deadline=None)
@given(_cases)
def test_great_expectations_and_the_pure_evaluation_agree(
    cases: list[tuple[float | None, float | None, float | None, bool]],
) -> None:
    made = [
        Expectation(f"e{i}", "faces", f"c{i}", "", least=least, most=most, optional=optional)
        for i, (_, least, most, optional) in enumerate(cases)
        if least is None or most is None or least <= most
    ]
    seen = {f"c{i}": number for i, (number, *_) in enumerate(cases)}
    failed = {each.expectation.name for each in failures(seen, made)}
    assert {name for name, met in gx.evaluate(seen, made).items() if not met} == failed


def test_both_agree_on_what_is_declared() -> None:
    assert all(gx.evaluate(SOUND, declared()).values())
    worst = {column: nan if i % 2 else inf for i, column in enumerate(SOUND)}
    failed = {each.expectation.name for each in failures(worst, declared())}
    assert {name for name, met in gx.evaluate(worst, declared()).items() if not met} == failed
    assert len(failed) > 8


def test_a_module_that_great_expectations_can_do_without_is_unseen_only_while_it_is_imported() -> (
    None
):
    sys.modules.pop("this", None)
    with gx._unseen("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules
    with gx._unseen("json"):
        importlib.import_module("json")
    assert sys.modules["json"]
    gx._library()
    assert sys.modules.get("rfc3987_syntax", "not there") is not None


def test_nothing_declared_is_nothing_to_evaluate() -> None:
    assert gx.evaluate({}, []) == {}


def test_a_sound_event_fails_nothing() -> None:
    assert _failed() == []


@pytest.mark.parametrize("column", [each.column for each in declared() if each.most == 0])
def test_what_must_not_be_fails_with_the_first_one(column: str) -> None:
    [failed] = _failed(**{column: 1})
    assert failed in {each.name for each in declared() if each.column == column}


def test_shares_fail_beyond_their_limits_and_not_at_them() -> None:
    limits = Limits()
    assert _failed(failed_share=limits.failed, coverage=limits.coverage) == []
    assert _failed(failed_share=limits.failed + 0.01) == ["few_photos_are_unreadable"]
    assert _failed(coverage=limits.coverage - 0.01) == ["enough_photos_show_faces"]
    assert _failed(churn=0.011, weak_share=0.81, noise_ratio=0.99) == [
        "few_faces_are_weak",
        "faces_keep_their_mates",
        "few_faces_are_alone",
    ]
    assert _failed(silhouette=-0.3, cohesion=0.2) == [
        "people_differ_from_one_another",
        "faces_of_one_person_are_alike",
    ]


def test_what_so_few_faces_do_not_give_is_no_failure_but_a_count_that_is_missing_is() -> None:
    assert _failed(cohesion=None, silhouette=None, churn=None, failed_share=None) == []
    assert _failed(impure=None) == ["no_person_holds_two_faces_of_one_photo"]
    assert _failed(photos_unaccounted=nan) == ["every_photo_is_accounted_for"]


def test_limits_are_those_that_are_set() -> None:
    strict = declared(Limits(churn=0, failed=0.05))
    names = {each.expectation.name for each in failures(SOUND, strict)}
    assert names == {"few_photos_are_unreadable", "faces_keep_their_mates"}


def test_what_holds_people_back_is_what_would_be_wrong_for_good() -> None:
    assert {each.column for each in errors(declared())} == {
        *("photos_unaccounted", "faces_miscounted", "failed_share", "canary_wrong"),
        *("embeddings_off_length", "impure", "violated", "churn", "tags_astray"),
        *("tags_missing", "faces_past_date"),
    }


def test_each_name_and_column_is_there_once() -> None:
    assert len({each.name for each in declared()}) == len(declared())
    assert {each.column for each in declared()} == set(SOUND)


def test_a_failure_says_what_was_asked_and_what_was_seen() -> None:
    [failed] = failures(SOUND | {"coverage": 0.05}, declared())
    assert failed.sentence() == "enough photos show faces: at least 0.1, observed 0.05"
    assert failed.as_table() == {
        "name": "enough_photos_show_faces",
        "observed": 0.05,
        "least": 0.1,
        "most": None,
    }
    [missing] = failures(SOUND | {"impure": None}, declared())
    assert missing.sentence().endswith("at most 0, observed nothing")


def test_churn_counts_where_a_run_should_only_have_placed_new_faces() -> None:
    measures = {"impure": 0, "violations": 1, "churn": 0.4, "churned": FEW_FACES}
    assert candidate("incremental", measures)["churn"] == 0.4
    assert candidate("full", measures)["churn"] is None
    assert candidate("model", measures)["churn"] is None
    assert candidate("incremental", measures | {"churned": FEW_FACES - 1})["churn"] is None
    assert candidate("incremental", measures | {"impure_before": 1})["churn"] is None
    assert candidate("incremental", measures)["violated"] == 1


def test_a_handful_of_bad_photos_is_no_share_of_a_small_album() -> None:
    assert failed_share(FEW_PHOTOS, 6) is None
    assert failed_share(FEW_PHOTOS + 1, 12) == 0.5
