"""A write with a key happens once, also where it is sent twice at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from fastapi import UploadFile

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.review.callers import Asking, Conn, Service, Signed
from memoria_pipeline.review.routes import routes
from memoria_pipeline.store import db, once, sessions
from memoria_pipeline_tests.review.seeded import Seeded

_NAME = sa.text("update memoria.events set name = name || :more where id = :event returning name")
_slow = threading.Event()


@pytest.fixture(scope="module")
def organiser(seeded: Seeded) -> httpx.Client:
    """Of an application with a few writes of its own: each adds a letter to the event's name."""
    router = routes("test")

    @router.post("/test/add/{more}")
    def add(conn: Conn, caller: Signed, more: str, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("wait"):
            _slow.wait(5)
        name = conn.execute(_NAME, {"event": seeded.event, "more": more}).scalar()
        if body.get("fail"):
            raise DecisionError("It cannot be. Do something else.")
        return {"name": name, "by": str(caller.user)}

    @router.delete("/test/nothing", status_code=204)
    def nothing(conn: Conn, _caller: Signed) -> None:
        conn.execute(_NAME, {"event": seeded.event, "more": "-"})

    @router.post("/test/server")
    def server(_conn: Asking, _caller: Service) -> str:
        return str(uuid4())

    @router.post("/test/files")
    def files(conn: Conn, _caller: Signed, files: list[UploadFile]) -> list[int]:
        conn.execute(_NAME, {"event": seeded.event, "more": "f"})
        return [len(each.file.read()) for each in files]

    seeded.app.include_router(router)
    return seeded.client_of("organiser")


@pytest.fixture
def key() -> dict[str, str]:
    return {"idempotency-key": str(uuid4())}


def name_of(seeded: Seeded) -> str:
    with db.connect(seeded.engine) as conn:
        query = sa.text("select name from memoria.events where id = :event")
        name: str = conn.execute(query, {"event": seeded.event}).scalar_one()
    return name


def test_the_same_request_again_is_answered_the_same_and_not_done_again(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    first = organiser.post("/test/add/a", json={}, headers=key)
    then = name_of(seeded)
    again = organiser.post("/test/add/a", json={}, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert name_of(seeded) == then == first.json()["name"]


def test_without_a_key_it_is_done_each_time(seeded: Seeded, organiser: httpx.Client) -> None:
    before = name_of(seeded)
    for _ in range(2):
        organiser.post("/test/add/b", json={})
    assert name_of(seeded) == before + "bb"


@pytest.mark.parametrize("change", ["path", "body", "query"])
def test_a_key_that_stood_for_another_request_is_refused(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str], change: str
) -> None:
    organiser.post("/test/add/c", json={"x": 1}, headers=key)
    then = name_of(seeded)
    path = {"path": "/test/add/d", "query": "/test/add/c?x=1"}.get(change, "/test/add/c")
    other = organiser.post(path, json={"x": 2 if change == "body" else 1}, headers=key)
    assert other.status_code == 422
    assert name_of(seeded) == then


def test_what_failed_is_not_kept_and_may_be_tried_again(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    then = name_of(seeded)
    for _ in range(2):
        assert organiser.post("/test/add/e", json={"fail": 1}, headers=key).status_code == 409
    assert name_of(seeded) == then


def test_two_at_once_are_one(seeded: Seeded, organiser: httpx.Client, key: dict[str, str]) -> None:
    before = name_of(seeded)
    _slow.clear()
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(organiser.post, "/test/add/g", json={"wait": 1}, headers=key)
            for _ in range(2)
        ]
        until_one_waits_for_the_other(seeded)
        _slow.set()
        one, two = (each.result() for each in asked)
    assert one.json() == two.json() == {"name": before + "g", "by": one.json()["by"]}
    assert name_of(seeded) == before + "g"
    assert {each.headers.get("idempotency-replayed") for each in (one, two)} == {None, "true"}


def until_one_waits_for_the_other(seeded: Seeded) -> None:
    query = sa.text(
        "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
        " where l.locktype = 'advisory' and not l.granted and d.datname = current_database()"
    )
    for _ in range(500):
        with db.connect(seeded.engine) as conn:
            if conn.execute(query).scalar_one():
                return
    raise AssertionError("Nobody waits.")


def test_a_key_is_its_users_own(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    first = organiser.post("/test/add/h", json={}, headers=key)
    other = seeded.client_of("stranger").post("/test/add/h", json={}, headers=key)
    assert first.json()["name"] is not None
    assert other.json()["name"] is None  # done, and row level security let nothing be seen
    assert UUID(other.json()["by"]) == seeded.users["stranger"]


def test_an_answer_without_a_body_is_given_again(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    before = name_of(seeded)
    answers = [organiser.delete("/test/nothing", headers=key) for _ in range(2)]
    assert [(each.status_code, each.content) for each in answers] == [(204, b"")] * 2
    assert name_of(seeded) == before + "-"


def test_files_sent_again_are_the_same_though_their_boundary_is_not(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    def send(*contents: bytes) -> httpx.Response:
        files = [("files", (f"{i}.jpg", each)) for i, each in enumerate(contents)]
        return organiser.post("/test/files", files=files, headers=key)

    before = name_of(seeded)
    assert send(b"one", b"three").json() == send(b"one", b"three").json() == [3, 5]
    assert name_of(seeded) == before + "f"
    assert send(b"one", b"threo").status_code == 422


@pytest.mark.parametrize("wrong", ["", "x" * 256, "a\x7fb"])
def test_a_key_that_is_none_is_refused(organiser: httpx.Client, wrong: str) -> None:
    answer = organiser.post("/test/add/i", json={}, headers={"idempotency-key": wrong})
    assert answer.status_code == 422


def test_what_a_server_asks_for_twice_is_done_once(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    service = seeded.client_of("service")
    one, two = (service.post("/test/server", headers=key).json() for _ in range(2))
    assert one == two != service.post("/test/server").json()


def test_what_was_erased_of_an_answer_is_not_answered_again_nor_done_again(
    seeded: Seeded, organiser: httpx.Client, key: dict[str, str]
) -> None:
    organiser.post("/test/add/e", json={}, headers=key)
    then, who = name_of(seeded), {"user": seeded.users["organiser"], "event": uuid4()}
    with db.connect(seeded.engine) as conn:
        conn.execute(sa.text("select memoria.purge_face_data_for_user(:user, :event)"), who)
    again = organiser.post("/test/add/e", json={}, headers=key)
    assert (again.status_code, again.json()["title"]) == (409, "Conflict")
    assert name_of(seeded) == then


def test_answers_sessions_and_links_are_forgotten_once_they_are_over(seeded: Seeded) -> None:
    user = seeded.users["member"]
    with db.connect(seeded.engine) as conn:
        for key in ("old", "new"):
            once.keep(conn, user, key, once.Answer("f", 200, None))
        conn.execute(
            sa.text(
                "update memoria.idempotency set created_at = now() - interval '2 days'"
                " where key = 'old'"
            )
        )
        for seconds in (-5, 60):
            sessions.make_link(conn, user, None, f"link {seconds}".encode(), seconds)
            sessions.start(conn, user, f"session {seconds}".encode(), "csrf", seconds)
        once.prune(conn)
        sessions.prune(conn)
        assert once.answered(conn, user, "old") is None
        assert once.answered(conn, user, "new") is not None
        query = sa.text(
            "select token_hash from memoria.links union all select token_hash from memoria.sessions"
        )
        left = {bytes(each) for each in conn.scalars(query)}
    assert left >= {b"link 60", b"session 60"}
    assert not left & {b"link -5", b"session -5"}
