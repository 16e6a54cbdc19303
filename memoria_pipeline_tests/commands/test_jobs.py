from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from memoria_pipeline.commands import jobs as command
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import inbox, jobs, outbox
from memoria_pipeline.work.jobs import Job
from memoria_pipeline_tests.store.factories import an_event

Type = Callable[..., str]


@pytest.fixture
def memoria(conn: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types `memoria jobs …` in the test's own transaction; what it prints."""

    @contextmanager
    def database() -> Iterator[sa.Connection]:
        yield conn

    here: Callable[[], AbstractContextManager[sa.Connection]] = database
    monkeypatch.setattr(command, "database", here)

    def run(*words: object, status: int = 0) -> str:
        monkeypatch.setattr(command, "out", Console(width=300, highlight=False))
        done = CliRunner().invoke(command.app, [str(word) for word in words])
        if isinstance(done.exception, DatabaseError):
            raise done.exception
        assert done.exit_code == status, done.output
        return done.output

    return run


def a_dead_letter(conn: sa.Connection) -> Job:
    jobs.enqueue(conn, an_event(conn), "detect")
    [job] = jobs.claim(conn, 1)
    jobs.fail(conn, job.token, "The disk [bold] was away.", permanent=True)
    return job


def test_the_list_names_each_job_its_error_and_the_counts(
    conn: sa.Connection, memoria: Type
) -> None:
    job = a_dead_letter(conn)
    waiting = jobs.enqueue(conn, job.event_id, "cluster", (), "high")
    shown = memoria("list")
    assert "The disk [bold] was away." in shown
    assert "1 failed, 1 pending" in shown
    assert str(waiting) not in memoria("list", "--status", "failed", "--event", job.event_id)


def test_a_job_is_shown_with_all_there_is_to_say(conn: sa.Connection, memoria: Type) -> None:
    job = a_dead_letter(conn)
    shown = memoria("show", job.id)
    assert "status          failed" in shown
    assert "error           The disk [bold] was away." in shown
    with pytest.raises(DatabaseError, match="memoria jobs list"):
        memoria("show", uuid4())


def test_dead_letters_are_replayed_by_name_or_all_at_once(
    conn: sa.Connection, memoria: Type
) -> None:
    job, other = a_dead_letter(conn), a_dead_letter(conn)
    assert "1 jobs are pending again" in memoria("replay", job.id)
    assert inbox.get(conn, job.id).status == "pending"
    assert "0 jobs" in memoria("replay", "--failed", "--event", job.event_id)
    assert "1 jobs" in memoria("replay", "--failed")
    assert inbox.get(conn, other.id).status == "pending"
    memoria("replay", status=2)


def test_callbacks_that_were_given_up_are_listed_and_sent_again(
    conn: sa.Connection, memoria: Type
) -> None:
    a_dead_letter(conn)
    assert "waiting" in memoria("callbacks")
    [letter] = outbox.claim(conn)
    outbox.refused(conn, letter, 410, "The receiver answered 410.", None)
    assert "The receiver answered 410." in memoria("callbacks", "--dead")
    assert "1 callbacks are sent again." in memoria("callbacks", "--replay")
    assert len(outbox.claim(conn)) == 1
