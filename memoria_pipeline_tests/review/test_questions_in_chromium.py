"""Questions in a real browser: every kind is seen and answered, in light, dark and on a phone."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, ViewportSize, expect

from memoria_pipeline.people.forecast import Forecast
from memoria_pipeline.review.pages import questions as screens
from memoria_pipeline.store import db, decisions, questions
from memoria_pipeline.store.questions import Batch, Made
from memoria_pipeline_tests.review.chromium import (
    WIDE,
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

__all__ = ["browser", "signed_in", "staged"]  # fixtures
pytestmark = without_it

KINDS = ("name", "same_person", "several", "mixed", "confirm", "twice", "lost", "conflict")
PHONE: ViewportSize = {"width": 360, "height": 640}
SHOWN = ".question:not([hidden])"


def ask(staged: Staged, *kinds: str) -> None:
    """Questions of these kinds, and no others."""
    with db.connect(staged.engine) as conn:
        conn.execute(sa.text("delete from memoria.questions"))
        conn.execute(sa.text("update memoria.faces set lost = false where lost"))
        made = [_made(conn, staged, kind) for kind in kinds]
        forecast = Forecast(0.9, {0.95: 2, 0.99: 3})
        seq = decisions.last_seq(conn, staged.event)
        questions.save(conn, staged.event, Batch(made, forecast, 10, seq))


def _made(conn: sa.Connection, staged: Staged, kind: str) -> Made:
    def people(*names: str) -> tuple[UUID, ...]:
        return tuple(staged.persons[each] for each in names)

    faces = list(staged.faces.values())
    actor = staged.users["Odile"]
    persons, shown, detail = people("2"), tuple(faces[2]), dict[str, Any]()
    if kind in ("name", "lost"):
        shown = shown[:1]
    if kind == "lost":
        decisions.confirm(conn, staged.event, shown, persons[0], actor=actor)
        conn.execute(
            sa.text("update memoria.faces set lost = true where id = :id"), {"id": shown[0]}
        )
    if kind == "confirm":
        persons, shown = people("5"), tuple(faces[5][1:])
        if not conn.execute(_LINKED, {"person": persons[0]}).scalar_one():
            decisions.assign(conn, staged.event, persons[0], staged.users["Farid"], actor=actor)
        unseen = sa.text("update memoria.faces set verdict = null where face_person_id = :person")
        conn.execute(unseen, {"person": persons[0]})
    if kind == "same_person":
        persons, shown = people("0", "1"), (faces[0][0], faces[1][0])
    if kind == "several":
        persons = people("0", "1", "3", "6", "7")
        shown = tuple(faces[each][0] for each in (0, 1, 3, 6, 7))
    if kind == "twice":
        persons, shown = people("6", "7"), (faces[6][1], faces[7][1])
    if kind == "conflict":
        both = [
            decisions.confirm(conn, staged.event, shown[:1], persons[0], actor=actor),
            decisions.confirm(conn, staged.event, shown[1:2], persons[0], actor=actor),
        ]
        detail = {"conflict": "same_photo", "decisions": [str(each.id) for each in both]}
    kind = "same_person" if kind == "several" else kind
    return Made(kind, persons, shown, 0.9, 1.0, detail)


_LINKED = sa.text("select linked_user_id is not null from memoria.face_persons where id = :person")


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_every_kind_of_question_can_be_seen_and_answered_by_everybody(
    staged: Staged, browser: Browser, signed_in: str, look: str
) -> None:
    """On a phone what is asked and a first answer are there without scrolling."""
    phone = look == "phone"
    size = PHONE if phone else WIDE
    how: dict[str, Any] = {"viewport": size, "locale": "fr-FR" if phone else "en-US"}
    how |= {"color_scheme": "dark" if look == "dark" else "light", "has_touch": phone}
    with looking(browser, signed_in, **how) as (page, wrong):
        for kind in KINDS:
            ask(staged, kind)
            opened(page, f"{staged.base}/review/{staged.event}")
            expect(page.locator(SHOWN)).to_have_count(1)
            about_somebody = kind not in ("twice", "lost", "conflict")
            expect(page.locator("[data-ignore]")).to_be_visible(visible=about_somebody)
            page.screenshot(path=staged.folder / f"{look}-{kind}.png", caret="initial")
            if not phone:
                rules = None if look == "light" else ["color-contrast"]
                is_accessible(page, kind, rules, "#queue")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], kind
            if kind not in ("mixed", "confirm", "several"):
                _is_in_sight(page, kind)
    assert wrong == []


def _is_in_sight(page: Page, kind: str) -> None:
    last = page.locator(
        f"{SHOWN} .said [data-answer], {SHOWN} [data-name], {SHOWN} [name=decision_id]"
    )
    box = last.first.bounding_box()
    bar = page.locator(".queue .below").bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] + box["height"] <= bar["y"] + 1, kind


def test_nothing_is_decided_on_faces_that_nobody_saw(
    staged: Staged, browser: Browser, signed_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "_DRAWN", 1)
    monkeypatch.setattr(screens, "_FURTHER", 1)
    ask(staged, "mixed")
    theirs = staged.faces[list(staged.faces)[2]]
    with looking(browser, signed_in) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}")
        faces = page.locator(f"{SHOWN} [name=face_ids]")
        expect(faces).to_have_count(1)
        page.get_by_role("button", name="more face").click()
        expect(faces).to_have_count(2)
        page.keyboard.press("y")
        settled(page)
    query = sa.text("select id from memoria.faces where verdict = 'person' and id = any (:ids)")
    with db.connect(staged.engine) as conn:
        said = set(conn.scalars(query, {"ids": theirs}))
    assert len(theirs) > 2
    assert (said, wrong) == (set(theirs[:2]), [])


def test_among_more_members_than_keys_a_name_is_found_by_typing(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    """Who has no name yet cannot be chosen by it."""
    ask(staged, "name")
    with db.connect(staged.engine) as conn:
        conn.execute(_CROWD, {"event": staged.event})
    with looking(browser, signed_in) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}")
        assert "—" not in page.locator(f"{SHOWN} .choices").inner_text()
        page.keyboard.press("/")
        page.keyboard.type("zoé 40")
        expect(page.locator(f"{SHOWN} .choices li:not([hidden])")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator("[data-line]")).to_contain_text("Zoé 40")
        settled(page)
        page.keyboard.press("u")
        expect(page.locator(SHOWN)).to_have_attribute("data-kind", "name")
        settled(page)
    with db.connect(staged.engine) as conn:
        conn.execute(sa.text("delete from memoria.event_members where role = 'guest'"))
    assert wrong == []


def test_the_keys_of_a_question_name_the_same_people_as_long_as_it_is_shown(
    staged: Staged, browser: Browser, signed_in: str
) -> None:
    """With more members than keys, naming somebody gives the others new ones."""
    people = [staged.persons[each] for each in ("2", "3")]
    faces = list(staged.faces.values())
    made = [Made("name", (people[i],), tuple(faces[2 + i][:1]), 0.9, 1.0, {}) for i in (0, 1)]
    with db.connect(staged.engine) as conn:
        conn.execute(sa.text("delete from memoria.questions"))
        conn.execute(_CROWD, {"event": staged.event})
        seq = decisions.last_seq(conn, staged.event)
        batch = Batch(made, Forecast(0.9, {0.95: 2, 0.99: 3}), 10, seq)
        questions.save(conn, staged.event, batch)
    with looking(browser, signed_in) as (page, wrong):
        opened(page, f"{staged.base}/review/{staged.event}")
        page.keyboard.press("2")
        before = page.locator(f"{SHOWN} [data-key][name=user_id]").evaluate_all(_KEYS)
        settled(page)
        expect(page.locator("[data-line]")).not_to_be_empty()
        assert page.locator(f"{SHOWN} [data-key][name=user_id]").evaluate_all(_KEYS) == before
        page.keyboard.press("u")
        settled(page)
    with db.connect(staged.engine) as conn:
        conn.execute(sa.text("delete from memoria.event_members where role = 'guest'"))
    assert len(before) > 20
    assert wrong == []


_KEYS = "all => all.map(each => each.dataset.key + each.value)"
_CROWD = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name)"
    " select :event, gen_random_uuid(), 'guest', nullif('Zoé ' || n, 'Zoé 0')"
    " from generate_series(0, 40) n"
)
