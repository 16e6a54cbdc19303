"""What jobs of the inbox are about: whether they may run, and what their result is."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.work.jobs import Facts, Job


def facts(conn: sa.Connection, jobs: Sequence[Job]) -> dict[UUID, Facts]:
    """Per job what `work.jobs.refusal` asks for."""
    rows = conn.execute(_FACTS, {"ids": [job.id for job in jobs]})
    return {row.id: Facts(row.status, row.face_recognition_enabled, row.unknown) for row in rows}


_FACTS = sa.text(
    "select j.id, e.status, e.face_recognition_enabled, ("
    "  select count(*) from unnest(j.media_ids) as one (id)"
    "  left join memoria.media m on m.id = one.id and m.event_id = j.event_id"
    "  where m.id is null) as unknown"
    " from memoria.ml_jobs j join memoria.events e on e.id = j.event_id"
    " where j.id = any (cast(:ids as uuid[]))"
)


def try_anew(conn: sa.Connection, jobs: Sequence[Job]) -> int:
    """Photos that jobs `detect` name and whose failure may pass get all their tries; how many."""
    named = {photo for job in jobs if job.job_type == "detect" for photo in job.media_ids}
    values = {"ids": list(named)}
    return conn.execute(_TRY_ANEW, values).rowcount if named else 0


# Whoever saves an analysis locks photos by id as well.
_TRY_ANEW = sa.text(
    "update memoria.media set attempts = 0 where id in (select id from memoria.media"
    " where id = any (cast(:ids as uuid[])) and status = 'failed' and attempts > 0"
    " and error_code in ('unreadable', 'crashed') order by id for update)"
)


def of_detection(conn: sa.Connection, token: UUID) -> dict[UUID, dict[str, int]]:
    """Job `detect` of a claim → photos, analysed, failed, faces, and those still pending."""
    rows = conn.execute(_DETECTED, {"token": token})
    names = ("photos", "analysed", "failed", "faces", "pending")
    return {row.id: {name: int(row._mapping[name]) for name in names} for row in rows}


# Named photos are found by their id, all of the claim's event by the event: once, however many
# jobs of the claim mean all of it.
_DETECTED = sa.text("""
    with jobs as materialized (
        select id, event_id, media_ids from memoria.ml_jobs
        where claim_token = :token and job_type = 'detect'
    ), meant as (
        select j.id, m.status, m.faces_found from jobs j
        cross join lateral (select distinct unnest(j.media_ids) as photo) as named
        join memoria.media m on m.id = named.photo and m.event_id = j.event_id
        union all
        select null, m.status, m.faces_found from memoria.media m
        where m.event_id = (select event_id from jobs where media_ids = '{}' limit 1)
    ), counted as materialized (
        select id, count(*) as photos,
            count(*) filter (where status in ('analysed', 'duplicate')) as analysed,
            count(*) filter (where status in ('failed', 'missing')) as failed,
            sum(faces_found) filter (where status = 'analysed') as faces,
            count(*) filter (where status = 'pending') as pending
        from meant group by id
    )
    select j.id, coalesce(photos, 0) as photos, coalesce(analysed, 0) as analysed,
        coalesce(failed, 0) as failed, coalesce(faces, 0) as faces, coalesce(pending, 0) as pending
    from jobs j
    left join counted c on c.id is not distinct from case when j.media_ids <> '{}' then j.id end
""")


def of_grouping(conn: sa.Connection, event_id: UUID) -> dict[str, Any]:
    """Of a job `cluster`: total_faces, clusters_created, noise_faces, cluster_run, status.

    status: that of the newest run (published, proposed, held); what is counted is what is shown.
    """
    row = conn.execute(_GROUPED, {"event": event_id}).one()._mapping
    run = conn.execute(_RUN, {"event": event_id}).first()
    named = {"cluster_run": str(run.id) if run else None, "status": run.status if run else "none"}
    return {**{name: int(value) for name, value in row.items()}, **named}


_GROUPED = sa.text(
    "select count(*) as total_faces, count(distinct face_person_id) as clusters_created,"
    " count(*) filter (where face_person_id is null) as noise_faces"
    " from memoria.faces where event_id = :event and not lost"
)
_RUN = sa.text(
    "select id, status from memoria.cluster_runs where event_id = :event"
    " order by created_at desc, id limit 1"
)
