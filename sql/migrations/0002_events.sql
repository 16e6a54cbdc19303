-- Events, who belongs to them, and in which role.

create table memoria.events (
    id uuid primary key default gen_random_uuid(),
    name text not null check (name <> ''),
    code text unique,
    status text not null default 'active' check (status in ('active', 'archived', 'deleted')),
    -- The consent switch: without it no face is looked for, and the database takes none.
    face_recognition_enabled boolean not null default false,
    starts_at timestamptz,
    ends_at timestamptz,
    -- How many days after its end (or its creation) the embeddings may live; null: until archived.
    retention_days integer check (retention_days >= 0),
    photo_root text,
    face_model text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    archived_at timestamptz,
    check (ends_at is null or starts_at is null or ends_at >= starts_at)
);

comment on column memoria.events.photo_root is 'Folder or fsspec URL that its photos are in.';
comment on column memoria.events.face_model is 'The model pack it started with; a backfill moves it.';

-- One folder is one event, until that event is deleted.
create unique index events_photo_root on memoria.events (photo_root) where status <> 'deleted';

create table memoria.event_members (
    event_id uuid not null references memoria.events (id) on delete cascade,
    user_id uuid not null,
    role text not null check (role in ('organiser', 'photographer', 'member', 'guest')),
    created_at timestamptz not null default now(),
    primary key (event_id, user_id)
);

create index event_members_user on memoria.event_members (user_id);

-- The events in which the asking user has one of these roles. A definer's function, because a
-- policy of event_members that reads event_members would call itself.
create function memoria.my_events(variadic roles text[]) returns setof uuid
language sql stable security definer
set search_path = ''
as $$
    select event_id
    from memoria.event_members
    where user_id = memoria.current_user_id() and role = any (roles)
$$;

insert into memoria.migrations (name) values ('0002_events');
