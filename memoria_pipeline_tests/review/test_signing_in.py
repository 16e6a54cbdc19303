"""Links, sessions and forms: what signs in, once, and what another site's page cannot do."""

import hashlib
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.limits import Limiter
from memoria_pipeline.review.sessions import COOKIE, hashed
from memoria_pipeline.store import db, sessions
from memoria_pipeline_tests.review.seeded import InProcess, Seeded, parts_for

PAGE = {"accept": "text/html"}


@pytest.fixture
def outbox(seeded: Seeded) -> Iterator[Path]:
    folder = seeded.parts.settings.home / "outbox"
    yield folder
    for each in folder.glob("*"):
        each.unlink()


def letters(folder: Path) -> list[str]:
    found = [message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("*.eml")]
    return [each.get_body().get_content() for each in found]  # type: ignore[union-attr]


def link_to(seeded: Seeded, role: str, seconds: int = 600, token: str = "") -> str:
    token = token or f"{role}-{seconds}-link"
    with db.connect(seeded.engine) as conn:
        sessions.make_link(conn, seeded.users[role], seeded.event, hashed(token), seconds)
    return f"/sign-in/{token}"


def signed_in(seeded: Seeded, role: str, token: str) -> httpx.Client:
    browser = seeded.client(headers=PAGE)
    assert browser.post(link_to(seeded, role, token=token)).status_code == 303
    return browser


def csrf_of(seeded: Seeded, browser: httpx.Client) -> str:
    with db.connect(seeded.engine) as conn:
        found = sessions.find(conn, hashed(browser.cookies[COOKIE]))
    assert found is not None
    return found.csrf


def user_of(seeded: Seeded, browser: httpx.Client) -> UUID | None:
    with db.connect(seeded.engine) as conn:
        found = sessions.find(conn, hashed(browser.cookies.get(COOKIE) or ""))
    return None if found is None else found.user_id


def test_a_member_gets_a_link_and_nobody_else_does_with_the_same_answer(
    seeded: Seeded, outbox: Path
) -> None:
    browser = seeded.client(headers=PAGE)
    member = browser.post("/sign-in", data={"email": " Member@Example.org "})
    stranger = browser.post("/sign-in", data={"email": "stranger@example.org"})
    assert (member.status_code, member.text) == (stranger.status_code, stranger.text)
    [letter] = letters(outbox)
    [token] = re.findall(r"http://memoria\.test/sign-in/([\w-]{43})\b", letter)
    assert browser.post(f"/sign-in/{token}").status_code == 303
    assert user_of(seeded, browser) == seeded.users["member"]


def test_letters_can_be_read_by_nobody_else_on_the_machine(seeded: Seeded, outbox: Path) -> None:
    seeded.client().post("/sign-in", data={"email": "guest@example.org"})
    [path] = outbox.glob("*")
    assert (path.suffix, path.stat().st_mode & 0o077, outbox.stat().st_mode & 0o077) == (
        ".eml", 0, 0,
    )  # fmt: skip


def test_looking_at_a_link_does_not_use_it_up_and_using_it_does(seeded: Seeded) -> None:
    url = link_to(seeded, "member")
    browser = seeded.client(headers=PAGE)
    for _ in range(3):
        assert 'method="post"' in browser.get(url).text
    assert browser.post(url).headers["location"] == f"/review/{seeded.event}"
    assert browser.cookies[COOKIE]
    again = seeded.client(headers=PAGE)
    assert again.post(url).status_code == 410
    assert COOKIE not in again.cookies


