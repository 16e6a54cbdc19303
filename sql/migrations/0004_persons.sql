-- The people of an event, and the runs of grouping that proposed them.

create table memoria.face_persons (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    cluster_label integer,
    -- No foreign key: it would have to be checked, and locked, whenever an event's partition of
    -- faces is dropped or rewritten. Triggers of 0005_faces keep it right.
    representative_face_id uuid,
    linked_user_id uuid,
    status text not null default 'pending'
        check (status in ('pending', 'linked', 'invited', 'ignored', 'merged')),
    invitation_email text,
    merged_into_id uuid,
    metadata jsonb not null default '{"face_count": 0, "avg_quality": null, "manual_edits": 0}'
        check (jsonb_typeof(metadata) = 'object'),
    model text,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (event_id, id),
    foreign key (event_id, merged_into_id) references memoria.face_persons (event_id, id),
    check (merged_into_id <> id),
    check (status <> 'merged' or merged_into_id is not null),
    check (status <> 'linked' or linked_user_id is not null)
);

comment on column memoria.face_persons.metadata is
    'face_count, avg_quality, manual_edits: what applications show of a person.';
comment on column memoria.face_persons.version is
    'For optimistic concurrency: grows whenever a person changes, bar the counts of a reviewed one.';
comment on column memoria.face_persons.model is 'The model pack whose faces it was grouped from.';

create index face_persons_status on memoria.face_persons (event_id, status);
create index face_persons_linked on memoria.face_persons (linked_user_id)
    where linked_user_id is not null;
create index face_persons_merged on memoria.face_persons (event_id, merged_into_id)
    where merged_into_id is not null;

create table memoria.cluster_runs (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    method text not null,
    parameters jsonb not null default '{}' check (jsonb_typeof(parameters) = 'object'),
    measures jsonb not null default '{}' check (jsonb_typeof(measures) = 'object'),
    model text not null,
    fingerprint text not null,
    status text not null default 'proposed' check (status in ('proposed', 'published', 'held')),
    created_at timestamptz not null default now(),
    published_at timestamptz,
    check ((status = 'published') = (published_at is not null))
);

comment on column memoria.cluster_runs.fingerprint is
    'Of the faces that went in: the same faces have the same one.';

create index cluster_runs_event on memoria.cluster_runs (event_id, published_at desc);

insert into memoria.migrations (name) values ('0004_persons');
