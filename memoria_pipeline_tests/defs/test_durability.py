"""What ends a run that may not go on, what tells that one is lost, and what is tried again."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.instance.config import dagster_instance_config
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG
from dagster._core.test_utils import create_run_for_test

from memoria_pipeline.defs import launcher as launchers
from memoria_pipeline.defs.heartbeat import Heartbeat, beating
from memoria_pipeline.defs.launcher import Launcher
from memoria_pipeline.defs.lost_runs import end_lost_runs, end_lost_starts, lost_starts_sensor
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.retries import TRANSIENT, retried
from memoria_pipeline.errors import ConsentError, DatabaseError
from memoria_pipeline.store import db
from memoria_pipeline.store.db import Databases
from memoria_pipeline.store.locks import Locks

ROOT = Path(__file__).parents[2]
STARTED, STARTING = DagsterRunStatus.STARTED, DagsterRunStatus.STARTING


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def store(database: sa.Engine) -> Store:
    return Store(database.url.render_as_string(hide_password=False))


def a_run(instance: dg.DagsterInstance, event: str = "e", **more: Any) -> dg.DagsterRun:
    run: dg.DagsterRun = create_run_for_test(
        instance, "some_job", tags={PARTITION_NAME_TAG: event}, **more
    )
    if more.get("status") is STARTED:
        # With the event that gives a run its start, as a worker writes it.
        started = dg.DagsterEvent("PIPELINE_START", run.job_name)
        instance.report_dagster_event(started, run.run_id)
    return run


def kill_sessions(engine: sa.Engine) -> None:
    """What a restart of the server does to every session, those that hold locks included."""
    with sa.create_engine(engine.url, poolclass=sa.NullPool).connect() as conn:
        conn.execute(
            sa.text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        )


def test_a_run_holds_its_own_lock_and_that_of_its_event(
    store: Store, instance: dg.DagsterInstance
) -> None:
    run = a_run(instance)
    with beating(store.url, run, instance):
        assert store.is_alive(run.run_id)
        with store.transaction() as conn:
            assert db.is_held(conn, "event e")
            assert not db.is_held(conn, "event f")
    with store.transaction() as conn:
        assert not db.is_held(conn, "event e")


def test_a_second_run_of_the_event_waits_for_the_first_and_is_alive_meanwhile(
    store: Store, instance: dg.DagsterInstance
) -> None:
    first, second = a_run(instance), a_run(instance)
    entered = threading.Event()

    def work() -> None:
        with beating(store.url, second, instance):
            entered.set()

    with beating(store.url, first, instance):
        thread = threading.Thread(target=work)
        thread.start()
        while not store.is_alive(second.run_id):
            assert thread.is_alive()
        assert not entered.wait(0.6)
    assert entered.wait(10)
    thread.join()


def test_a_run_is_alive_until_dagster_knows_how_it_ended(
    store: Store, instance: dg.DagsterInstance
) -> None:
    run = a_run(instance, status=STARTED)
    locks = Locks(db.engine(store.url))
    locks.take(f"run {run.run_id}")
    heart = Heartbeat(db.engine(store.url), locks, run.run_id, instance, beat=0.05)
    thread = threading.Thread(target=heart.watch)  # its work is over: it is not `working`
    thread.start()
    thread.join(0.3)
    assert store.is_alive(run.run_id)
    instance.report_run_failed(run)
    thread.join(10)
    assert not store.is_alive(run.run_id)


class Ended(Exception):
    pass


def ended(why: str) -> None:
    raise Ended(why)


def a_heart(store: Store, instance: dg.DagsterInstance, run: dg.DagsterRun) -> Heartbeat:
    locks = Locks(db.engine(store.url))
    locks.take(f"run {run.run_id}")
    heart = Heartbeat(db.engine(store.url), locks, run.run_id, instance, end=ended, beat=0.01)
    heart.working.set()
    return heart


def test_a_run_whose_session_went_ends_itself(store: Store, instance: dg.DagsterInstance) -> None:
    heart = a_heart(store, instance, a_run(instance, status=STARTED))
    heart.look()
    kill_sessions(db.engine(store.url))
    with pytest.raises(Ended, match="locks is gone"):
        heart.watch()


def test_locks_whose_session_went_are_gone_at_every_look(store: Store) -> None:
    locks = Locks(db.engine(store.url))
    locks.take("one")
    kill_sessions(db.engine(store.url))
    with pytest.raises(DatabaseError, match="restarted"):
        locks.take("two")
    assert not locks.stand()
    assert not locks.stand()  # and no session of its own making stands in for it
    locks.release("one")
    locks.close()


def test_a_transaction_that_failed_looks_whether_the_run_may_go_on(
    store: Store, instance: dg.DagsterInstance
) -> None:
    heart = a_heart(store, instance, a_run(instance, status=STARTED))
    watched = Store(store.url, heart.look)
    with pytest.raises(DatabaseError), watched.transaction() as conn:
        conn.execute(sa.text("select no_such_thing"))  # the locks stand: the error is only passed
    kill_sessions(db.engine(store.url))
    with pytest.raises(Ended), watched.transaction() as conn:
        conn.execute(sa.text("select no_such_thing"))


def test_a_run_that_dagster_gave_up_ends_itself(store: Store, instance: dg.DagsterInstance) -> None:
    run = a_run(instance, status=STARTED)
    heart = a_heart(store, instance, run)
    instance.report_run_failed(run)
    with pytest.raises(Ended, match="over"):
        heart.watch()


def test_a_cancelled_run_that_does_not_hear_it_is_ended_and_not_tried_again(
    store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memoria_pipeline.defs.heartbeat._CANCEL", 0.05)
    run = a_run(instance, status=STARTED)
    heart = a_heart(store, instance, run)
    instance.report_run_canceling(run)
    with pytest.raises(Ended, match="cancelled"):
        heart.watch()
    after = instance.get_run_by_id(run.run_id)
    assert after is not None
    assert after.status is DagsterRunStatus.CANCELED


def test_it_really_leaves_without_another_word(tmp_path: Path) -> None:
    script = (
        "from memoria_pipeline.defs.heartbeat import leave\n"
        "try: leave('of a test')\n"
        "finally: open('wrote', 'w')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert done.stderr == "memoria: this run ends itself: of a test.\n"
    assert not (tmp_path / "wrote").exists()


@pytest.fixture
def launcher(
    store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Launcher:
    monkeypatch.setattr(launchers, "databases", lambda: Databases(store.url, store.url))
    found = Launcher()
    found.register_instance(instance)
    return found


def test_a_run_without_a_process_is_lost_but_not_before_it_could_have_one(
    launcher: Launcher, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(instance, status=STARTED)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    monkeypatch.setattr(launchers, "GRACE", -1.0)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


def test_a_run_with_a_process_is_never_lost(
    launcher: Launcher,
    store: Store,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launchers, "GRACE", -1.0)
    run = a_run(instance, status=STARTED)
    with beating(store.url, run, instance):
        assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING


def test_a_lost_run_is_not_called_so_while_nobody_could_plan_its_retry(
    launcher: Launcher, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launchers, "GRACE", -1.0)
    run = a_run(instance, status=STARTED)
    instance.add_run_tags(run.run_id, {".dagster/grpc_info": '{"host": "h", "socket": "/gone"}'})
    assert launcher.serves(run.run_id) is None
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    monkeypatch.setattr(launchers, "_PATIENCE", 0.0)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


class Serving(Launcher):
    """A launcher whose code server says so."""

    said: bool | None = False

    def serves(self, run_id: str) -> bool | None:
        return self.said


@pytest.fixture
def serving(store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Serving:
    monkeypatch.setattr(launchers, "databases", lambda: Databases(store.url, store.url))
    monkeypatch.setattr(launchers, "GRACE", -1.0)
    found = Serving()
    found.register_instance(instance)
    return found


def test_a_process_that_a_busy_machine_keeps_from_its_lock_is_not_called_lost(
    serving: Serving, instance: dg.DagsterInstance
) -> None:
    run = a_run(instance, status=STARTED)
    serving.said = True
    assert serving.check_run_worker_health(run).status is WorkerStatus.RUNNING
    serving.said = False
    assert serving.check_run_worker_health(run).status is WorkerStatus.NOT_FOUND


@pytest.mark.parametrize("status", [STARTING, DagsterRunStatus.NOT_STARTED])
def test_a_run_whose_process_died_before_it_began_is_failed_so_that_it_is_tried_again(
    serving: Serving, instance: dg.DagsterInstance, status: DagsterRunStatus
) -> None:
    run = a_run(instance, status=status)
    assert end_lost_starts(instance, serving) == 1
    after = instance.get_run_by_id(run.run_id)
    assert after is not None
    assert after.status is DagsterRunStatus.FAILURE
    assert end_lost_starts(instance, serving) == 0


@pytest.mark.parametrize("said", [True, None])
def test_a_run_that_is_being_started_however_slowly_is_left_alone(
    serving: Serving, instance: dg.DagsterInstance, said: bool | None
) -> None:
    a_run(instance, status=STARTING)
    serving.said = said
    assert end_lost_starts(instance, serving) == 0


def test_a_run_that_nobody_can_know_of_yet_or_that_holds_its_lock_is_left_alone(
    serving: Serving, store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(instance, status=STARTING)
    with beating(store.url, run, instance):
        assert end_lost_starts(instance, serving) == 0
    monkeypatch.setattr(launchers, "GRACE", 20.0)
    assert end_lost_starts(instance, serving) == 0


def test_a_clock_that_was_put_back_makes_no_run_young_for_ever() -> None:
    assert launchers.just_now(time.time())
    assert not launchers.just_now(time.time() + 3_600)


def test_a_run_that_was_given_up_before_it_began_leaves_the_work_to_its_retry(
    store: Store, instance: dg.DagsterInstance
) -> None:
    run = a_run(instance, status=STARTED)
    instance.add_run_tags(run.run_id, {WILL_RETRY_TAG: "true"})
    with pytest.raises(Ended, match="given up"), beating(store.url, run, instance, end=ended):
        pass


def test_without_a_daemon_lost_runs_are_ended_by_the_next_one(
    store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memoria_pipeline.defs.lost_runs.GRACE", -1.0)
    lost, alive = a_run(instance, status=STARTED), a_run(instance, "f", status=STARTED)
    with beating(store.url, alive, instance):
        assert end_lost_runs(instance, store) == 1
        statuses = {r.run_id: r.status for r in instance.get_runs()}
    assert statuses == {lost.run_id: DagsterRunStatus.FAILURE, alive.run_id: STARTED}


def tries(error: BaseException) -> tuple[int, str]:
    """How often a step is tried that fails so, and what Dagster has of its end."""
    count = 0

    def body(context: dg.OpExecutionContext) -> None:
        nonlocal count
        count += 1
        raise error

    step = dg.op(name="step")(retried(body, dg.RetryPolicy(max_retries=2)))  # without delay

    @dg.job
    def job() -> None:
        step()

    with dg.DagsterInstance.ephemeral() as instance:
        with suppress(KeyboardInterrupt):
            job.execute_in_process(raise_on_error=False, instance=instance)
        entries = instance.all_logs(instance.get_runs()[0].run_id)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    [failed] = [event for event in events if event.is_step_failure]
    return count, str(failed.step_failure_data.error)


@pytest.mark.parametrize("error", [DatabaseError("The server restarts."), OSError("a bucket")])
def test_a_step_is_tried_again_where_its_surroundings_failed_it(error: Exception) -> None:
    count, said = tries(error)
    assert count == 1 + TRANSIENT.max_retries
    assert str(error) in said


def _refused() -> DatabaseError:
    """What the database says to a name that it does not know."""
    error = DatabaseError("There is no such column.")
    error.lasting = True
    return error


@pytest.mark.parametrize(
    "error",
    [ConsentError("Nobody has agreed."), ValueError("A fault."), KeyboardInterrupt(), _refused()],
)
def test_what_would_fail_again_or_was_cancelled_is_tried_once(error: BaseException) -> None:
    count, said = tries(error)
    assert count == 1
    assert str(error) in said


@pytest.mark.parametrize(
    ("statement", "lasting"),
    [
        ("select no_such_column", True),
        ("select 1 / 0", True),
        ("select pg_terminate_backend(pg_backend_pid())", False),
    ],
)
def test_what_the_database_would_refuse_again_is_told_from_a_bad_moment(
    store: Store, statement: str, lasting: bool
) -> None:
    with pytest.raises(DatabaseError) as refused, store.transaction() as conn:
        conn.execute(sa.text(statement))
    assert refused.value.lasting is lasting


def test_a_generator_is_tried_again_too() -> None:
    class Context:
        retry_number = 1

    @retried
    def body(context: Context) -> Iterator[int]:
        yield 1
        raise DatabaseError("The server restarts.")

    found = body(Context())
    assert next(found) == 1
    with pytest.raises(dg.RetryRequested) as asked:
        next(found)
    assert 0 <= (asked.value.seconds_to_wait or 0) <= 6  # the second wait of 2, 6


def test_the_instance_is_set_up_for_production(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    read = dagster_instance_config(str(tmp_path))[0]  # refuses what Dagster does not know
    monitoring, retries = read["run_monitoring"], read["run_retries"]
    asked = read["run_launcher"]
    assert (asked["module"], asked["class"]) == (Launcher.__module__, Launcher.__name__)
    assert monitoring["enabled"]
    # Ended, noticed by the retries (5 s) and taken from the queue, all within a minute.
    looks = lost_starts_sensor.minimum_interval_seconds or 0
    worst = launchers.GRACE + max(looks, monitoring["poll_interval_seconds"]) + 5
    assert worst + read["run_queue"]["dequeue_interval_seconds"] < 60
    assert monitoring["free_slots_after_run_end_seconds"] > 0
    assert retries["max_retries"] > 0
    assert retries["retry_on_asset_or_op_failure"] is False
    together, per_event = read["concurrency"]["runs"]["tag_concurrency_limits"]
    assert together["limit"] < read["concurrency"]["runs"]["max_concurrent_runs"]
    assert per_event["key"] == PARTITION_NAME_TAG
    assert per_event["limit"] == 1
