"""The inbox `ml_jobs`: which job may run, what runs together, and what follows from its end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

Type = Literal["detect", "cluster", "erase"]
Priority = Literal["high", "normal", "low"]
_RANK: Mapping[str, int] = {"high": 1, "normal": 0, "low": -1}
_FIRST = 10.0  # seconds until the second try: what passes at all passes mostly in that time
_LONGEST = 3600.0
_CALLS = 12  # with the delays below a receiver may be away for six to eight hours
_LONGEST_CALL = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job; `token` is that of its claim, which may hold many jobs of one event.

    media_ids: the photos that are meant; none means all of the event. attempts: this one counted.
    """

    id: UUID
    event_id: UUID
    job_type: Type
    media_ids: Sequence[UUID]
    priority: Priority
    attempts: int
    token: UUID


@dataclass(frozen=True, slots=True)
class Batch:
    """The jobs of one claim: one event, one run."""

    token: UUID
    event_id: UUID
    jobs: Sequence[Job]

    @property
    def grouping(self) -> Literal["always", "when enough"]:
        """A job `cluster` forces what a job `detect` leaves to the rule of ten faces."""
        asked = any(job.job_type == "cluster" for job in self.jobs)
        return "always" if asked else "when enough"

    @property
    def rank(self) -> int:
        """1, 0 or -1: its most urgent job counts."""
        return max(_RANK[job.priority] for job in self.jobs)

    def without(self, ids: Iterable[UUID]) -> "Batch":
        """What is left to do without these jobs."""
        done = set(ids)
        return Batch(self.token, self.event_id, [j for j in self.jobs if j.id not in done])


def batches(jobs: Iterable[Job]) -> list[Batch]:
    """Claimed jobs by their claim, the most urgent first, else in the order given."""
    by_token: dict[UUID, list[Job]] = {}
    for job in jobs:
        by_token.setdefault(job.token, []).append(job)
    made = [Batch(token, each[0].event_id, each) for token, each in by_token.items()]
    return sorted(made, key=lambda batch: -batch.rank)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a job's fate depends on. unknown: photos it names that its event does not have."""

    event_status: str
    consent: bool
    unknown: int


def refusal(job: Job, facts: Facts) -> str | None:
    """Why this job can never be done as things are, with what to do; None where it can."""
    if facts.unknown:
        return (
            f"{facts.unknown} of the {len(job.media_ids)} photos that the job names are not in its"
            " event: insert their rows into media first, then enqueue it again."
        )
    if job.job_type == "erase":
        return None
    if facts.event_status != "active":
        return (
            f"The event is {facts.event_status}: its faces are gone and none is looked for. Make it"
            " active, then replay the job."
        )
    if not facts.consent:
        return (
            "Face analysis is switched off for the event. Once the organiser agrees, set"
            " events.face_recognition_enabled, then replay the job."
        )
    return None


def refusals(jobs: Iterable[Job], known: Mapping[UUID, Facts]) -> dict[str, list[UUID]]:
    """Reason → the jobs that it keeps from ever being done. A job without facts is gone."""
    found: dict[str, list[UUID]] = {}
    for job in jobs:
        reason = refusal(job, known[job.id]) if job.id in known else None
        if reason is not None:
            found.setdefault(reason, []).append(job.id)
    return found


Step = Literal["renew", "finish", "again", "give up", "wait"]


def next_step(run: Literal["none", "underway", "succeeded", "failed", "cancelled"]) -> Step:
    """What to do with a claim, by what became of its run.

    A run that nobody ever started is waited for until the lease is over: the daemon was killed
    between our claim and its launch. One that is underway keeps its claim, a queued one too.
    """
    steps: Mapping[str, Step] = {
        "none": "wait",
        "underway": "renew",
        "succeeded": "finish",
        "failed": "again",
        "cancelled": "give up",
    }
    return steps[run]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job goes on. delay: seconds until its next try, of a pending one."""

    status: Literal["pending", "completed", "failed"]
    delay: float = 0.0
    error: str | None = None
    result: Mapping[str, Any] | None = None


def backoff(attempts: int, chance: float, longest: float = _LONGEST) -> float:
    """Seconds until the next try after `attempts` of them: doubling, half to one and a half of it.

    chance: in [0, 1), or everybody who failed together comes back together.
    """
    return min(longest, _FIRST * 2.0 ** (min(attempts, 32) - 1)) * (0.5 + chance)


def after_failure(
    attempts: int, most: int, error: str, chance: float, *, permanent: bool = False
) -> Verdict:
    """A try that failed: another one later, or the dead letters."""
    if permanent or attempts >= most:
        return Verdict("failed", error=error)
    return Verdict("pending", backoff(attempts, chance), error)


def after_lease(attempts: int, most: int) -> Verdict:
    """Nobody renewed the lease: pending at once, unless that happens each time."""
    if attempts < most:
        return Verdict("pending")
    error = (
        f"Nobody finished the job in {attempts} tries: whoever worked on it stopped answering."
        " See whether `memoria up` runs, then replay it."
    )
    return Verdict("failed", error=error)


def after_call(attempts: int, status: int | None, chance: float) -> float | None:
    """Seconds until a callback that nobody took is sent again; None: never (410: not wanted)."""
    if attempts >= _CALLS or status == 410:
        return None
    return backoff(attempts, chance, _LONGEST_CALL)
