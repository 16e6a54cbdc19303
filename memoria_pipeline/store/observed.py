"""The numbers of an event that its expectations are about; see quality/expectations.py."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.quality.candidate import candidate, failed_share
from memoria_pipeline.quality.expectations import Expectation, Failure, failures
from memoria_pipeline.store import canaries, checks, held, person_rows, runs
from memoria_pipeline.store.runs import ClusterRun

Numbers = dict[str, float | None]


def of_photos(conn: sa.Connection, event_id: UUID, since: datetime | None = None) -> Numbers:
    """Of the photos and their faces.

    since: when the photos to analyse were looked up; one that came later is the next run's.
    """
    seen = conn.execute(_PHOTOS, {"event": event_id}).one()
    return {
        "photos_unaccounted": checks.photos_unaccounted_for(conn, event_id, since),
        "faces_miscounted": seen.miscounted,
        "embeddings_off_length": seen.off_length,
        "failed_share": failed_share(seen.failed, seen.photos),
        "coverage": _share(seen.with_faces, seen.photos),
        "weak_share": _share(seen.weak, seen.faces),
    }


def of_people(conn: sa.Connection, event_id: UUID) -> Numbers:
    """Of who stands, and of the run that is held back where there is one: the worse counts."""
    last = runs.last_run(conn, event_id)
    found = candidate(last.kind, last.measures) if last else candidate("full", {})
    found["impure"] = checks.impure_persons(conn, event_id)
    found["violated"] = checks.faces_not_as_decided(conn, event_id)
    back = held.standing(conn, event_id)
    if back is not None:
        new = candidate(back.kind, back.measures)
        for name in ("impure", "violated", "churn"):
            found[name] = max((n for n in (found[name], new[name]) if n is not None), default=None)
    return found


def unmet(conn: sa.Connection, run: ClusterRun, must: Iterable[Expectation]) -> list[Failure]:
    """What a run that waited does not meet now.

    Photos that came after it was made are the next run's; of the detector its last look counts.
    """
    look = canaries.newest(conn, run.model)
    seen = {"canary_wrong": None if look is None else look.wrong}
    photos = of_photos(conn, run.event_id, run.created_at)
    return failures({**photos, **seen, **candidate(run.kind, run.measures)}, must)


def of_tags(conn: sa.Connection, event_id: UUID) -> Numbers:
    """tags: all. tags_astray: those by a face whose person is not linked to the member (any more).
    tags_missing: photos and members with no tag, though a human said that a face is the member's,
    and nobody took the member off the photo.

    Only what is published counts: a face's person is.
    """
    with person_rows.no_pairwise_loops(conn):
        row = conn.execute(_TAGS, {"event": event_id}).one()
    return dict(row._mapping)


def overdue(conn: sa.Connection, event_id: UUID, hours: float) -> Numbers:
    """What has waited for longer than so many hours; photos where their analysis is allowed."""
    row = conn.execute(_OVERDUE, {"event": event_id, "hours": hours}).one()
    return dict(row._mapping)


def late(conn: sa.Connection, hours: float, limit: int) -> list[UUID]:
    """The events in which something is overdue, at most so many."""
    rows = conn.scalars(_LATE, {"hours": hours, "limit": limit})
    return list(rows)


def faces_and_photos(conn: sa.Connection, event_id: UUID) -> dict[str, int]:
    """faces, photos, analysed: what `people.ready.enough` takes.

    An exact copy counts once. Nobody waits for a photo that failed: one bad photo stops no event,
    and many hold its people back.
    """
    row = conn.execute(_READY, {"event": event_id}).one()
    return dict(row._mapping)


def _share(part: Any, whole: Any) -> float | None:
    return round(int(part) / int(whole), 4) if whole else None


# The faces are read once: their pages are what this costs, and a photo of three waits for it.
# miscounted: photos that have not as many faces as their analysis found; those that failed since
# keep their faces and their number, or have neither. off_length: vectors whose length is not 1
# (half precision allows 0.002), or that are not there; an inner product is twice as fast as a norm.
_PHOTOS = sa.text(
    "with each as materialized (select media_id, count(*) filter (where not lost) as faces,"
    " count(*) filter (where not lost and quality_class <> 'A') as weak,"
    " count(*) filter (where erased_at is null and (embedding is null"
    "  or abs(sqrt(-(embedding <#> embedding)) - 1) > 0.002)) as off_length"
    " from memoria.faces where event_id = :event group by media_id), photos as ("
    " select count(*) filter (where shown) as photos,"
    " count(*) filter (where shown and status = 'failed') as failed,"
    " count(*) filter (where shown and faces_found > 0) as with_faces,"
    " count(*) filter (where status in ('analysed', 'failed')"
    "  and coalesce(faces_found, 0) <> coalesce(e.faces, 0)) as miscounted"
    " from (select *, status not in ('missing', 'duplicate', 'selfie') as shown"
    "  from memoria.media where event_id = :event) m left join each e on e.media_id = m.id)"
    " select p.*, f.* from photos p, (select coalesce(sum(faces), 0)::bigint as faces,"
    " coalesce(sum(weak), 0)::bigint as weak, coalesce(sum(off_length), 0)::bigint as off_length"
    " from each) f"
)
_READY = sa.text(
    "select (select count(*) from memoria.faces where event_id = :event) as faces,"
    " count(*) as photos, count(*) filter (where status = 'analysed') as analysed"
    " from memoria.media where event_id = :event"
    " and status not in ('missing', 'duplicate', 'failed', 'selfie')"
)
_TAGS = sa.text(
    "with said as (select distinct f.media_id, p.linked_user_id as member from memoria.faces f"
    "  join memoria.face_persons p on p.event_id = :event and p.id = f.face_person_id"
    "  where f.event_id = :event and f.verdict = 'person' and f.erased_at is null"
    "  and p.status = 'linked')"
    " select count(*) as tags, count(*) filter (where t.source = 'face_clustering' and"
    " p.linked_user_id is distinct from t.tagged_user_id and t.face_id is not null) as tags_astray,"
    " (select count(*) from said s"
    "  left join memoria.media_tags h on h.event_id = :event"
    "   and h.media_id = s.media_id and h.tagged_user_id = s.member"
    "  left join memoria.untagged u on u.event_id = :event"
    "   and u.media_id = s.media_id and u.user_id = s.member"
    "  where h.id is null and u.user_id is null) as tags_missing"
    " from memoria.media_tags t"
    " left join memoria.faces f on f.event_id = :event and f.id = t.face_id"
    " left join memoria.face_persons p on p.event_id = :event and p.id = f.face_person_id"
    " where t.event_id = :event"
)

_OVERDUE = sa.text(
    "with long as (select now() - make_interval(secs => 3600 * :hours) as ago)"
    " select (select count(*) from memoria.ml_jobs, long where event_id = :event"
    "  and status in ('pending', 'processing') and created_at < ago) as jobs_overdue,"
    " (select count(*) from memoria.erasures, long where event_id = :event"
    "  and completed_at is null and due_at < now()) as erasures_overdue,"
    " (select count(*) from memoria.media m join memoria.events e on e.id = m.event_id, long"
    "  where m.event_id = :event and m.status = 'pending'"
    "  and coalesce(m.arrived_at, m.created_at) < ago"
    "  and e.status = 'active' and e.face_recognition_enabled) as photos_overdue,"
    " (select count(*) from memoria.uploads u join memoria.events e on e.id = u.event_id, long"
    "  where u.event_id = :event and u.last_at < ago"
    "  and e.status = 'active' and e.face_recognition_enabled) as partition_overdue"
)
_LATE = sa.text(
    "with long as (select now() - make_interval(secs => 3600 * :hours) as ago), late as ("
    " select event_id from memoria.ml_jobs, long"
    "  where status in ('pending', 'processing') and created_at < ago"
    " union select event_id from memoria.erasures"
    "  where completed_at is null and due_at < now()"
    " union select m.event_id from memoria.media m join memoria.events e on e.id = m.event_id, long"
    "  where m.status = 'pending' and m.created_at < ago"  # by the index
    "  and coalesce(m.arrived_at, m.created_at) < ago"
    "  and e.status = 'active' and e.face_recognition_enabled"
    " union select u.event_id from memoria.uploads u join memoria.events e on e.id = u.event_id,"
    "  long where u.last_at < ago and e.status = 'active' and e.face_recognition_enabled)"
    " select l.event_id from late l join memoria.events e on e.id = l.event_id"
    " order by l.event_id limit :limit"
)
