"""For applications and their workers: ask for analysis and grouping, hear outcomes, erase."""

import time
from contextlib import nullcontext
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from memoria_pipeline.errors import CallbackError, ConsentError, DecisionError
from memoria_pipeline.review import keeping
from memoria_pipeline.review.api.shapes import Said, Text
from memoria_pipeline.review.callers import Anyone, Asking, Here, Service, limited_user
from memoria_pipeline.review.limits import limited
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.problems import NotFound, Problem, missing
from memoria_pipeline.review.routes import routes
from memoria_pipeline.store import asked, callers
from memoria_pipeline.store.asked import JobShown
from memoria_pipeline.webhooks import verify

router = routes("machines")
WAIT = 20.0
"""Seconds that `/cluster` waits for the pipeline at most."""
_EVERY = 0.25


class Enqueue(Said):
    """What to do, in which event, with which photos (none: all)."""

    job_type: Literal["detect", "cluster"] = Field(
        validation_alias=AliasChoices("job_type", "type"), description="Or `type`."
    )
    event_id: UUID
    media_ids: Annotated[list[UUID], Field(max_length=10_000)] = []
    priority: Literal["high", "normal", "low"] = "normal"


@router.post("/ml/enqueue", dependencies=[Depends(limited_user("ml"))])
@router.post("/ml-enqueue", operation_id="enqueue_too", dependencies=[Depends(limited_user("ml"))])
def enqueue(body: Enqueue, caller: Anyone, conn: Asking) -> JobShown:
    """Ask for detection or grouping, as a server, an organiser or a photographer; the job."""
    what = (body.event_id, body.job_type, body.media_ids, body.priority)
    if not caller.service:
        return keeping.ask_for(conn, *what)
    if not asked.allowed(conn, body.event_id).exists:
        raise NotFound("event")
    return asked.enqueue_for(conn, *what)


class Callback(BaseModel):
    """A worker's outcome of a job; further members are left aside."""

    model_config = ConfigDict(extra="ignore")

    job_id: UUID
    status: Literal["completed", "failed"]
    error: Text | None = None
    result: dict[str, Any] | None = None


async def signed_by_worker(request: Request, parts: Here) -> None:
    """The body is signed with the callback secret (Standard Webhooks). Raises Problem."""
    secret = parts.settings.callback_secret
    if secret is None:
        mend = "Set CALLBACK_SECRET, 32 characters at least, here and there."
        raise Problem(503, "There is no callback secret, so no callback can be trusted.", mend)
    try:
        verify(secret, dict(request.headers), await request.body(), time.time())
    except CallbackError as error:
        raise missing(str(error)) from None


@router.post("/ml/callback", dependencies=[Depends(limited("ml")), Depends(signed_by_worker)])
@router.post(
    "/ml-callback",
    operation_id="callback_too",
    dependencies=[Depends(limited("ml")), Depends(signed_by_worker)],
)
def callback(body: Callback, parts: Here) -> JobShown:
    """A worker tells how a job ended; the same twice is the same. The job as it is then.

    Signed with the callback secret: headers webhook-id, webhook-timestamp, webhook-signature.
    """
    with callers.as_server(parts.engine) as conn:
        if asked.job(conn, body.job_id) is None:
            raise NotFound("job")
        if not asked.finish(conn, body.job_id, body.status, body.error, body.result):
            raise DecisionError(
                f"Job {body.job_id} is not that worker's: it ended otherwise, or the pipeline"
                " works on it itself."
            )
        found = asked.job(conn, body.job_id)
    assert found is not None
    return found


class Cluster(Said):
    """A job of the caller's, or a new id, and the event to group."""

    job_id: UUID
    event_id: UUID


class Grouped(BaseModel):
    """The event's people, as of now. queued_job_id: the job that does it, to ask for again."""

    job_id: UUID
    event_id: UUID
    total_faces: int
    clusters_created: int
    noise_faces: int
    clusters: list[asked.ClusterShown]
    processing_time_seconds: float
    status: Literal["completed", "processing"]
    queued_job_id: UUID


