"""Starts runs as Dagster does by default, and tells its run monitoring whether they live.

Run retries stand on this. Without it a run whose process died together with its code server (a
power cut, kill -9) would stay STARTED for ever, with its slot of the detector's pool.
"""

import time

from dagster import deserialize_value
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import ConfigurableClassData

from memoria_pipeline.defs.storage import databases
from memoria_pipeline.store import db

GRACE = 20.0  # seconds from being asked for to having a process, and from its start to its lock
_PATIENCE = 30.0  # seconds; a code server that was killed is back within 15


class Launcher(DefaultRunLauncher):
    """The default launcher with a health check: does some process hold the run's lock?"""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._lost_since: dict[str, float] = {}  # run id → when it was first found without process

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: the daemon asks for every run in progress, every few seconds."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """NOT_FOUND once the run has no process: the daemon then fails it, and tries it again."""
        if self.lives(run.run_id) or self._is_young(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        now = self._instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:  # while we looked
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        served = self.serves(run.run_id)
        if served or (served is None and self._is_worth_waiting(run.run_id)):
            return CheckRunHealthResult(WorkerStatus.RUNNING, "has no lock yet, or no code server")
        self._lost_since.pop(run.run_id, None)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The process of this run is gone")

    def serves(self, run_id: str) -> bool | None:
        """Whether a code server has a living process for the run; None where it does not answer.

        It knows of one from the moment it starts it, long before the process holds its lock: a busy
        machine takes a minute for what a clock would call lost. A server that was itself started
        anew knows of none; theirs live on, and are known by their locks.
        """
        client = self._get_grpc_client_for_termination(run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return False  # nobody was asked yet, or it was not started through a server
        try:
            client.get_server_id(timeout=2)
            said = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except Exception:  # whatever it is, it is no answer
            return None
        return run_id in said.current_runs

    def lives(self, run_id: str) -> bool:
        """Whether a process holds the run's lock."""
        with db.connect(db.engine(databases().memoria)) as conn:
            return db.is_held(conn, f"run {run_id}")

    def _is_young(self, run_id: str) -> bool:
        record = self._instance.get_run_record_by_id(run_id)
        return record is not None and just_now(record.start_time)

    def _is_worth_waiting(self, run_id: str) -> bool:
        """A retry is planned by the code server; Dagster gives it up where that is away just then.

        So a lost run is not called lost before its code server answers, or has had its time.
        """
        since = self._lost_since.setdefault(run_id, time.monotonic())
        return time.monotonic() - since < _PATIENCE


def just_now(moment: float | None) -> bool:
    """Whether that was within the grace; what is to come is not, since a clock was put back."""
    return moment is not None and 0 <= time.time() - moment < GRACE
