-- The inbox: other applications insert rows here, the pipeline claims them under a lease.

create table memoria.ml_jobs (
    id uuid primary key default gen_random_uuid(),
    job_type text not null check (job_type in ('detect', 'cluster', 'erase')),
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_ids uuid[] not null default '{}',
    status text not null default 'pending'
        check (status in ('pending', 'processing', 'completed', 'failed')),
    priority text not null default 'normal' check (priority in ('high', 'normal', 'low')),
    attempts integer not null default 0 check (attempts >= 0),
    error text,
    result jsonb,
    claim_token uuid,
    lease_until timestamptz,
    next_attempt_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    started_at timestamptz,
    completed_at timestamptz,
    -- Not the other way round: an application that has always set only the status still may.
    check (claim_token is null or status = 'processing')
);

comment on column memoria.ml_jobs.claim_token is 'Only who holds it may write the outcome.';

-- Polling: what to claim next, in order; and whose lease ran out.
create index ml_jobs_pending on memoria.ml_jobs (
    (case priority when 'high' then 0 when 'normal' then 1 else 2 end), created_at, id
) where status = 'pending';
create index ml_jobs_leases on memoria.ml_jobs (lease_until) where status = 'processing';
create index ml_jobs_event on memoria.ml_jobs (event_id, job_type, status);

insert into memoria.migrations (name) values ('0007_jobs');
