"""What people agreed to is never reworded: a new wording is a new version."""

import hashlib

from memoria_pipeline.privacy import texts

# Of title and body. A hash that changes: give the new wording a version of its own instead.
AGREED: dict[tuple[texts.Purpose, str, str], str] = {
    ("grouping", "2026-1", "en"): "fc1163aa6a769379",
    ("grouping", "2026-1", "fr"): "df3e05eb71c5f904",
    ("own_photos", "2026-1", "en"): "1a23766154bcd90d",
    ("own_photos", "2026-1", "fr"): "c8afcdf28f88b736",
    ("other_events", "2026-1", "en"): "9ea65bdc45c25fcb",
    ("other_events", "2026-1", "fr"): "497b235fcd397d02",
}


def test_no_text_that_was_shown_is_changed() -> None:
    assert {key: _hash(*key) for key in AGREED} == AGREED


def test_every_version_is_in_both_languages_and_pinned_here() -> None:
    every = {
        (purpose, version, language)
        for purpose in texts.PURPOSES
        for version in texts.versions(purpose)
        for language in ("en", "fr")
    }
    assert set(AGREED) == every


def test_the_last_version_is_shown_and_in_english_where_there_is_no_other() -> None:
    for purpose in texts.PURPOSES:
        assert texts.current(purpose) == texts.versions(purpose)[-1]
        assert texts.latest(purpose, "pl") == texts.latest(purpose, "en")
        assert texts.latest(purpose, "fr") != texts.latest(purpose, "en")


def test_nobody_is_said_to_have_agreed_to_the_version_of_whoever_showed_nothing() -> None:
    assert all(texts.UNKNOWN not in texts.versions(purpose) for purpose in texts.PURPOSES)


def _hash(purpose: texts.Purpose, version: str, language: str) -> str:
    text = texts.said(purpose, version, language)
    return hashlib.sha256(f"{text.title}\n{text.body}".encode()).hexdigest()[:16]
