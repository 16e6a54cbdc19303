"""A tagged demo event, put wrong and right again in Chromium: ignore, split, undo, merge, invite.

Whatever is undone leaves the very same tags; a guest who accepts an invitation gets the tags of the
face that was split off, and sees the photos of it and no other.
"""

import re
import sys
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from uuid import UUID

from playwright.sync_api import Page, expect

from memoria_pipeline_tests.bench import review_clicks
from memoria_pipeline_tests.bench.browser import Organiser, demo
from memoria_pipeline_tests.bench.figures import Row, show
from memoria_pipeline_tests.bench.stack import until

Tags = set[tuple[UUID, UUID, UUID]]
"""(photo, member, face)"""


def rows(organiser: Organiser) -> Iterator[Row]:
    """On the demo event, everybody named."""
    before = tags(organiser)
    person = _largest(organiser)
    ignored = _ignored_and_undone(organiser, person)
    yield _row("a person ignored in the grid", ignored < before, tags(organiser) == before)
    parted = _split_and_undone(organiser, person)
    yield _row("two faces split off", parted < before, tags(organiser) == before)
    yield _invited(organiser, person, before)


def _row(what: str, fewer: bool, same: bool) -> Row:
    reached = f"{'fewer' if fewer else 'not fewer'}, {'the same' if same else 'others'}"
    return f"{what}: tags meanwhile, after undo", "fewer, the same", reached, fewer and same


def tags(organiser: Organiser) -> Tags:
    """All tags by faces of the event."""
    found = organiser.stack.rows("memoria", _TAGS, event=organiser.event)
    return {(row.media_id, row.tagged_user_id, row.face_id) for row in found}


def _ignored_and_undone(organiser: Organiser, person: UUID) -> Tags:
    page = organiser.page
    organiser.go(organiser.here)
    tile = page.locator(f"#grid .tile:has([value='{person}'])")
    tile.locator("a").focus()
    page.keyboard.press("x")
    page.keyboard.press("i")
    expect(tile).to_have_class(re.compile("ignored"))
    found = tags(organiser)
    organiser.picture("ignored")
    page.keyboard.press("u")
    expect(tile).not_to_have_class(re.compile("ignored"))
    organiser.settled()
    return found


def _split_and_undone(organiser: Organiser, person: UUID) -> Tags:
    page = organiser.page
    _split(organiser, person, 2)
    found = tags(organiser)
    undo = page.get_by_role("button", name=re.compile("Undo: 2 faces")).first
    undo.click()
    expect(undo).to_have_count(0)
    page.wait_for_load_state("networkidle")
    return found


def _split(organiser: Organiser, person: UUID, faces: int) -> None:
    page = organiser.page
    organiser.go(f"{organiser.here}/person/{person}")
    for face in page.locator("#faces label.whole").all()[:faces]:
        face.click()
    page.get_by_role("button", name="Someone else", exact=True).click()
    expect(page.get_by_text("They are a person of their own now.")).to_be_visible()
    page.wait_for_load_state("networkidle")


def _invited(organiser: Organiser, person: UUID, before: Tags) -> Row:
    page = organiser.page
    _split(organiser, person, 1)
    guest = organiser.stack.rows("memoria", _NEWEST, event=organiser.event)[0].id
    organiser.go(f"{organiser.here}/person/{guest}")
    page.get_by_text("Invite by e-mail").click()
    page.get_by_label("E-mail address").fill("guest@example.org")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("The invitation is on its way.")).to_be_visible()
    link = _mailed(organiser)
    browser = page.context.browser
    assert browser is not None
    theirs = browser.new_context(locale="en-US")
    photos = _accepted(theirs.new_page(), link)
    organiser.go(organiser.here)
    organiser.picture("invited")
    theirs.close()
    after = tags(organiser)
    new, gone = after - before, before - after
    reached = f"{len(gone)} tag became {len(new)} of the guest, who sees {photos} photo"
    same = {face for _, _, face in new} == {face for _, _, face in gone}
    good = same and len(new) == len(gone) == photos == 1
    return "an invitation accepted", "1 tag became 1 of the guest, who sees 1 photo", reached, good


def _mailed(organiser: Organiser) -> str:
    """The link of the last mail of the outbox."""
    outbox = organiser.stack.home / "outbox"
    until(lambda: any(outbox.glob("*.eml")), 30, "No mail was sent")
    newest = max(outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime)
    mail = BytesParser(policy=policy.default).parsebytes(newest.read_bytes())
    body = mail.get_body(("plain",))
    found = re.search(r"http://\S+/invitation/[\w-]+", body.get_content() if body else "")
    assert found is not None
    return found.group()


def _accepted(page: Page, link: str) -> int:
    """Accept as a guest; how many photos the guest's event shows."""
    page.goto(link)
    page.get_by_label("Your name, as others shall see it").fill("Ines")
    page.get_by_role("button", name="That is me: accept").click()
    tiles = page.locator("#photos .tile")
    expect(tiles.first).to_be_visible()
    return tiles.count()


def _largest(organiser: Organiser) -> UUID:
    found: UUID = organiser.stack.rows("memoria", _LARGEST, event=organiser.event)[0].id
    return found


_TAGS = (
    "select media_id, tagged_user_id, face_id from memoria.media_tags"
    " where event_id = :event and source = 'face_clustering'"
)
_LARGEST = (
    "select id from memoria.face_persons where event_id = :event and status = 'linked'"
    " order by (metadata ->> 'face_count')::integer desc, id limit 1"
)
_NEWEST = (
    "select id from memoria.face_persons where event_id = :event order by created_at desc limit 1"
)


if __name__ == "__main__":

    def everything() -> Iterator[Row]:
        """These figures alone, after the event was tagged."""
        with demo() as one:
            yield from review_clicks.rows(one)
            yield from rows(one)
            yield review_clicks.quiet(one)

    sys.exit(show("Story", everything()))
