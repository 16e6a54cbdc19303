-- Runs that wait for a human: what they would do, and why they wait.

alter table memoria.cluster_runs
    add column kind text not null default 'full' check (kind in ('full', 'incremental', 'model')),
    add column diff jsonb check (jsonb_typeof(diff) = 'object'),
    add column plan jsonb check (jsonb_typeof(plan) = 'object'),
    add column reason text,
    add column turned_down boolean not null default false;

comment on column memoria.cluster_runs.diff is 'What publishing it changes, for a human to read.';
comment on column memoria.cluster_runs.plan is
    'Of a proposal: its persons in the order of their clusters, and who redirects to whom.';
comment on column memoria.cluster_runs.reason is 'Why it is held.';
comment on column memoria.cluster_runs.turned_down is
    'A human held it: the same is not proposed again.';

-- A newer proposal holds the older one.
create unique index cluster_runs_proposed on memoria.cluster_runs (event_id)
    where status = 'proposed';

-- What a proposed run says of each face. No vectors, and no foreign keys into what may change while
-- it waits: publishing looks whether it did.
create table memoria.cluster_proposals (
    run_id uuid not null references memoria.cluster_runs (id) on delete cascade,
    event_id uuid not null references memoria.events (id) on delete cascade,
    face_id uuid not null,
    person_id uuid,
    probability real check (probability between 0 and 1),
    margin real,
    evidence uuid[] not null default '{}',
    primary key (run_id, face_id)
);

create index cluster_proposals_event on memoria.cluster_proposals (event_id);

alter table memoria.cluster_proposals enable row level security;
alter table memoria.cluster_proposals force row level security;
create policy service on memoria.cluster_proposals to memoria_service using (true) with check (true);
grant select, insert, update, delete on memoria.cluster_proposals to memoria_service;

insert into memoria.migrations (name) values ('0012_runs');
