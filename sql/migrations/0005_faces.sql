-- Faces: the one place where a biometric is. One partition per live event, so that erasing an
-- event is a DROP, which leaves no vector behind in the heap.

create table memoria.faces (
    id uuid not null default gen_random_uuid(),
    event_id uuid not null,
    media_id uuid not null,
    face_person_id uuid,
    bbox jsonb not null check (coalesce(
        (bbox ->> 'x')::float8 between 0 and 1
        and (bbox ->> 'y')::float8 between 0 and 1
        and (bbox ->> 'w')::float8 > 0
        and (bbox ->> 'h')::float8 > 0
        -- a millionth of the photo for what adding two rounded numbers may do
        and (bbox ->> 'x')::float8 + (bbox ->> 'w')::float8 <= 1.000001
        and (bbox ->> 'y')::float8 + (bbox ->> 'h')::float8 <= 1.000001, false)),
    landmarks jsonb,
    det_score real check (det_score between 0 and 1),
    quality_score real not null default 0 check (quality_score between 0 and 1),
    quality_class text not null default 'A' check (quality_class in ('A', 'B', 'C')),
    embedding halfvec(512),
    model text not null,
    probability real check (probability between 0 and 1),
    margin real,
    evidence uuid[] not null default '{}',
    human_touched boolean not null default false,
    lost boolean not null default false,
    created_at timestamptz not null default now(),
    embedded_at timestamptz not null default clock_timestamp(),
    erased_at timestamptz,
    primary key (id, event_id),
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade,
    foreign key (event_id, face_person_id) references memoria.face_persons (event_id, id),
    constraint faces_embedding_unless_erased check ((embedding is null) = (erased_at is not null)),
    constraint faces_embedding_unit_length
        check (embedding is null or l2_norm(embedding) between 0.99 and 1.01),
    check (not lost or human_touched)
) partition by list (event_id);

comment on column memoria.faces.bbox is '{x, y, w, h} in [0, 1] of the upright photo.';
comment on column memoria.faces.landmarks is 'Five [x, y] in [0, 1] of the upright photo.';
comment on column memoria.faces.embedding is
    'Unit length, padded with zeros to 512; packs are never compared with one another.';
comment on column memoria.faces.probability is 'That the face is of face_person_id.';
comment on column memoria.faces.margin is 'How far the runner-up was behind.';
comment on column memoria.faces.lost is 'A human touched it, and no analysis finds it any more.';

create index faces_media on memoria.faces (event_id, media_id);
create index faces_person on memoria.faces (event_id, face_person_id);

-- The door every new vector goes through. It also completes what another application leaves out
-- (the pack) or has not done (unit length).
create function memoria.faces_guard() returns trigger
language plpgsql
as $$
declare
    event record;
begin
    select face_recognition_enabled as enabled, face_model into event
    from memoria.events where id = new.event_id;
    if not coalesce(event.enabled, false) then
        raise exception 'event %: face recognition is switched off, so no face is stored', new.event_id
            using hint = 'set events.face_recognition_enabled once the organiser agrees',
                  errcode = 'insufficient_privilege';
    end if;
    new.model := coalesce(new.model, event.face_model, 'unknown');
    if new.embedding is not null and l2_norm(new.embedding) not between 0.99 and 1.01 then
        new.embedding := l2_normalize(new.embedding);
    end if;
    if tg_op = 'UPDATE' then
        new.embedded_at := clock_timestamp();
    end if;
    return new;
end
$$;

-- Where pgvector is depends on the server; whoever inserts need not have it on the search path.
do $$
begin
    execute format('alter function memoria.faces_guard() set search_path = pg_catalog, %I',
        (select nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace
         where t.oid = to_regtype('halfvec')));
end
$$;

create trigger faces_guard before insert or update of embedding, event_id on memoria.faces
    for each row when (new.embedding is not null) execute function memoria.faces_guard();

