"""The pages when something is rare or wrong: lost answers, two at once, nothing there."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from memoria_pipeline.people.diff import Diff
from memoria_pipeline.store import db, runs
from memoria_pipeline_tests.review.chromium import (
    browser,
    is_accessible,
    looking,
    opened,
    settled,
    signed_in,
    staged,
    without_it,
)
from memoria_pipeline_tests.review.staged import Staged
from memoria_pipeline_tests.review.test_questions_in_chromium import SHOWN, ask
from memoria_pipeline_tests.store.factories import PACK

__all__ = ["browser", "signed_in", "staged"]  # fixtures
pytestmark = without_it


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_event_with_nothing_in_it_and_one_that_waits_for_approval_can_be_used_by_everybody(
    staged: Staged, browser: Browser, signed_in: str, scheme: str
) -> None:
    """And what the server could not do is said."""
    here = f"{staged.base}/review/{staged.event}"
    with _waiting(staged), looking(browser, signed_in, color_scheme=scheme) as (page, wrong):
        opened(page, f"{staged.base}/review/new")
        page.get_by_label("Name").fill("Empty")
        page.get_by_role("button", name="Make the event").click()
        page.wait_for_url("**/photos")
        empty = page.url.removesuffix("/photos")
        for name, address in {"empty": empty, "waits": f"{here}/runs", "says so": here}.items():
            opened(page, address)
            page.screenshot(path=staged.folder / f"{scheme}-{name}.png", caret="initial")
            is_accessible(page, name, None if scheme == "light" else ["color-contrast"])
        assert wrong == []
        page.route("**/ignore", lambda route: route.fulfill(status=500))
        opened(page, f"{here}/person/{staged.persons['6']}")
        page.get_by_role("button", name="Ignore this person").click()
        expect(page.get_by_role("alert")).to_contain_text("it is our fault")
        is_accessible(page, "broken", ["color-contrast"])


@contextmanager
def _waiting(staged: Staged) -> Iterator[None]:
    about = {"event": staged.event, "method": "constrained", "model": PACK, "kind": "full"}
    about |= {"fingerprint": "now", "parameters": {}, "measures": {}, "plan": {}}
    with db.connect(staged.engine) as conn:
        diff = Diff(6, 2, 1, 1, 1, 1, 0, 0, 0.25).as_table()
        run = runs.insert(conn, {**about, "diff": diff}, status="proposed")
    try:
        yield
    finally:
        _no_run(staged, run)


def _no_run(staged: Staged, run: UUID) -> None:
    with db.connect(staged.engine) as conn:
        conn.execute(sa.text("delete from memoria.cluster_runs where id = :run"), {"run": run})


@pytest.mark.parametrize("why", ["offline", "signed out"])
def test_an_answer_that_did_not_arrive_is_asked_again(
    staged: Staged, browser: Browser, signed_in: str, why: str
) -> None:
    ask(staged, "same_person", "name")
    with looking(browser, signed_in) as (page, _wrong):
        opened(page, f"{staged.base}/review/{staged.event}")
        asked = page.locator(SHOWN).get_attribute("data-question")
        cookies = page.context.cookies()
        if why == "offline":
            page.context.set_offline(True)
        else:
            page.context.clear_cookies()
        page.keyboard.press("y")
        told = "Your answer was not saved" if why == "offline" else "Your session is over"
        expect(page.get_by_role("alert")).to_contain_text(told)
        expect(page.locator(SHOWN)).to_have_attribute("data-question", str(asked))
        page.context.set_offline(False)
        page.context.add_cookies(cookies)  # type: ignore[arg-type]  # what it gave itself
        page.wait_for_timeout(400)
        page.keyboard.press("s")
        expect(page.locator(SHOWN)).to_have_attribute("data-kind", "name")
        settled(page)


def test_of_two_who_change_a_person_at_once_one_is_told_and_sees_what_is_there(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    person = f"{staged.base}/review/{staged.event}/person/{staged.persons['3']}"
    with looking(browser, signed_in) as (one, _), looking(browser, signed_in) as (other, _):
        for page in (one, other):
            opened(page, person)
            page.get_by_label("A member of the event").click()
        one.get_by_role("button", name="David").click()
        expect(one.get_by_role("heading", level=1)).to_have_text("David")
        other.get_by_role("button", name="Emma").click()
        expect(other.get_by_role("alert")).to_contain_text("Someone else changed this meanwhile")
        expect(other.get_by_role("heading", level=1)).to_have_text("David")
        one.get_by_role("button", name="Undo: Identified as David").first.click()
        expect(one.get_by_role("heading", level=1)).to_have_text("Who is this?")


def test_a_page_whose_person_is_gone_says_so_once(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    """To load itself anew because that failed would never end."""
    person = staged.persons["1"]
    with looking(browser, signed_in) as (page, _wrong):
        opened(page, f"{staged.base}/review/{staged.event}/person/{person}")
        asked = list[str]()
        page.on("request", lambda each: asked.append(each.url))
        page.route(f"**/person/{person}**", lambda route: route.fulfill(status=404))
        page.get_by_role("button", name="Ignore this person").evaluate(
            "button => htmx.trigger(document.body, 'decided')"
        )
        expect(page.get_by_role("alert")).to_contain_text("That is not there any more")
        page.wait_for_timeout(300)
        assert len(asked) == 1


def test_a_second_click_is_no_second_decision(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    with looking(browser, signed_in) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}/person/{staged.persons['6']}")
        sent = list[str]()
        page.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
        page.get_by_role("button", name="Ignore this person").dblclick()
        expect(page.locator(".chip.ignored")).to_be_visible()
        assert len(sent) == 1
        page.keyboard.press("u")
        expect(page.locator(".chip.pending")).to_be_visible()
        assert wrong == []


def test_who_works_with_keys_stays_where_they_were(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    """And times are theirs: not those of where the server is."""
    with looking(browser, signed_in, timezone_id="Asia/Tokyo") as (page, _wrong):
        opened(page, f"{staged.base}/review/{staged.event}/person/{staged.persons['7']}")
        page.get_by_role("button", name="Ignore this person").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".chip.ignored")).to_be_visible()
        assert page.evaluate("document.activeElement.id") == "person"
        shown = page.locator("time").first
        there = str(shown.get_attribute("datetime"))
        said = page.evaluate(
            "at => new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'short',"
            " timeZone: 'Asia/Tokyo'}).format(new Date(at))",
            there,
        )
        expect(shown).to_have_text(said)
        page.keyboard.press("u")
        expect(page.locator(".chip.pending")).to_be_visible()
