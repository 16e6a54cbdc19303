"""The figures of operations, over all events: counts and ages, nothing of a single event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

MINUTES = 5
"""What "now" means for speeds: the last so many minutes."""

BUCKETS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""Upper bounds of a job's seconds from its creation to its end; the last bucket has none."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number, told apart from its like by labels."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Completed jobs of one type: how many ended within each of BUCKETS or later; all seconds."""

    job_type: str
    counts: Sequence[int]
    seconds: float


def give_up_after(conn: sa.Connection, seconds: int) -> None:
    """From now on in this transaction a query that takes longer is an error."""
    conn.execute(
        sa.text("select set_config('statement_timeout', :ms, true)"), {"ms": f"{seconds}s"}
    )


def gauges(conn: sa.Connection) -> list[Gauge]:
    """Every gauge, by name. Labels name a state or a kind, never an event."""
    found = [_gauge(row) for query in _GAUGES for row in conn.execute(query, {"minutes": MINUTES})]
    return sorted(found, key=lambda each: (each.name, *each.labels.values()))


def latencies(conn: sa.Connection) -> list[Latency]:
    """How long completed jobs took from their creation, by type; each job is in one bucket."""
    by_type: dict[str, list[int]] = {}
    seconds: dict[str, float] = {}
    for row in conn.execute(_LATENCY, {"bounds": [-most for most in reversed(BUCKETS)]}):
        counts = by_type.setdefault(row.job_type, [0] * (len(BUCKETS) + 1))
        counts[row.bucket] += row.jobs
        seconds[row.job_type] = seconds.get(row.job_type, 0.0) + row.seconds
    return [Latency(kind, counts, seconds[kind]) for kind, counts in sorted(by_type.items())]


def _gauge(row: sa.Row[Any]) -> Gauge:
    labels = dict(zip(row.labels, row.at, strict=True))
    return Gauge(row.name, labels, float(row.value))


