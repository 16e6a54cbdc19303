"""`memoria review` and `memoria token` as people run them: real processes, a real database."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from rich.console import Console

from memoria_pipeline.errors import DatabaseError, MemoriaError
from memoria_pipeline.review.parts import tokens_of
from memoria_pipeline.review.server import _bound
from memoria_pipeline.review.sessions import hashed
from memoria_pipeline.review.tokens import Claims
from memoria_pipeline.services import stack
from memoria_pipeline.services.environment import of_the_review
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import accounts, callers, db, sessions
from memoria_pipeline_tests.store.factories import an_event

MEMORIA = str(Path(sys.executable).with_name("memoria"))


@pytest.fixture(scope="module")
def event(module_database: sa.Engine) -> UUID:
    with db.connect(module_database) as conn:
        return an_event(conn)


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": os.environ["PATH"], "MEMORIA_HOME": str(folder), **more}


def login(engine: sa.Engine, user: str) -> str:
    return engine.url.set(username=user).render_as_string(hide_password=False)


@contextmanager
def served(folder: Path, url: str) -> Iterator[str]:
    """A review's address; it ends with the block, by Ctrl-C, and without an error."""
    process = subprocess.Popen(
        [MEMORIA, "review", "--port", "0"],
        env=environment(folder, MEMORIA_API_DATABASE_URL=url, MEMORIA_LOG_FORMAT="json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        (folder / "said").write_text(said)
    assert process.returncode == 0
    assert "Traceback" not in said


def token(folder: Path, engine: sa.Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MEMORIA, "token", *arguments],
        env=environment(folder, MEMORIA_DATABASE_URL=login(engine, "owner"), COLUMNS="60"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_command_prints_signs_in_at_the_server_that_it_starts(
    tmp_path: Path, module_database: sa.Engine, event: UUID
) -> None:
    printed = token(tmp_path, module_database, "--event", str(event), "--name", "Odile")
    [path] = re.findall(r"http://127\.0\.0\.1:8000(/sign-in/[\w-]{43})\n", printed.stdout)
    [bearer] = re.findall(r"Token +(\S+)\n", printed.stdout)
    url = login(module_database, "memoria_api")
    with served(tmp_path, url) as address, httpx.Client(base_url=address) as browser:
        assert browser.post(path).status_code == 303
        assert browser.get("/event/" + str(event)).json()["id"] == str(event)
        headers = {"authorization": f"Bearer {bearer}"}
        assert httpx.get(f"{address}/event/{event}", headers=headers).status_code == 200
        refused = httpx.get(f"{address}/event/{event}")
    assert refused.status_code == 401
    said = (tmp_path / "said").read_text()
    assert refused.headers["x-request-id"] in said
    assert "POST /sign-in/{token} 303" in said
    assert path not in said
    assert "127.0.0.1" not in said


def test_a_servers_token_is_for_servers(tmp_path: Path, module_database: sa.Engine) -> None:
    bearer = token(tmp_path, module_database, "--service").stdout.strip()
    assert tokens_of(Settings(home=tmp_path)).read(bearer) == Claims(None, service=True)


def test_a_port_that_is_taken_is_a_clear_message(
    tmp_path: Path, module_database: sa.Engine
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        url = login(module_database, "memoria_api")
        with pytest.raises(MemoriaError, match="MEMORIA_REVIEW_PORT"):
            _bound("127.0.0.1", port)
        known = Settings(home=tmp_path, review_port=port)
        found = db.Databases(url, url)
        [kept] = stack._review(known, found, 0, Console(quiet=True))
        assert not kept.program.needs()  # `memoria up` waits for it
    assert kept.program.needs()


def test_the_reviews_process_finds_its_own_login_and_none_of_the_pipelines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MEMORIA_DATABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "MEMORIA_JWT_SECRET"):
        monkeypatch.setenv(name, f"{name} of the pipeline")
    found = of_the_review(tmp_path, "its own")
    assert found["MEMORIA_API_DATABASE_URL"] == "its own"
    assert "MEMORIA_DATABASE_URL" not in found
    assert "SUPABASE_SERVICE_ROLE_KEY" not in found
    assert found["MEMORIA_JWT_SECRET"] == "MEMORIA_JWT_SECRET of the pipeline"


def test_a_server_of_ones_own_has_no_review_without_a_login_for_it(tmp_path: Path) -> None:
    known = Settings(home=tmp_path, database_url="postgresql://u@127.0.0.1:1/x")
    databases = db.Databases("postgresql://u@127.0.0.1:1/x", "")
    assert stack._review(known, databases, 0, Console(quiet=True)) == []


def test_a_member_is_made_once_and_known_by_address_or_name(
    conn: sa.Connection,
) -> None:
    event, other = an_event(conn), an_event(conn)
    first = accounts.ensure(conn, event, "organiser")
    assert accounts.ensure(conn, event, "organiser") == first
    assert accounts.ensure(conn, event, "member") != first
    ada = accounts.ensure(conn, event, "member", "Ada")
    assert accounts.ensure(conn, event, "member", "Ada") == ada
    written = accounts.ensure(conn, event, "guest", "Bea", " Bea@Example.org")
    assert accounts.ensure(conn, event, "organiser", None, "bea@example.org") == written
    # one address, one user, in whatever event
    assert accounts.ensure(conn, other, "guest", None, "bea@example.org") == written
    with pytest.raises(DatabaseError):
        accounts.ensure(conn, uuid4(), "guest")


def test_a_link_from_the_command_works_once(module_database: sa.Engine, event: UUID) -> None:
    with db.connect(module_database) as conn:
        user = accounts.ensure(conn, event, "guest", "Once")
        sessions.make_link(conn, user, event, hashed("a link"), 60)
    weak = db.pooled(login(module_database, "memoria_api"), 1)
    for expected in ((user, event), None):
        with callers.as_server(weak) as conn:
            assert sessions.use_link(conn, hashed("a link")) == expected
    weak.dispose()
