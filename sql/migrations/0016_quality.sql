-- What quality says of a grouping, and of the detector.

-- Set where a run did not meet an expectation: then it is held, or was published knowingly.
alter table memoria.cluster_runs
    add column failures jsonb check (jsonb_typeof(failures) = 'array');

comment on column memoria.cluster_runs.failures is
    'Expectations of quality that it did not meet: name, observed, least, most.';

create index cluster_runs_newest on memoria.cluster_runs (event_id, created_at desc, id);

-- What each pack made of the photo whose faces are known. No event, no vector, no box.
create table memoria.canaries (
    model text not null,
    settings text not null,
    missed integer not null check (missed >= 0),
    surplus integer not null check (surplus >= 0),
    looked_at timestamptz not null default now(),
    primary key (model, settings)
);

comment on table memoria.canaries is 'What each pack last made of a photo whose faces are known.';

alter table memoria.canaries enable row level security;
alter table memoria.canaries force row level security;
create policy service on memoria.canaries to memoria_service using (true) with check (true);
grant select, insert, update, delete on memoria.canaries to memoria_service;

insert into memoria.migrations (name) values ('0016_quality');
