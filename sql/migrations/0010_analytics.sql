-- The figures people watch, for the role memoria_analyst: no vector, box, name or address, and the
-- analyst could not read one by going round the views either.

grant select (id, status, face_recognition_enabled, created_at, archived_at)
    on memoria.events to memoria_analyst;
grant select (id, event_id, status, error_code, attempts, face_model, faces_found, seconds, analysed_at)
    on memoria.media to memoria_analyst;
grant select (id, event_id, status, metadata) on memoria.face_persons to memoria_analyst;
grant select (id, event_id, method, measures, model, status, created_at, published_at)
    on memoria.cluster_runs to memoria_analyst;
grant select (id, event_id, job_type, status, priority, attempts, error, created_at, started_at, completed_at)
    on memoria.ml_jobs to memoria_analyst;

create policy analyst_reads on memoria.events for select to memoria_analyst using (true);
create policy analyst_reads on memoria.media for select to memoria_analyst using (true);
create policy analyst_reads on memoria.face_persons for select to memoria_analyst using (true);
create policy analyst_reads on memoria.cluster_runs for select to memoria_analyst using (true);
create policy analyst_reads on memoria.ml_jobs for select to memoria_analyst using (true);

create view analytics.jobs as
select job_type,
    count(*) filter (where status = 'pending') as pending,
    count(*) filter (where status = 'processing') as processing,
    count(*) filter (where status = 'completed') as completed,
    count(*) filter (where status = 'failed') as failed,
    round(count(*) filter (where status = 'failed')::numeric
        / nullif(count(*) filter (where status in ('completed', 'failed')), 0), 4) as failure_rate,
    round(extract(epoch from avg(completed_at - started_at)
        filter (where status = 'completed'))::numeric, 3) as mean_seconds
from memoria.ml_jobs
group by job_type;

create view analytics.failed_jobs as
select id, event_id, job_type, attempts, error, created_at, completed_at
from memoria.ml_jobs
where status = 'failed';

-- coverage: photos with faces ÷ photos, of each event with the switch on; an exact copy counts once
create view analytics.event_coverage as
select e.id as event_id,
    count(m.id) as photos,
    count(m.id) filter (where m.status = 'analysed') as analysed,
    count(m.id) filter (where m.status = 'failed') as failed,
    count(m.id) filter (where m.faces_found > 0) as photos_with_faces,
    round(count(m.id) filter (where m.faces_found > 0)::numeric / nullif(count(m.id), 0), 4)
        as coverage
from memoria.events e
left join memoria.media m on m.event_id = e.id and m.status not in ('missing', 'duplicate')
where e.face_recognition_enabled
group by e.id;

create view analytics.events_with_recognition as
select status, count(*) as events, count(*) filter (where face_recognition_enabled) as switched_on
from memoria.events
group by status;

create view analytics.people as
select event_id, status, count(*) as clusters,
    coalesce(sum((metadata ->> 'face_count')::integer), 0) as faces
from memoria.face_persons
group by event_id, status;

create view analytics.last_clustering as
select distinct on (event_id) event_id, id as cluster_run_id, method, model, published_at,
    (measures ->> 'silhouette')::float8 as silhouette,
    (measures ->> 'noise_ratio')::float8 as noise_ratio
from memoria.cluster_runs
where status = 'published'
order by event_id, published_at desc, id;

create view analytics.detection as
select event_id, face_model, count(*) as photos,
    round(avg(seconds)::numeric, 4) as mean_seconds_per_photo,
    round(avg(faces_found)::numeric, 4) as mean_faces_per_photo
from memoria.media
where status = 'analysed'
group by event_id, face_model;

-- A view looks with the eyes of who asks, so that row level security holds behind it. PostgreSQL 14
-- cannot: there a view reads as its owner, and only these two roles may read it.
do $$
declare
    relation text;
begin
    for relation in select viewname from pg_views where schemaname = 'analytics' loop
        if current_setting('server_version_num')::integer >= 150000 then
            execute format('alter view analytics.%I set (security_invoker = true)', relation);
        end if;
        execute format('grant select on analytics.%I to memoria_analyst, memoria_service', relation);
    end loop;
end
$$;

insert into memoria.migrations (name) values ('0010_analytics');
