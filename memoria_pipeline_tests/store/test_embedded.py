import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import db, embedded, sockets

_SELECT = sa.text("select 1")


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: that is too long for a socket, and pytest's folders are 0700.
    with tempfile.TemporaryDirectory(prefix="memoria ", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "it's home"


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def _answers(url: str) -> bool:
    with sa.create_engine(url, poolclass=sa.pool.NullPool).connect() as conn:
        return conn.execute(_SELECT).scalar() == 1


def _use(home: Path, until: "multiprocessing.synchronize.Event") -> None:
    with db.running(home) as found:
        assert _answers(found.memoria)
        until.wait(30)


def test_it_starts_in_a_path_with_spaces_and_quotes_and_has_both_databases(home: Path) -> None:
    with db.running(home) as found:
        assert _answers(found.memoria)
        assert _answers(found.dagster)
    assert not (home / "postgres" / "postmaster.pid").exists()


def test_a_path_too_long_for_a_socket_works(home: Path) -> None:
    with db.running(home / ("x" * 120)) as found:
        assert _answers(found.memoria)


def test_a_second_user_joins_and_the_last_one_stops_the_server(home: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    until = spawn.Event()
    with db.running(home):
        other = spawn.Process(target=_use, args=(home, until))
        other.start()
        with db.running(home) as again:
            assert _answers(again.memoria)
        pid = _postmaster(home)
        assert _runs(pid)
        until.set()
        other.join(30)
        assert other.exitcode == 0
        assert _runs(pid)
    assert not _runs(pid)


def test_after_the_server_was_killed_the_next_start_recovers_what_was_committed(home: Path) -> None:
    with db.running(home) as found:
        with db.connect(sa.create_engine(found.memoria, poolclass=sa.pool.NullPool)) as conn:
            conn.execute(sa.text("create table kept as select 42 as answer"))
        os.kill(_postmaster(home), signal.SIGKILL)
    with db.running(home) as found:
        engine = sa.create_engine(found.memoria, poolclass=sa.pool.NullPool)
        with db.connect(engine) as conn:
            assert conn.execute(sa.text("select answer from kept")).scalar() == 42


def test_a_pid_file_whose_number_is_another_process_by_now_does_no_harm(home: Path) -> None:
    with db.running(home):
        left = (home / "postgres" / "postmaster.pid").read_text()
        os.kill(_postmaster(home), signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"]) as other:
        (home / "postgres" / "postmaster.pid").write_text(
            "\n".join([str(other.pid), *left.splitlines()[1:]])
        )
        with db.running(home) as found:
            assert _answers(found.memoria)
        other.kill()


def test_who_has_pgport_set_and_who_has_not_use_one_server(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    with db.running(home):
        monkeypatch.delenv("PGPORT")
        with db.running(home) as found:
            assert _answers(found.memoria)


def test_a_server_that_is_just_starting_is_waited_for(home: Path) -> None:
    with db.running(home):
        os.kill(_postmaster(home), signal.SIGSTOP)
        threading.Timer(1, os.kill, (_postmaster(home), signal.SIGCONT)).start()
        with db.running(home) as found:
            assert _answers(found.memoria)


def test_the_schema_for_dagster_is_made_once_whoever_asks(database: sa.Engine) -> None:
    url = database.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(db._beside, [url] * 4))
    engine = sa.create_engine(found.pop(), poolclass=sa.pool.NullPool)
    assert not found
    with db.connect(engine) as conn:
        assert conn.execute(sa.text("show search_path")).scalar() == "dagster"


def test_a_killed_user_leaves_the_server_to_the_next_one(home: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    other = spawn.Process(target=_use, args=(home, spawn.Event()))
    other.start()
    while not (home / "postgres" / "postmaster.pid").exists() and other.is_alive():
        other.join(0.05)
    other.kill()
    other.join(30)
    with db.running(home) as found:
        assert _answers(found.memoria)
        pid = _postmaster(home)
    assert not _runs(pid)


def test_a_half_made_cluster_of_a_killed_first_start_is_made_anew(home: Path) -> None:
    (home / "postgres.new").mkdir(parents=True)
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with db.running(home) as found:
        assert _answers(found.memoria)


def test_nobody_else_on_the_machine_can_reach_the_data_or_the_socket(home: Path) -> None:
    with db.running(home):
        assert (home / "postgres").stat().st_mode & 0o077 == 0


def test_a_socket_folder_that_another_user_laid_out_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path / "trap"
    trap.symlink_to(tmp_path)
    monkeypatch.setattr(sockets, "folder", lambda _: trap)
    with pytest.raises(DatabaseError, match="another user"), db.running(home):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_start_it_too(home: Path) -> None:
    home.parent.chmod(0o777)
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    embedded._let_server_user_in(home / "postgres")
    script = (
        "import os, sys; from pathlib import Path; from memoria_pipeline.store import db\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "with db.running(Path(sys.argv[1])) as found: print(found.memoria)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home / "of nobody")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert "postgresql+psycopg2://" in done.stdout, done.stderr


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"])
def test_every_spelling_of_an_address_becomes_the_driver_we_have(url: str) -> None:
    assert db.normalised(url) == "postgresql+psycopg2://h/d"


@pytest.mark.parametrize("url", ["mysql://h/d", "not an address", ""])
def test_another_address_is_refused_with_the_mend(url: str) -> None:
    with pytest.raises(DatabaseError, match="postgresql://user:password@host"):
        db.normalised(url)


def test_a_server_that_is_not_there_is_an_error_without_the_password() -> None:
    engine = sa.create_engine("postgresql+psycopg2://me:hunter2@127.0.0.1:1/none")
    with pytest.raises(DatabaseError) as refused, db.connect(engine):
        pass
    assert "hunter2" not in str(refused.value)
    assert "MEMORIA_DATABASE_URL" in str(refused.value)


def test_a_lock_is_held_until_its_process_ends(database: sa.Engine) -> None:
    with db.held(database, "run 1"), db.connect(database) as conn:
        assert db.is_held(conn, "run 1")
        assert not db.is_held(conn, "run 2")
    with db.connect(database) as conn:
        assert not db.is_held(conn, "run 1")


@pytest.mark.parametrize("query", ["select cast(:name as integer)", "select :name, no_such"])
def test_an_error_of_the_database_does_not_repeat_the_values(server: str, query: str) -> None:
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    with pytest.raises(DatabaseError, match="refused") as refused, db.connect(engine) as conn:
        conn.execute(sa.text(query), {"name": "Ada"})
    assert "Ada" not in "".join(traceback.format_exception(refused.value))
