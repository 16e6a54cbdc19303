"""Chromium on a staged event: a signed-in organiser, and what the console says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from memoria_pipeline.review.sessions import hashed
from memoria_pipeline.store import db, sessions
from memoria_pipeline_tests.review.staged import Staged
from memoria_pipeline_tests.review.staged import staged as made

CHROMIUM = Path("/usr/bin/chromium")
WIDE: ViewportSize = {"width": 1280, "height": 900}
without_it = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def staged(
    module_database: sa.Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staged]:
    with made(module_database, tmp_path_factory.mktemp("pages")) as event:
        yield event


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def signed_in(staged: Staged, browser: Browser) -> str:
    """Where a signed-in organiser's cookies are kept."""
    kept = staged.folder / "cookies.json"
    context = browser.new_context()
    with db.connect(staged.engine) as conn:
        sessions.make_link(conn, staged.users["Odile"], staged.event, hashed("link"), 600)
    page = context.new_page()
    page.goto(f"{staged.base}/sign-in/link")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/review/{staged.event}")
    context.storage_state(path=str(kept))
    context.close()
    return str(kept)


def listened(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it."""
    page, wrong = context.new_page(), list[str]()
    page.set_default_timeout(8000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None,
    )
    return page, wrong


@contextmanager
def looking(browser: Browser, kept: str, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """A signed-in organiser's page, and what its console says.

    Nothing moves: what fades in has too little contrast while it does.
    """
    how = {"viewport": WIDE, "locale": "en-US", "reduced_motion": "reduce", **how}
    context = browser.new_context(storage_state=kept, **how)
    try:
        yield listened(context)
    finally:
        context.close()


def opened(page: Page, address: str) -> None:
    """Go there; all is loaded."""
    page.goto(address)
    page.wait_for_load_state("networkidle")


def settled(page: Page) -> None:
    """All answers have reached the server, and the page shows what came of them."""
    page.wait_for_timeout(50)
    expect(page.locator("#queue")).not_to_have_attribute("aria-busy", "true")
    page.wait_for_load_state("networkidle")


def is_accessible(
    page: Page, name: str, rules: list[str] | None, within: str | None = None
) -> None:
    """axe finds nothing serious on the page, or in the part of it that `within` selects."""
    options = {"runOnly": rules} if rules else None
    found = Axe().run(page, context=within, options=options).response
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    about = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in serious]
    assert not about, (name, about)
