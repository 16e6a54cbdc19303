"""Dagster's tables, reached by connections that a process keeps."""

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import dagster as dg
import pytest
import sqlalchemy as sa

from memoria_pipeline.store import db
from memoria_pipeline_tests.defs.made_up import an_instance


@pytest.fixture(scope="module")
def url(server: str) -> str:
    """A database for Dagster alone."""
    return db.create_database(server, "kept")


@pytest.fixture
def instance(url: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with an_instance(tmp_path, url) as found:
        yield found


def sessions(url: str) -> set[int]:
    """The server's processes for whom this database is open; ours that asks is not among them."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as conn:
        return set(conn.scalars(_SESSIONS))


_OTHERS = (
    " from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    " and backend_type = 'client backend'"
)
_SESSIONS = sa.text("select pid" + _OTHERS)
_END = sa.text("select pg_terminate_backend(pid, 5000)" + _OTHERS)


def test_hundreds_of_statements_of_a_process_share_two_connections(
    instance: dg.DagsterInstance, url: str
) -> None:
    instance.add_dynamic_partitions("events", ["a"])
    before = sessions(url)
    for _ in range(50):
        assert instance.get_dynamic_partitions("events") == ["a"]
        assert instance.get_runs_count() == 0
    assert sessions(url) == before
    assert len(before) <= 2


def test_two_instances_of_one_process_share_their_connections(
    instance: dg.DagsterInstance, url: str, tmp_path: Path
) -> None:
    before = instance.get_runs_count(), sessions(url)
    with an_instance(tmp_path, url) as other:
        assert (other.get_runs_count(), sessions(url)) == before


def test_threads_get_connections_of_their_own_and_leave_two_behind(
    instance: dg.DagsterInstance, url: str
) -> None:
    storage, all_six = instance.run_storage, Barrier(6)

    def hold(_: int) -> int:
        with storage.connect() as conn:  # type: ignore[attr-defined]
            all_six.wait(30)
            return int(conn.scalar(sa.text("select pg_backend_pid()")))

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(hold, range(6)))) == 6
    assert len(sessions(url)) == 2


def test_connections_that_the_server_ended_are_opened_again_without_a_word(
    instance: dg.DagsterInstance, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    instance.get_runs_count()
    ended = sessions(url)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as conn:
        assert len(conn.scalars(_END).all()) == len(ended)
    assert instance.get_runs_count() == 0
    assert not sessions(url) & ended
    assert "Retrying" not in caplog.text


def test_a_forked_process_opens_its_own_and_leaves_its_parents_alone(
    instance: dg.DagsterInstance, url: str
) -> None:
    instance.add_dynamic_partitions("forked", ["parent"])
    before = sessions(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: of threads, which wait
        child = os.fork()
    if not child:
        try:
            instance.add_dynamic_partitions("forked", ["child"])
            os._exit(0 if sessions(url) - before else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert set(instance.get_dynamic_partitions("forked")) == {"parent", "child"}
    assert before <= sessions(url)