# Every state is there, at zero too: an alert on a series that is missing never fires.
_JOBS = sa.text("""
    select 'memoria_jobs' as name, array['job_type', 'state'] as labels,
        array[t.job_type, s.state] as at, coalesce(j.n, 0) as value
    from unnest(array['detect', 'cluster', 'erase']) as t (job_type)
    cross join unnest(array['pending', 'processing', 'completed', 'failed']) as s (state)
    left join (select job_type, status, count(*) as n from memoria.ml_jobs group by 1, 2) as j
        on j.job_type = t.job_type and j.status = s.state
""")
_PHOTOS = sa.text("""
    select 'memoria_photos' as name, array['state'] as labels, array[s.state] as at,
        coalesce(m.n, 0) as value
    from unnest(array['pending', 'analysed', 'failed', 'duplicate', 'missing']) as s (state)
    left join (select status, count(*) as n from memoria.media group by 1) as m
        on m.status = s.state
""")
_FAILURES = sa.text("""
    select 'memoria_photo_failures' as name, array['reason'] as labels, array[error_code] as at,
        count(*) as value
    from memoria.media where status = 'failed' group by error_code
""")
# The minute is what the index has, as in analytics.throughput.
_SPEED = sa.text("""
    select one.name, array[]::text[] as labels, array[]::text[] as at, one.value
    from (
        select count(*) / (60.0 * :minutes) as photos,
            coalesce(sum(faces_found), 0) / (60.0 * :minutes) as faces,
            coalesce(avg(seconds), 0) as seconds
        from memoria.media
        where analysed_at > now() - make_interval(mins => :minutes) and status = 'analysed'
            and date_bin('1 minute', analysed_at, timestamptz '2000-01-01 00:00+00')
                > now() - make_interval(mins => :minutes + 1)
    ) as lately
    cross join lateral (values ('memoria_photos_per_second', lately.photos),
        ('memoria_faces_per_second', lately.faces),
        ('memoria_detection_seconds_per_photo', lately.seconds)) as one (name, value)
""")
_PEOPLE = sa.text("""
    select 'memoria_people_awaiting_review' as name, array[]::text[] as labels,
        array[]::text[] as at, count(*) as value
    from memoria.face_persons p
    join memoria.events e on e.id = p.event_id and e.status = 'active'
    where p.status = 'pending' and not p.human_touched
""")
_GROUPINGS = sa.text("""
    select 'memoria_groupings' as name, array['state'] as labels, array[s.state] as at,
        coalesce(r.n, 0) as value
    from unnest(array['proposed', 'held', 'published']) as s (state)
    left join (select status, count(*) as n from memoria.cluster_runs group by 1) as r
        on r.status = s.state
""")
_EVENTS = sa.text("""
    select 'memoria_events' as name, array['recognition'] as labels,
        array[case s.on when true then 'on' else 'off' end] as at, coalesce(e.n, 0) as value
    from (values (true), (false)) as s ("on")
    left join (select face_recognition_enabled as "on", count(*) as n from memoria.events
               where status = 'active' group by 1) as e on e.on = s.on
""")
# What an event without the organiser's consent has does not wait: nobody may look at it.
_OLDEST = sa.text("""
    select 'memoria_oldest_pending_seconds' as name, array['of'] as labels, array[o.what] as at,
        coalesce(extract(epoch from now() - o.since), 0) as value
    from (
        select 'job', min(created_at) from memoria.ml_jobs where status = 'pending'
        union all
        select 'photo', min(m.created_at) from memoria.media m
        join memoria.events e on e.id = m.event_id
            and e.status = 'active' and e.face_recognition_enabled
        where m.status = 'pending'
        union all
        select 'erasure', min(requested_at) from memoria.erasures where completed_at is null
        union all
        select 'upload', min(first_at) from memoria.uploads
        where asked_key is null and due_at < 'infinity'
        union all
        select 'callback', min(created_at) from memoria.callbacks
        where delivered_at is null and dead_at is null
    ) as o (what, since)
""")
_UPLOADS = sa.text("""
    select 'memoria_uploads' as name, array['state'] as labels, array[s.state] as at,
        coalesce(u.n, 0) as value
    from unnest(array['waiting', 'asked', 'without consent']) as s (state)
    left join (select case when asked_key is not null then 'asked'
                   when due_at < 'infinity' then 'waiting' else 'without consent' end as state,
                   count(*) as n
               from memoria.uploads group by 1) as u on u.state = s.state
""")
_CALLBACKS = sa.text("""
    select 'memoria_callbacks' as name, array['state'] as labels, array[c.state] as at,
        c.n as value
    from (
        select 'waiting', count(*) from memoria.callbacks
        where delivered_at is null and dead_at is null
        union all
        select 'dead', count(*) from memoria.callbacks where dead_at is not null
    ) as c (state, n)
""")
_ERASURES = sa.text("""
    select o.name, array[]::text[] as labels, array[]::text[] as at, o.n as value
    from (
        select 'memoria_erasures_open', count(*) from memoria.erasures where completed_at is null
        union all
        select 'memoria_erasures_overdue', count(*) from memoria.erasures
        where completed_at is null and due_at < now()
    ) as o (name, n)
""")
_GAUGES = (
    *(_JOBS, _PHOTOS, _FAILURES, _SPEED, _PEOPLE, _GROUPINGS, _EVENTS, _OLDEST),
    *(_UPLOADS, _CALLBACKS, _ERASURES),
)
# Negative, as a bucket holds its upper bound and width_bucket's hold their lower one.
_LATENCY = sa.text("""
    select job_type, bucket, count(*) as jobs, sum(seconds)::float8 as seconds
    from (
        select job_type, seconds,
            cardinality(cast(:bounds as float8[]))
                - width_bucket(-seconds, cast(:bounds as float8[])) as bucket
        from (select job_type,
                greatest(extract(epoch from completed_at - created_at), 0)::float8 as seconds
              from memoria.ml_jobs where status = 'completed' and completed_at is not null) as ended
    ) as placed
    group by job_type, bucket
""")
