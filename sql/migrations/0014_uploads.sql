-- Uploads start the work: what arrived, where to look for more, and what was asked for.

-- Which transaction a photo arrived with: new, changed, back, or gone from its source. Whoever has
-- read everything below a snapshot's xmin has missed nothing, in whatever order others commit; a
-- time or a serial number cannot say that. Photos that were done with before are null.
alter table memoria.media
    add column arrived xid8,
    add column arrived_at timestamptz;
alter table memoria.media
    alter column arrived set default pg_current_xact_id(),
    alter column arrived_at set default clock_timestamp();

comment on column memoria.media.arrived is 'The transaction that made it something to do.';

create index media_arrived on memoria.media (arrived) where arrived is not null;

create function memoria.media_arrives() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    new.arrived := pg_current_xact_id();
    new.arrived_at := clock_timestamp();
    return new;
end
$$;

-- Inserted ones have the default.
create trigger media_arrives before update of status, etag on memoria.media
    for each row when (new.status in ('pending', 'missing')
        and (old.status, old.etag) is distinct from (new.status, new.etag))
    execute function memoria.media_arrives();

-- One row per event that has something to do; the sensor writes it. The version is in the run key,
-- which Dagster remembers for ever: it never comes twice.
create sequence memoria.uploads_version as bigint;

create table memoria.uploads (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    first_at timestamptz not null,
    last_at timestamptz not null,
    quiet_since timestamptz not null,
    photos integer not null default 0 check (photos >= 0),
    gone boolean not null default false,
    version bigint not null default nextval('memoria.uploads_version'),
    asked_key text,
    asked_at timestamptz,
    tried integer not null default 0 check (tried >= 0),
    due_at timestamptz not null,
    reason text
);

comment on column memoria.uploads.last_at is 'When we last heard of a photo of it.';
comment on column memoria.uploads.quiet_since is 'When its source last changed.';
comment on column memoria.uploads.photos is 'That wait for analysis; counted up to a burst.';
comment on column memoria.uploads.gone is 'Photos went: people have to follow.';
comment on column memoria.uploads.reason is 'Why it waits.';

create index uploads_due on memoria.uploads (due_at);

-- Where photos come from: the folder or bucket of each active event.
create table memoria.watched (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    root text not null check (root <> ''),
    kind text generated always as (case when root like '%://%' then 'bucket' else 'folder' end)
        stored,
    signature text,
    looked_at timestamptz,
    next_look_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    registered_at timestamptz,
    quick boolean not null default false,
    problem text
);

comment on column memoria.watched.signature is 'Changes when a photo of it does.';
comment on column memoria.watched.changed_at is 'By the clock of its files.';
comment on column memoria.watched.registered_at is 'When a look last changed our photos.';
comment on column memoria.watched.quick is 'A look costs so little that it may come early.';
comment on column memoria.watched.problem is 'Why it could not be read; nothing was changed then.';

create index watched_next on memoria.watched (next_look_at);
create index watched_early on memoria.watched (next_look_at) where quick;
create index watched_root on memoria.watched (root);

-- What the sensor as a whole looks at: itself, the folder of all events, the queue of a bucket.
create table memoria.lookouts (
    name text primary key,
    looked_at timestamptz not null default now(),
    next_look_at timestamptz not null default now(),
    signature text,
    problem text
);

-- Events that are to move to another model pack. Cleared by hand or reached: no row is left; nor
-- while the switch is off, or thousands of such events would be in the way of those that may.
alter table memoria.events add column wanted_face_model text check (wanted_face_model <> '');

comment on column memoria.events.wanted_face_model is 'The pack it is to move to, or null.';

create table memoria.moves (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    face_model text not null,
    wanted_at timestamptz not null default now(),
    version bigint not null default nextval('memoria.uploads_version'),
    asked_key text,
    asked_at timestamptz,
    tried integer not null default 0 check (tried >= 0),
    due_at timestamptz not null default now(),
    reason text
);

create index moves_due on memoria.moves (due_at);

-- Consent, a folder and a wanted pack may be said by other applications too: each is heard.
create function memoria.event_is_watched() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status = 'active' and coalesce(new.photo_root, '') <> '' then
        insert into memoria.watched as w (event_id, root) values (new.id, new.photo_root)
        on conflict (event_id) do update
        set root = excluded.root, signature = null, next_look_at = now(), changed_at = now()
        where w.root <> excluded.root;
    else
        delete from memoria.watched where event_id = new.id;
    end if;
    if new.status = 'active' and new.face_recognition_enabled then
        update memoria.uploads set due_at = now() where event_id = new.id and asked_key is null;
    end if;
    if new.status = 'active' and new.face_recognition_enabled
        and new.wanted_face_model <> coalesce(new.face_model, '') then
        insert into memoria.moves as m (event_id, face_model)
        values (new.id, new.wanted_face_model)
        on conflict (event_id) do update
        set face_model = excluded.face_model, wanted_at = now(), due_at = now(), tried = 0,
            version = nextval('memoria.uploads_version'), asked_key = null, reason = null
        where m.face_model <> excluded.face_model;
    else
        delete from memoria.moves where event_id = new.id;
    end if;
    return null;
end
$$;

revoke execute on function memoria.event_is_watched() from public;

create trigger event_is_watched after insert or update of
    status, photo_root, face_recognition_enabled, wanted_face_model, face_model on memoria.events
    for each row execute function memoria.event_is_watched();

do $$
declare
    relation text;
begin
    foreach relation in array array['uploads', 'watched', 'lookouts', 'moves'] loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('grant select, insert, update, delete on memoria.%I to memoria_service',
            relation);
    end loop;
end
$$;
grant usage on sequence memoria.uploads_version to memoria_service;

-- What waits already is heard of once; what is done is not done again.
insert into memoria.watched (event_id, root)
select id, photo_root from memoria.events where status = 'active' and photo_root <> '';
update memoria.media set arrived = pg_current_xact_id(), arrived_at = now()
where status = 'pending';

insert into memoria.migrations (name) values ('0014_uploads');
