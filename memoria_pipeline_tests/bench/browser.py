"""Chromium on a real `memoria up`: signed in by the link that `memoria demo` prints."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Browser, Page, expect, sync_playwright

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench.stack import Stack

CHROMIUM = Path("/usr/bin/chromium")
KEPT = Path(".bench") / "review"
"""Where screenshots are kept; git ignores it."""


@dataclass
class Organiser:
    """An organiser's browser on the demo event. wrong: what its console said that it should not."""

    stack: Stack
    page: Page
    event: UUID
    wrong: list[str] = field(default_factory=list)

    @property
    def here(self) -> str:
        """The event's page."""
        return f"{self.stack.review_url}/review/{self.event}"

    def go(self, address: str) -> None:
        """Open a page; all of it is loaded."""
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")

    def settled(self) -> None:
        """All answers have reached the server, and the page shows what came of them."""
        self.page.wait_for_timeout(60)
        busy = self.page.locator("#queue[aria-busy=true]")
        expect(busy).to_have_count(0, timeout=60_000)
        self.page.wait_for_load_state("networkidle")

    def picture(self, name: str) -> None:
        """Keep what the page looks like now."""
        KEPT.mkdir(parents=True, exist_ok=True)
        # To hide the caret it would write a style into the page, which our policy refuses.
        self.page.screenshot(path=str(KEPT / f"{name}.png"), full_page=True, caret="initial")


@contextmanager
def demo(home_of: Path | None = None) -> Iterator[Organiser]:
    """The demo event as `make demo` makes it, a `memoria up` on it, and its organiser's browser."""
    with tempfile.TemporaryDirectory(prefix="mr-", ignore_cleanup_errors=True) as folder:
        stack = Stack(home_of or Path(folder))
        link = _demo(stack)
        stack.start()
        try:
            stack.ready()
            stack.review_ready()
            with _chromium() as browser:
                yield _signed_in(stack, browser, link)
        finally:
            stack.stop()


def _demo(stack: Stack) -> str:
    """`memoria demo`; the link that it prints."""
    command = [str(Path(sys.executable).with_name("memoria")), "demo"]
    done = subprocess.run(
        command, env=stack.environment(), capture_output=True, text=True, check=False
    )
    found = re.search(r"http://\S+/sign-in/\S+", done.stdout)
    if done.returncode or found is None:
        raise MemoriaError(f"`memoria demo` printed no link: {(done.stdout + done.stderr)[-800:]}")
    return found.group()


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


def _signed_in(stack: Stack, browser: Browser, link: str) -> Organiser:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/review/*")
    made = Organiser(stack, page, UUID(page.url.rstrip("/").rsplit("/", 1)[-1]))
    page.on("pageerror", lambda error: made.wrong.append(str(error)))
    page.on(
        "console",
        lambda said: made.wrong.append(said.text) if said.type in ("error", "warning") else None,
    )
    return made