@router.post(
    "/cluster",
    dependencies=[Depends(limited_user("ml"))],
    responses={202: {"model": Grouped, "description": "It takes longer: ask again."}},
)
async def cluster(
    body: Cluster,
    _caller: Service,
    parts: Here,
    response: Response,
    wait: Annotated[float, Query(ge=0, le=WAIT, description="Seconds, at most.")] = WAIT,
) -> Grouped:
    """Group an event's faces. The pipeline does it: 202 and `processing` where it takes longer.

    Asked again with the `queued_job_id` as job_id, it goes on waiting for the same job.
    """
    job = await run_in_threadpool(_job_for, parts, body)
    until = time.monotonic() + wait
    while job.status in ("pending", "processing") and time.monotonic() < until:
        await anyio.sleep(_EVERY)
        job = await run_in_threadpool(_job, parts, job.id)
    if job.status == "failed":
        raise DecisionError(f"The grouping failed: {job.error}")
    response.status_code = 200 if job.status == "completed" else 202
    return await run_in_threadpool(_grouped, parts, body, job)


def _job_for(parts: Parts, body: Cluster) -> JobShown:
    """The caller's own job, where it is one; else a new one, once."""
    with callers.as_server(parts.engine) as conn:
        event = asked.allowed(conn, body.event_id)
        if not event.exists:
            raise NotFound("event")
        if not event.allowed:
            raise ConsentError(
                f"Event {body.event_id}: face analysis is switched off, or the event is over. Once"
                " the organiser agrees, set face_recognition_enabled."
            )
        known = asked.job(conn, body.job_id)
        if known is not None and (known.event_id, known.job_type) == (body.event_id, "cluster"):
            return known
        return asked.enqueue_for(conn, body.event_id, "cluster", (), "high")


def _job(parts: Parts, job_id: UUID) -> JobShown:
    with callers.as_server(parts.engine) as conn:
        found = asked.job(conn, job_id)
    if found is None:
        raise NotFound("job")
    return found


def _grouped(parts: Parts, body: Cluster, job: JobShown) -> Grouped:
    with callers.as_server(parts.engine) as conn:
        clusters = asked.clusters(conn, body.event_id)
        counts = asked.face_counts(conn, body.event_id)
    took = 0.0
    if job.started_at is not None and job.completed_at is not None:
        took = (job.completed_at - job.started_at).total_seconds()
    return Grouped(
        job_id=body.job_id,
        event_id=body.event_id,
        total_faces=counts.total,
        clusters_created=len(clusters),
        noise_faces=counts.noise,
        clusters=clusters,
        processing_time_seconds=took,
        status="completed" if job.status == "completed" else "processing",
        queued_job_id=job.id,
    )


@router.get("/ml/jobs/{job_id}")
def job(job_id: UUID, _caller: Service, parts: Here) -> JobShown:
    """A job, as a server asks for it."""
    return _job(parts, job_id)


class Purge(Said):
    """Whose faces and tags go from which event."""

    user_id: UUID
    event_id: UUID


class Receipt(BaseModel):
    """What was erased: counts, and the erasure's id. Twice says the same until it is completed."""

    user_id: UUID
    event_id: UUID
    receipt: dict[str, int | str]


@router.post("/privacy/purge", dependencies=[Depends(limited_user("purge"))])
def purge(body: Purge, caller: Anyone, conn: Asking) -> Receipt:
    """Erase a member's faces, vectors and tags from an event; not to be undone.

    Members may for themselves, organisers for anyone of the event, servers for a user who asked.
    """
    by = callers.standing_in(conn, body.user_id) if caller.service else nullcontext()
    with by:
        counts = keeping.purge(conn, body.event_id, body.user_id)
    return Receipt(user_id=body.user_id, event_id=body.event_id, receipt=counts)
