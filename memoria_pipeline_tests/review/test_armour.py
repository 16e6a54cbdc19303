"""Around every request: headers, limits, the log; a caller that is not who it says."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError, SettingsError
from memoria_pipeline.logs import JsonFormatter
from memoria_pipeline.review.app import LARGEST_BODY, create_app
from memoria_pipeline.review.callers import Conn
from memoria_pipeline.review.limits import RATES, Limiter, address_of
from memoria_pipeline.review.parts import parts_of
from memoria_pipeline.review.problems import Problem
from memoria_pipeline.review.server import config_of
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import callers
from memoria_pipeline.store.secrets import secret_of
from memoria_pipeline_tests.review.seeded import URL, InProcess, Seeded, parts_for


@pytest.mark.parametrize("path", ["/health", "/sign-in", "/nowhere", "/static/app.css"])
def test_every_answer_carries_what_protects_a_browser(seeded: Seeded, path: str) -> None:
    headers = seeded.client().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert len(headers["x-request-id"]) == 32
    assert "strict-transport-security" not in headers  # plain http here


def test_what_belongs_to_a_person_is_kept_by_no_cache(seeded: Seeded) -> None:
    assert seeded.client_of("organiser").get("/health").headers["cache-control"] == "no-store"


def test_a_body_that_is_too_large_is_refused_with_a_problem(seeded: Seeded) -> None:
    said = seeded.client_of("service").post("/process", content=b"x" * (LARGEST_BODY + 1))
    assert said.status_code == 413
    assert said.json()["status"] == 413


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 422), (b'{"job_id": "Ada Lovelace"}', 422)]
)
def test_a_body_that_is_wrong_is_told_without_repeating_it(
    seeded: Seeded, body: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    said = seeded.client_of("service").post("/process", content=body, headers=headers)
    assert said.status_code == status
    assert said.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "mend"} <= set(said.json())
    assert "Lovelace" not in said.text


def test_a_browser_gets_a_page_where_a_program_gets_a_problem(seeded: Seeded) -> None:
    nobody = seeded.client()
    assert nobody.get("/nowhere").json()["status"] == 404
    page = nobody.get("/nowhere", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_log_has_a_number_the_route_and_nothing_personal(
    seeded: Seeded, caplog: pytest.LogCaptureFixture
) -> None:
    lines = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    logger = logging.getLogger("memoria_pipeline.review")
    handler = Kept()
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "memoria_pipeline.review"):
            answer = seeded.client().get("/sign-in/a-secret?q=Ada")
    finally:
        logger.removeHandler(handler)
    [line] = lines
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["message"].startswith("GET /sign-in/{token} 200, ")
    assert "secret" not in str(line) + caplog.text
    assert "Ada" not in str(line)


def test_a_token_that_is_not_valid_is_401_and_says_how_to_ask(seeded: Seeded) -> None:
    said = seeded.client(headers={"authorization": "Bearer x.y.z"}).post("/process", json={})
    assert (said.status_code, said.headers["www-authenticate"]) == (401, "Bearer")


def test_guessing_tokens_is_slowed_down_and_valid_ones_of_others_are_not(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path
) -> None:
    parts = parts_for(module_database, tmp_path)
    parts = replace(parts, limiter=Limiter({**parts.limiter.rates, "token": "3/minute"}))
    transport = InProcess(create_app(parts), seeded.portal)
    with httpx.Client(transport=transport, base_url=URL) as client:
        wrong = {"authorization": "Bearer guess"}
        answers = [client.post("/sign-out", headers=wrong).status_code for _ in range(5)]
    parts.engine.dispose()
    assert answers == [401, 401, 401, 429, 429]


def test_every_limit_can_be_read_and_says_when_to_come_back() -> None:
    limiter = Limiter()
    for what in RATES:
        limiter.take(what, "somebody")
    few = Limiter({"x": "2/minute"})
    few.take("x", "one")
    few.take("x", "one")
    few.take("x", "two")
    with pytest.raises(Problem) as refused:
        few.take("x", "one")
    assert refused.value.status == 429
    assert 0 < int(refused.value.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_whoever_has_a_whole_network_counts_as_one(host: str, counted: str) -> None:
    asked = SimpleNamespace(client=SimpleNamespace(host=host))
    assert address_of(asked) == counted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trusted", "last"), [("127.0.0.1", 410), ("203.0.113.0/24", 429), ("", 429)]
)
def test_whose_address_it_is_is_said_by_trusted_proxies_alone(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path, trusted: str, last: int
) -> None:
    parts = parts_for(module_database, tmp_path, trusted_proxies=trusted)
    limiter = Limiter({**parts.limiter.rates, "sign-in": "2/minute"})
    config = config_of(replace(parts, limiter=limiter))
    config.load()
    transport = InProcess(config.loaded_app, seeded.portal)
    with httpx.Client(transport=transport, base_url=URL) as client:
        answers = [  # the last one is who spoke to the proxy; before it, what that one said
            client.post("/sign-in/no", headers={"x-forwarded-for": f"198.51.100.7, 192.0.2.{n}"})
            for n in range(3)
        ]
    parts.engine.dispose()
    assert [each.status_code for each in answers] == [410, 410, last]


def test_the_review_needs_a_login_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MEMORIA_API_DATABASE_URL"):
        parts_of(Settings(home=tmp_path))


def test_a_login_that_could_do_more_than_its_callers_is_refused(
    tmp_path: Path, module_database: sa.Engine, server: str
) -> None:
    database = sa.make_url(module_database.url).database
    for user in ("owner", "postgres"):
        url = sa.make_url(server).set(username=user, database=database)
        text = url.render_as_string(hide_password=False)
        with pytest.raises(DatabaseError):
            parts_of(Settings(home=tmp_path, api_database_url=text))


def test_a_login_of_its_own_gets_secrets_that_only_we_can_read(
    tmp_path: Path, module_database: sa.Engine
) -> None:
    url = module_database.url.set(username="memoria_api").render_as_string(hide_password=False)
    given = Settings(home=tmp_path, api_database_url=url)
    first, second = parts_of(given), parts_of(given)
    assert first.tokens.secret == second.tokens.secret != first.signer.secret.decode()
    for each in (tmp_path / "secrets").iterdir():
        assert each.stat().st_mode & 0o077 == 0
    for parts in (first, second):
        parts.engine.dispose()


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    made = secret_of(tmp_path, "jwt", None)
    assert secret_of(tmp_path, "jwt", None) == made
    assert secret_of(tmp_path, "jwt", "given" * 8) == "given" * 8
    (tmp_path / "secrets" / "jwt").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        secret_of(tmp_path, "jwt", None)


def test_an_error_that_nobody_foresaw_says_nothing_of_anybody_and_changes_nothing(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = parts_for(module_database, tmp_path)
    app = create_app(parts)

    who = "Ada Lovelace"

    @app.get("/test/broken")
    def broken(conn: Conn) -> None:
        raise RuntimeError(who)

    headers = {"authorization": f"Bearer {parts.tokens.make(seeded.users['guest'], 60)}"}
    with httpx.Client(transport=InProcess(app, seeded.portal), base_url=URL) as client:
        said = client.get("/test/broken", headers=headers)
    parts.engine.dispose()
    assert (said.status_code, said.json()["status"]) == (500, 500)
    assert "content-security-policy" in said.headers
    assert "Lovelace" not in said.text + caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(
    "sent", ['"a\\u0000b"', '"\\ud800"', '"' + "x" * 300_000 + '"', "1e400", "9" * 400]
)
def test_what_the_database_cannot_take_is_the_senders_fault(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path, sent: str
) -> None:
    parts = parts_for(module_database, tmp_path)
    app = create_app(parts)

    @app.post("/test/store")
    def store(conn: Conn, body: dict[str, Any]) -> None:
        kind = "integer" if isinstance(body["x"], int | float) else "text"
        conn.execute(sa.text(f"select cast(:x as {kind})"), {"x": body["x"]})

    headers = {
        "authorization": f"Bearer {parts.tokens.make(seeded.users['guest'], 60)}",
        "content-type": "application/json",
    }
    with httpx.Client(transport=InProcess(app, seeded.portal), base_url=URL) as client:
        said = client.post("/test/store", content='{"x": ' + sent + "}", headers=headers)
    parts.engine.dispose()
    assert said.status_code in (200, 400, 422)


def test_more_requests_at_once_than_connections_and_threads_are_all_answered(
    seeded: Seeded, module_database: sa.Engine, tmp_path: Path
) -> None:
    parts = parts_for(module_database, tmp_path)
    app = create_app(parts)

    @app.get("/test/twice")
    def twice(conn: Conn) -> int:
        with callers.as_server(parts.engine) as second:  # as accepting an invitation does
            conn.execute(sa.text("select pg_sleep(0.01)"))
            return int(second.execute(sa.text("select 1")).scalar_one())

    headers = {"authorization": f"Bearer {parts.tokens.make(seeded.users['guest'], 60)}"}
    with (
        httpx.Client(transport=InProcess(app, seeded.portal), base_url=URL) as client,
        ThreadPoolExecutor(100) as pool,
    ):
        asked = [pool.submit(client.get, "/test/twice", headers=headers) for _ in range(200)]
        assert {each.result().status_code for each in asked} == {200}
    parts.engine.dispose()
