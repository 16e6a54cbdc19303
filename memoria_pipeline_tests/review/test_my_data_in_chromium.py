"""The member's own page, and how an event is analysed, as Chromium shows them."""

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from memoria_pipeline_tests.review.chromium import (
    WIDE,
    browser,
    is_accessible,
    looking,
    opened,
    signed_in,
    staged,
    without_it,
)
from memoria_pipeline_tests.review.staged import Staged

__all__ = ["browser", "signed_in", "staged"]
pytestmark = without_it
NARROW: ViewportSize = {"width": 360, "height": 740}


@pytest.mark.parametrize("page_of", ["me", "settings"])
@pytest.mark.parametrize(("language", "size"), [("en", WIDE), ("fr", NARROW)])
def test_the_page_fits_and_everybody_can_use_it(
    staged: Staged,
    browser: Browser,
    signed_in: str,
    page_of: str,
    language: str,
    size: ViewportSize,
) -> None:
    with looking(browser, signed_in, viewport=size) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}/{page_of}?lang={language}")
        beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert beyond <= 0
        is_accessible(page, page_of, None)
        assert wrong == []


def test_a_member_agrees_and_takes_it_back(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    with looking(browser, signed_in) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}/me?lang=en")
        part = page.locator("#other-events")
        part.get_by_role("button", name="I agree").click()
        expect(page.get_by_role("status").first).to_contain_text("Noted: you agree.")
        expect(page.locator("#ledger li")).to_have_count(1)
        part.get_by_role("button", name="Take it back").click()
        expect(page.locator("#ledger li")).to_have_count(2)
        expect(page.locator("#ledger li").first).to_contain_text("taken back")
        assert wrong == []