-- face_persons.metadata is what applications show, so it is made right wherever faces move: of these
-- persons, or of all. The version of one that nobody reviewed yet grows with it: what a human saw
-- has changed. Without a partition (archived) the counts are all that is left: they stay.
-- No loops over pairs: a partition has no statistics until autovacuum has looked at it, the planner
-- then expects one row, and 40,000 persons × 100,000 faces took longer than ten minutes.
create function memoria.refresh_person_counts(event uuid, persons uuid[] default null) returns void
language plpgsql
set search_path = ''
set enable_nestloop = off
as $$
begin
    if to_regclass(format('memoria.%I', memoria.partition_name(event))) is null then
        return;
    end if;
    persons := coalesce(persons,
        array(select p.id from memoria.face_persons p where p.event_id = event));
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (persons) order by p.id for no key update;
    with counted as (
        select f.face_person_id, count(*) as faces, round(avg(f.quality_score)::numeric, 4) as quality
        from memoria.faces f
        where f.event_id = event and f.face_person_id = any (persons)
        group by f.face_person_id
    ), fresh as (
        select one.id, jsonb_build_object('face_count', coalesce(c.faces, 0),
            'avg_quality', c.quality) as counts
        from unnest(persons) as one (id)
        left join counted c on c.face_person_id = one.id
    )
    update memoria.face_persons p
    set metadata = p.metadata || fresh.counts,
        version = p.version + (p.status = 'pending')::integer,
        updated_at = now()
    from fresh
    where p.event_id = event and p.id = any (persons) and p.id = fresh.id
        and not p.metadata @> fresh.counts;
end
$$;

revoke execute on function memoria.refresh_person_counts(uuid, uuid[]) from public;

-- What points at a face lets go when the face goes, and no longer counts it.
create function memoria.faces_gone() returns trigger
language plpgsql
set search_path = ''
set enable_nestloop = off  -- as in refresh_person_counts
as $$
declare
    event uuid;
    persons uuid[];
begin
    for event in select distinct g.event_id from gone g order by 1 loop
        persons := array(
            select g.face_person_id from gone g
            where g.event_id = event and g.face_person_id is not null
            union
            select p.id from memoria.face_persons p join gone g on g.id = p.representative_face_id
            where p.event_id = event and g.event_id = event);
        perform from memoria.face_persons p
        where p.event_id = event and p.id = any (persons) order by p.id for no key update;
        update memoria.face_persons p
        set representative_face_id = null
        from gone g
        where p.event_id = event and p.id = any (persons)
            and g.event_id = event and g.id = p.representative_face_id;
        perform memoria.refresh_person_counts(event, persons);
    end loop;
    return null;
end
$$;

create trigger faces_gone after delete on memoria.faces
    referencing old table as gone
    for each statement execute function memoria.faces_gone();

-- A person is represented by a face of the same event.
create function memoria.face_persons_guard() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if not exists (
        select from memoria.faces
        where event_id = new.event_id and id = new.representative_face_id
    ) then
        raise exception 'face %: no such face in event %', new.representative_face_id, new.event_id
            using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$;

create trigger face_persons_guard
    before insert or update of representative_face_id, event_id on memoria.face_persons
    for each row when (new.representative_face_id is not null)
    execute function memoria.face_persons_guard();

create function memoria.partition_name(event uuid) returns text
language sql immutable
set search_path = ''
as $$
    select 'faces_' || replace(event::text, '-', '')
$$;

-- Made beside the table and attached, because `create table … partition of` would wait for every
-- reader of faces. The order of locks is media, face_persons, faces: that of an analysis.
create function memoria.create_event_partition(event uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    part text := memoria.partition_name(event);
begin
    if to_regclass(format('memoria.%I', part)) is not null then
        return;
    end if;
    -- At once and in order: attaching takes these in the end, and whoever upgrades a lock meets
    -- another who waits for it.
    lock table memoria.media, memoria.face_persons in access exclusive mode;
    execute format('create table memoria.%I (like memoria.faces including defaults including constraints)', part);
    execute format('alter table memoria.%I add foreign key (event_id, media_id) '
        'references memoria.media (event_id, id) on delete cascade', part);
    execute format('alter table memoria.%I add foreign key (event_id, face_person_id) '
        'references memoria.face_persons (event_id, id)', part);
    execute format('alter table memoria.%I enable row level security', part);
    execute format('alter table memoria.%I force row level security', part);
    execute format('alter table memoria.faces attach partition memoria.%I for values in (%L)',
        part, event);
end
$$;

create function memoria.drop_event_partition(event uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    update memoria.face_persons set representative_face_id = null
    where event_id = event and representative_face_id is not null;
    execute format('drop table if exists memoria.%I', memoria.partition_name(event));
end
$$;

revoke execute on function memoria.create_event_partition(uuid) from public;
revoke execute on function memoria.drop_event_partition(uuid) from public;

create function memoria.events_partition() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        perform memoria.drop_event_partition(old.id);
        return old;
    end if;
    if new.status = 'active' then
        perform memoria.create_event_partition(new.id);
    end if;
    return null;
end
$$;

create trigger events_create_partition after insert on memoria.events
    for each row execute function memoria.events_partition();
create trigger events_drop_partition before delete on memoria.events
    for each row execute function memoria.events_partition();

insert into memoria.migrations (name) values ('0005_faces');
