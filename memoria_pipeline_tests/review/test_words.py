"""Which language a request gets."""

import httpx
import pytest
from starlette.requests import Request

from memoria_pipeline.review.words import Words, preferred, translations, words_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.5,fr;q=0.9", "fr"),
        ("de,fr;q=0.1", "fr"),
        ("de", "en"),
        ("fr;q=0", "en"),
        ("fr;q=x, ,;;q=,", "en"),
        ("*", "en"),
        (",".join(["de"] * 10_000), "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_prefers(header: str, language: str) -> None:
    assert preferred(header) == language


@pytest.mark.parametrize(
    ("query", "cookie", "language"),
    [
        ("", "", "fr"),
        ("lang=en", "memoria_language=fr", "en"),
        ("", "memoria_language=en", "en"),
        ("lang=xx", "memoria_language=../../etc", "fr"),
    ],
)
def test_what_a_person_chose_goes_before_what_the_browser_says(
    query: str, cookie: str, language: str
) -> None:
    headers = httpx.Headers({"accept-language": "fr", "cookie": cookie}).raw
    scope = {"type": "http", "headers": headers, "query_string": query.encode()}
    assert words_of(Request(scope)).language == language


def test_a_text_without_a_translation_is_said_in_english() -> None:
    assert Words("fr").gettext("nobody translated this") == "nobody translated this"
    assert Words("en").ngettext("one", "many", 2) == "many"
    assert translations("../fr").gettext("x") == "x"


def test_french_counts_nothing_as_one() -> None:
    assert Words("en").ngettext("one", "many", 0) == "many"
    assert Words("fr").gettext("Sign in") != "Sign in"
