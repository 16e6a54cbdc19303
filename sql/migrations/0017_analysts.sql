-- What analysts and dashboards look at: how groupings compare, and views for the notebooks and for
-- Grafana. As in 0010: no vector, box, name or address, and no way round the views to one.

-- What another method, or another threshold, would make of an event's faces: counts and measures,
-- never which face. One row is one look at one event.
create table memoria.comparisons (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    model text not null check (model <> ''),
    fingerprint text not null,
    parameters jsonb not null check (jsonb_typeof(parameters) = 'object'),
    groupings jsonb not null check (jsonb_typeof(groupings) = 'array'),
    similarities jsonb not null check (jsonb_typeof(similarities) = 'array'),
    created_at timestamptz not null default now()
);

comment on column memoria.comparisons.fingerprint is
    'Of the faces and decisions that went in: the same, grouped the same way, is not tried again.';
comment on column memoria.comparisons.groupings is
    'A list of {method, threshold, in_use, measures}; the threshold is null for hdbscan.';
comment on column memoria.comparisons.similarities is
    'A list of {similarity, one_photo, same_person, other_person}: pairs of faces per bin.';

create index comparisons_event on memoria.comparisons (event_id, created_at desc);

alter table memoria.comparisons enable row level security;
alter table memoria.comparisons force row level security;
create policy service on memoria.comparisons to memoria_service using (true) with check (true);
grant select, insert, update, delete on memoria.comparisons to memoria_service;

-- Of the last minutes, and of what waits or failed: without reading all photos there ever were.
create index media_analysed_minute on memoria.media
    (date_bin('1 minute', analysed_at, timestamptz '2000-01-01 00:00+00'));
create index media_pending on memoria.media (created_at) where status = 'pending';
create index media_failed on memoria.media (error_code) where status = 'failed';

grant select (event_id, model, groupings, similarities, created_at)
    on memoria.comparisons to memoria_analyst;
grant select (kind) on memoria.cluster_runs to memoria_analyst;
grant select (human_touched) on memoria.face_persons to memoria_analyst;
grant select (event_id, kind, created_at) on memoria.decisions to memoria_analyst;  -- not who

create policy analyst_reads on memoria.comparisons for select to memoria_analyst using (true);
create policy analyst_reads on memoria.decisions for select to memoria_analyst using (true);

-- date_bin, as date_trunc cannot be indexed: a board that asks for hours reads no year.
create view analytics.throughput as
select event_id, date_bin('1 minute', analysed_at, timestamptz '2000-01-01 00:00+00') as minute,
    count(*) as photos, sum(faces_found) as faces, round(sum(seconds)::numeric, 3) as seconds
from memoria.media
where status = 'analysed'
group by event_id, date_bin('1 minute', analysed_at, timestamptz '2000-01-01 00:00+00');

create view analytics.photo_failures as
select event_id, error_code, count(*) as photos, max(attempts) as attempts
from memoria.media
where status = 'failed'
group by event_id, error_code;

create view analytics.job_hours as
select date_trunc('hour', completed_at) as hour, job_type, status, count(*) as jobs,
    round((percentile_cont(0.5) within group (
        order by extract(epoch from completed_at - created_at)))::numeric, 3) as median_seconds,
    round((percentile_cont(0.95) within group (
        order by extract(epoch from completed_at - created_at)))::numeric, 3) as slow_seconds
from memoria.ml_jobs
where completed_at is not null
group by date_trunc('hour', completed_at), job_type, status;

comment on column analytics.job_hours.slow_seconds is
    'From its creation to its end, 95 of 100 jobs were faster.';

create view analytics.clusterings as
select event_id, id as cluster_run_id, kind, method, model, status, created_at, published_at,
    (measures ->> 'faces')::float8::bigint as faces,
    (measures ->> 'persons')::float8::bigint as persons,
    (measures ->> 'single')::float8::bigint as single,
    (measures ->> 'noise_ratio')::float8 as noise_ratio,
    (measures ->> 'silhouette')::float8 as silhouette,
    (measures ->> 'cohesion')::float8 as cohesion,
    (measures ->> 'separation')::float8 as separation,
    (measures ->> 'churn')::float8 as churn,
    (measures ->> 'impure')::float8::bigint as impure,
    (measures ->> 'merge_threshold')::float8 as merge_threshold,
    (measures ->> 'seconds')::float8 as seconds
from memoria.cluster_runs;

create view analytics.comparisons as
select c.event_id, c.created_at as compared_at, c.model, g.value ->> 'method' as method,
    (g.value ->> 'threshold')::float8 as threshold, (g.value ->> 'in_use')::boolean as in_use,
    (g.value #>> '{measures,faces}')::float8::bigint as faces,
    (g.value #>> '{measures,persons}')::float8::bigint as persons,
    (g.value #>> '{measures,single}')::float8::bigint as single,
    (g.value #>> '{measures,noise_ratio}')::float8 as noise_ratio,
    (g.value #>> '{measures,impure}')::float8::bigint as impure,
    (g.value #>> '{measures,silhouette}')::float8 as silhouette,
    (g.value #>> '{measures,cohesion}')::float8 as cohesion,
    (g.value #>> '{measures,separation}')::float8 as separation,
    (g.value #>> '{measures,agreement}')::float8 as agreement,
    (g.value #>> '{measures,seconds}')::float8 as seconds
from memoria.comparisons c, jsonb_array_elements(c.groupings) as g (value);

comment on column analytics.comparisons.agreement is
    'B-cubed F with the people as they stand, what humans decided included.';

create view analytics.similarities as
select c.event_id, c.created_at as compared_at, c.model,
    (s.value ->> 'similarity')::float8 as similarity,
    (s.value ->> 'one_photo')::bigint as one_photo,
    (s.value ->> 'same_person')::bigint as same_person,
    (s.value ->> 'other_person')::bigint as other_person
from memoria.comparisons c, jsonb_array_elements(c.similarities) as s (value);

create view analytics.review as
select event_id,
    count(*) as people,
    count(*) filter (where status = 'pending' and not human_touched) as awaiting,
    count(*) filter (where status = 'pending' and human_touched) as reviewed,
    count(*) filter (where status = 'linked') as linked,
    count(*) filter (where status = 'invited') as invited,
    count(*) filter (where status = 'ignored') as ignored,
    coalesce(sum((metadata ->> 'face_count')::integer), 0) as faces,
    coalesce(sum((metadata ->> 'face_count')::integer)
        filter (where status = 'pending' and not human_touched), 0) as faces_awaiting
from memoria.face_persons
where status <> 'merged'
group by event_id;

create view analytics.decisions as
select event_id, date_trunc('minute', created_at) as minute, kind, count(*) as decisions
from memoria.decisions
group by event_id, date_trunc('minute', created_at), kind;

do $$  -- as in 0010
declare
    relation text;
begin
    foreach relation in array array['throughput', 'photo_failures', 'job_hours', 'clusterings',
        'comparisons', 'similarities', 'review', 'decisions']
    loop
        if current_setting('server_version_num')::integer >= 150000 then
            execute format('alter view analytics.%I set (security_invoker = true)', relation);
        end if;
        execute format('grant select on analytics.%I to memoria_analyst, memoria_service', relation);
    end loop;
end
$$;

insert into memoria.migrations (name) values ('0017_analysts');