def test_a_link_that_is_over_signs_nobody_in(seeded: Seeded) -> None:
    browser = seeded.client(headers=PAGE)
    assert browser.post(link_to(seeded, "guest", seconds=-1)).status_code == 410
    assert COOKIE not in browser.cookies


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path
) -> None:
    answer = seeded.client().post(link_to(seeded, "member", token="flags"))
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if "Max-Age=0" not in c]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie  # plain http here; with https:
    parts = parts_for(module_database, tmp_path, review_url="https://memoria.test")
    inner = InProcess(create_app(parts), seeded.portal)
    with httpx.Client(transport=inner, base_url="https://memoria.test") as browser:
        answer = browser.post(link_to(seeded, "member", token="flags by https"))
    parts.engine.dispose()
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if "Max-Age=0" not in c]
    assert cookie.startswith("__Host-memoria_session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert answer.headers["strict-transport-security"]


def test_a_session_that_an_attacker_chose_is_never_taken_over(seeded: Seeded) -> None:
    browser = seeded.client(headers=PAGE, cookies={COOKIE: "chosen by the attacker"})
    browser.post(link_to(seeded, "member", token="fixation"))
    with db.connect(seeded.engine) as conn:
        assert sessions.find(conn, hashed("chosen by the attacker")) is None
        hashes = conn.scalars(sa.text("select token_hash from memoria.sessions")).all()
    assert hashlib.sha256(b"chosen by the attacker").digest() not in [bytes(h) for h in hashes]


def test_signing_in_as_somebody_else_ends_the_session_that_was_there(seeded: Seeded) -> None:
    browser = signed_in(seeded, "member", "first")
    before = browser.cookies[COOKIE]
    data = {"csrf_token": csrf_of(seeded, browser)}
    assert browser.post(link_to(seeded, "guest", token="second"), data=data).status_code == 303
    assert user_of(seeded, browser) == seeded.users["guest"]
    with db.connect(seeded.engine) as conn:
        assert sessions.find(conn, hashed(before)) is None


def test_signing_out_ends_the_session_at_the_server(seeded: Seeded) -> None:
    browser = signed_in(seeded, "member", "sign out")
    token = browser.cookies[COOKIE]
    answer = browser.post("/sign-out", data={"csrf_token": csrf_of(seeded, browser)})
    assert (answer.status_code, COOKIE in browser.cookies) == (303, False)
    with db.connect(seeded.engine) as conn:
        assert sessions.find(conn, hashed(token)) is None


@pytest.mark.parametrize("sent", ["nothing", "wrong", "another's", "as json"])
def test_a_form_without_its_sessions_token_changes_nothing(seeded: Seeded, sent: str) -> None:
    browser = signed_in(seeded, "member", f"csrf {sent}")
    other = signed_in(seeded, "guest", f"csrf of another {sent}")
    given = {"wrong": "x", "another's": csrf_of(seeded, other), "as json": csrf_of(seeded, browser)}
    said = {"csrf_token": given[sent]} if sent in given else {}
    answer = browser.post("/sign-out", **{"json" if sent == "as json" else "data": said})  # type: ignore[arg-type]
    assert answer.status_code == 403
    assert user_of(seeded, browser) == seeded.users["member"]


def test_a_script_of_ours_sends_the_token_in_a_header(seeded: Seeded) -> None:
    browser = signed_in(seeded, "member", "header")
    headers = {"x-csrf-token": csrf_of(seeded, browser)}
    assert browser.post("/sign-out", headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        # which a browser sends along to a proxy that asks for a login
        ({"origin": "https://evil.example", "authorization": "Basic dTpw"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://memoria.test"}, 303),
        ({"origin": "http://memoria.test"}, 303),
        ({}, 303),
    ],
)
def test_another_sites_page_cannot_sign_a_person_in_as_somebody_else(
    seeded: Seeded, headers: dict[str, str], status: int
) -> None:
    url = link_to(
        seeded,
        "guest",
        token=f"login csrf {headers}".replace("/", "").replace("'", "").replace(" ", ""),
    )
    browser = seeded.client()
    assert browser.post(url, headers=headers).status_code == status
    assert (COOKIE in browser.cookies) == (status == 303)


def test_links_are_asked_for_a_few_times_only_by_an_address_and_for_an_address(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path
) -> None:
    parts = parts_for(module_database, tmp_path)
    rates = {**parts.limiter.rates, "sign-in": "4/minute", "sign-in to": "2/hour"}
    object.__setattr__(parts, "limiter", Limiter(rates))
    with httpx.Client(
        transport=InProcess(create_app(parts), seeded.portal), base_url="http://memoria.test"
    ) as browser:
        answers = [browser.post("/sign-in", data={"email": "member@example.org"}) for _ in range(5)]
    parts.engine.dispose()
    assert [each.status_code for each in answers] == [200, 200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["status"] == 429
    assert len(letters(tmp_path / "outbox")) == 2
