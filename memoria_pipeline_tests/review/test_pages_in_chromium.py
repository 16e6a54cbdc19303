"""The pages in a real browser: from signing in to a fully tagged event, by keys and taps."""

import re
from typing import Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from memoria_pipeline.store import db
from memoria_pipeline_tests.review.chromium import (
    browser,
    is_accessible,
    listened,
    opened,
    settled,
    signed_in,
    staged,
    without_it,
)
from memoria_pipeline_tests.review.staged import ADDRESS, NAMES, Staged

__all__ = ["browser", "signed_in", "staged"]  # fixtures

pytestmark = without_it


def tags(staged: Staged) -> dict[str, set[UUID]]:
    """Member → the faces of the tags."""
    by_user = {user: name for name, user in staged.users.items()}
    found: dict[str, set[UUID]] = {}
    with db.connect(staged.engine) as conn:
        query = sa.text("select tagged_user_id, face_id, source from memoria.media_tags")
        for row in conn.execute(query):
            assert row.source == "face_clustering"
            found.setdefault(by_user.get(row.tagged_user_id, "guest"), set()).add(row.face_id)
    return found


class Fingers:
    """Keys and taps, counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.used = page, 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.used += 1

    def tap(self, what: Locator) -> None:
        what.click()
        self.used += 1

    def asked(self, text: str) -> None:
        heading = self.page.locator(".question:not([hidden]) h2, [data-done] h2")
        expect(heading).to_have_text(text)


def test_an_organiser_tags_a_whole_event_from_signing_in_on(
    staged: Staged, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    page, wrong = listened(context)
    _sign_in(page, staged)
    fingers = Fingers(page)
    _answer_the_queue(fingers, staged)
    assert fingers.used <= 1.3 * len(staged.persons)
    _ignore_in_the_grid_and_undo(page, staged)
    _split_and_merge(page, staged)
    _invite(page, staged)
    assert tags(staged) == _truth(staged)
    assert wrong == []
    context.close()


def _sign_in(page: Page, staged: Staged) -> None:
    page.goto(staged.base)
    page.get_by_label("E-mail address").fill(ADDRESS)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading")).to_have_text("Look into your mailbox")
    page.goto(staged.mailed(r"http://\S+/sign-in/[\w-]+"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Mariage d’Odile").click()
    page.wait_for_load_state("networkidle")
    said = page.get_by_text("14 of 14 photos analysed · 10 people, 0 identified")
    expect(said).to_be_visible()


def _answer_the_queue(fingers: Fingers, staged: Staged) -> None:
    """The same person twice, a person who is two, and eight names; an undo in between."""
    page = fingers.page
    fingers.asked("Is this the same person?")
    fingers.press("y")
    fingers.asked("Is this all one person?")
    stranger = staged.faces[_identity(staged, 5)][0]
    fingers.tap(page.locator(f".question:not([hidden]) [value='{stranger}']"))
    fingers.press("Enter")
    for number in range(7):
        fingers.asked("Who is this?")
        fingers.press(str(number + 1))
    settled(page)
    _take_back_the_last_name(page, staged)
    fingers.press("8")
    fingers.asked("No questions for now")
    settled(page)


def _take_back_the_last_name(page: Page, staged: Staged) -> None:
    before = tags(staged)
    assert before.keys() == {*NAMES[:7]}
    page.keyboard.press("u")
    settled(page)
    assert tags(staged).keys() == {*NAMES[:6]}
    page.keyboard.press("7")
    settled(page)
    assert tags(staged) == before


def _ignore_in_the_grid_and_undo(page: Page, staged: Staged) -> None:
    again = page.locator(f"#grid .tile:has([value='{staged.persons['7 again']}'])")
    again.locator("a").focus()
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("i")
    expect(page.get_by_text("1 person ignored.")).to_be_visible()
    expect(again).to_have_class(re.compile("ignored"))
    page.keyboard.press("u")
    expect(again).not_to_have_class(re.compile("ignored"))


def _split_and_merge(page: Page, staged: Staged) -> None:
    """A face of Farid that was split off is merged with him, side by side; one that is wrong is
    split off and put back by the undo of the history."""
    farid, split = staged.persons["5"], _split_off(staged)
    here = f"{staged.base}/review/{staged.event}/person"
    opened(page, f"{here}/{farid}/merge/{split}")
    page.keyboard.press("y")
    page.wait_for_url(f"{here}/{farid}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Farid")
    page.wait_for_load_state("networkidle")
    page.locator("#faces label").first.click()
    page.get_by_role("button", name="Someone else", exact=True).click()
    expect(page.get_by_text("They are a person of their own now.")).to_be_visible()
    undo = page.get_by_role("button", name=re.compile("Undo: 1 face of Farid"))
    undo.click()
    expect(undo).to_have_count(0)


def _invite(page: Page, staged: Staged) -> None:
    """Who has no address of a member gets a mail, follows it, and is a guest who is tagged."""
    guest = staged.persons["7 again"]
    opened(page, f"{staged.base}/review/{staged.event}/person/{guest}")
    page.get_by_text("Invite by e-mail").click()
    page.get_by_label("E-mail address").fill("guest@example.org")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("The invitation is on its way.")).to_be_visible()
    expect(page.locator(".chip.invited")).to_be_visible()
    assert set(tags(staged)) == set(NAMES)
    page.context.clear_cookies()
    opened(page, staged.mailed(r"http://\S+/invitation/[\w-]+"))
    expect(page.get_by_role("heading")).to_have_text("You are on photos of “Mariage d’Odile”")
    expect(page.locator(".preview img")).to_have_count(1)
    page.get_by_label("Your name, as others shall see it").fill("Ines")
    page.get_by_role("button", name="That is me: accept").click()
    expect(page.locator("#photos .tile")).to_have_count(1)


def _identity(staged: Staged, number: int) -> str:
    return list(staged.faces)[number]


def _split_off(staged: Staged) -> UUID:
    """The person that the answer to the mixed question made."""
    stranger = staged.faces[_identity(staged, 5)][0]
    query = sa.text("select face_person_id from memoria.faces where id = :face")
    with db.connect(staged.engine) as conn:
        found: UUID = conn.execute(query, {"face": stranger}).scalar_one()
    return found


def _truth(staged: Staged) -> dict[str, set[UUID]]:
    """Everybody's faces; one of the eighth is the guest's, who said so."""
    guest = {staged.faces[_identity(staged, 7)][-1]}
    named = zip(NAMES, staged.faces.values(), strict=True)
    return {name: set(some) - guest for name, some in named} | {"guest": guest}


def addresses(staged: Staged) -> dict[str, str]:
    """Every page, by what it is."""
    here = f"{staged.base}/review/{staged.event}"
    person, photo = staged.persons["0"], staged.photos[11]
    return {
        "sign in": f"{staged.base}/sign-in",
        "policy": f"{staged.base}/policy",
        "nothing": f"{staged.base}/review/{UUID(int=1)}",
        "over": f"{staged.base}/invitation/over",
        "events": staged.base,
        "new": f"{staged.base}/review/new",
        "event": here,
        "nobody": f"{here}?q=nobody-of-this-name",
        "person": f"{here}/person/{person}",
        "side by side": f"{here}/person/{person}/merge/{staged.persons['1']}",
        "photos": f"{here}/photos",
        "photo": f"{here}/photo/{photo}",
        "runs": f"{here}/runs",
        "history": f"{here}/history",
        "settings": f"{here}/settings",
        "audit": f"{here}/audit",
        "my data": f"{here}/me",
    }


LOOKS: dict[str, tuple[Literal["light", "dark"], ViewportSize, str]] = {
    "light": ("light", {"width": 1280, "height": 900}, "en-US"),
    "dark": ("dark", {"width": 1280, "height": 900}, "en-US"),
    "phone": ("light", {"width": 360, "height": 740}, "fr-FR"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_used_by_everybody(
    staged: Staged, browser: Browser, signed_in: str, look: str
) -> None:
    """No serious fault for axe, no error in the console, nothing wider than the screen."""
    scheme, size, language = LOOKS[look]
    context = browser.new_context(
        storage_state=signed_in, color_scheme=scheme, viewport=size, locale=language
    )
    page, wrong = listened(context)
    for name, address in addresses(staged).items():
        page.goto(address)
        page.wait_for_load_state("load")
        if name == "photo":
            page.locator(".box").first.click()
            expect(page.locator("#moves button").first).to_be_visible()
        if look != "phone":
            is_accessible(page, name, None if look == "light" else ["color-contrast"])
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
    assert [each for each in wrong if "404" not in each and "410" not in each] == []
    context.close()
