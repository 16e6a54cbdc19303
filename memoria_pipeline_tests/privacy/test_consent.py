import pytest

from memoria_pipeline.errors import ConsentError
from memoria_pipeline.privacy import texts
from memoria_pipeline.privacy.consent import Said, require, standing, stands
from memoria_pipeline.privacy.texts import Purpose


def said(seq: int, purpose: Purpose = "own_photos", *, given: bool = True, **more: object) -> Said:
    return Said(seq, purpose, given, texts.current(purpose), "fr", **more)  # type: ignore[arg-type]


def test_the_newest_word_counts_in_whatever_order_the_ledger_is_read() -> None:
    rows = [said(3, given=False), said(1), said(2)]
    assert standing(rows, "own_photos") == rows[0]
    assert not stands(rows, "own_photos")
    assert stands([*rows, said(4)], "own_photos")


def test_each_purpose_stands_by_itself_and_silence_is_no_consent() -> None:
    rows = [said(1), said(2, "other_events", given=False)]
    assert stands(rows, "own_photos")
    assert not stands(rows, "other_events")
    assert standing(rows, "grouping") is None
    assert not stands(rows, "grouping")


def test_a_minor_agrees_with_a_guardian_only() -> None:
    assert not stands([said(1, minor=True)], "own_photos")
    assert stands([said(1, minor=True, guardian=True)], "own_photos")
    with pytest.raises(ConsentError, match="guardian has to agree"):
        require(said(1, minor=True))
    require(said(1, minor=True, guardian=True))


def test_a_consent_to_another_text_than_the_one_shown_is_none() -> None:
    with pytest.raises(ConsentError, match="another text"):
        require(Said(1, "own_photos", True, "1999-1"))


def test_an_old_consent_stands_when_the_text_changes() -> None:
    assert stands([Said(1, "own_photos", True, "1999-1")], "own_photos")
