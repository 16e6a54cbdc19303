-- A change of model, beside the old one: what the other pack finds waits here while the old pack
-- goes on serving, until one transaction puts it in its place. One partition per event, made when a
-- backfill starts and dropped when it ends, so that no vector stays behind.

create table memoria.faces_beside (
    id uuid not null default gen_random_uuid(),
    event_id uuid not null,
    media_id uuid not null,
    face_id uuid,
    bbox jsonb not null,
    landmarks jsonb,
    det_score real check (det_score between 0 and 1),
    quality_score real not null default 0 check (quality_score between 0 and 1),
    quality_class text not null default 'A' check (quality_class in ('A', 'B', 'C')),
    embedding halfvec(512) not null check (l2_norm(embedding) between 0.99 and 1.01),
    model text not null,
    embedded_at timestamptz not null default clock_timestamp(),
    primary key (id, event_id),
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade
) partition by list (event_id);

comment on table memoria.faces_beside is 'What another pack finds, until the event moves to it.';
comment on column memoria.faces_beside.face_id is 'The face that it is, matched by its box, or null.';

create index faces_beside_media on memoria.faces_beside (event_id, media_id);

create trigger faces_guard before insert or update of embedding, event_id on memoria.faces_beside
    for each row execute function memoria.faces_guard();

-- Which photos the other pack has looked at. `seen` is the analysis of the old pack that the boxes
-- were matched to: after another one they are matched anew.
create table memoria.media_beside (
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_id uuid not null,
    model text not null,
    etag text,
    seen timestamptz,
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    width integer check (width > 0),
    height integer check (height > 0),
    faces_found integer check (faces_found >= 0),
    seconds real check (seconds >= 0),
    attempts integer not null default 1 check (attempts >= 0),
    error_code text,
    error text,
    done_at timestamptz not null default now(),
    primary key (event_id, media_id),
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade,
    check (error_code is not null or (sha256 is not null and faces_found is not null))
);

-- Which event is on its way to which pack.
create table memoria.backfills (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    model text not null check (model <> ''),
    started_at timestamptz not null default now()
);

do $$
declare
    relation text;
begin
    foreach relation in array array['faces_beside', 'media_beside', 'backfills'] loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('grant select, insert, update, delete on memoria.%I to memoria_service',
            relation);
    end loop;
end
$$;

create function memoria.beside_name(event uuid) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select 'beside_' || replace(event::text, '-', '')
$$;

-- As create_event_partition.
create function memoria.create_beside_partition(event uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    part text := memoria.beside_name(event);
begin
    if to_regclass(format('memoria.%I', part)) is not null then
        return;
    end if;
    lock table memoria.media in access exclusive mode;
    execute format('create table memoria.%I (like memoria.faces_beside including defaults including constraints)', part);
    execute format('alter table memoria.%I add foreign key (event_id, media_id) '
        'references memoria.media (event_id, id) on delete cascade', part);
    execute format('alter table memoria.%I enable row level security', part);
    execute format('alter table memoria.%I force row level security', part);
    execute format('alter table memoria.faces_beside attach partition memoria.%I for values in (%L)',
        part, event);
end
$$;

-- The backfill ends, or is given up: no vector of it stays. Nothing that a human decided is in it,
-- which is why the service may.
create function memoria.drop_beside_partition(event uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.backfills where event_id = event;
    delete from memoria.media_beside where event_id = event;
    if to_regclass(format('memoria.%I', memoria.beside_name(event))) is null then
        return;
    end if;
    -- Dropping locks media, which whoever is here has read by now: two of us would wait for one
    -- another. Emptied it can stay.
    begin
        lock table memoria.media, memoria.faces_beside in access exclusive mode nowait;
        execute format('drop table memoria.%I', memoria.beside_name(event));
    exception when lock_not_available then
        execute format('truncate memoria.%I', memoria.beside_name(event));
    end;
end
$$;

revoke execute on function memoria.create_beside_partition(uuid) from public;
revoke execute on function memoria.drop_beside_partition(uuid) from public;
grant execute on function memoria.create_beside_partition(uuid) to memoria_service;
grant execute on function memoria.drop_beside_partition(uuid) to memoria_service;

create or replace function memoria.drop_event_partition(event uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_trigger_depth() = 0
        and exists (select from memoria.events where id = event and status = 'active') then
        raise exception 'event % is active: humans decided on its faces', event
            using hint = 'archive or delete the event', errcode = 'insufficient_privilege';
    end if;
    perform memoria.drop_beside_partition(event);
    execute format('drop table if exists memoria.%I', memoria.beside_name(event));
    delete from memoria.cluster_proposals where event_id = event;
    update memoria.cluster_runs set status = 'held', reason = 'the faces of the event went'
    where event_id = event and status = 'proposed';
    update memoria.face_persons set representative_face_id = null
    where event_id = event and representative_face_id is not null;
    update memoria.media_tags set face_id = null
    where event_id = event and face_id is not null;
    execute format('drop table if exists memoria.%I', memoria.partition_name(event));
end
$$;

-- As in 0008, and besides: what it erases is opened, which is what lets it pass the guard of human
-- decisions; the ids of the persons are kept, so that no decision makes them again; no face goes on
-- naming them, as the machine's opinion or as someone it is not; and what waits (a proposal, a
-- backfill) knew them, so it starts anew.
create or replace function memoria.purge_face_data_for_user("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person_ids uuid[];
    purged_ids uuid[];
    photo_ids uuid[];
    naming_ids uuid[];
    tags integer;
    done jsonb;
begin
    if "user" is null or event is null then
        raise exception 'purge_face_data_for_user needs a user and an event'
            using errcode = 'null_value_not_allowed';
    end if;
    -- The event, its media, its persons, its faces: everybody locks in this order. With the event
    -- to itself (a grouping and a listing take it so too, whoever saves an analysis shares it),
    -- nothing moves between the statements below.
    perform from memoria.events where id = event for no key update;
    lock table memoria.media in row exclusive mode;  -- before persons: create_event_partition
    with recursive theirs as (
        select id from memoria.face_persons where event_id = event and linked_user_id = "user"
        union
        select p.id from memoria.face_persons p join theirs t on p.merged_into_id = t.id
        where p.event_id = event
    )
    select coalesce(array_agg(id), '{}') into person_ids from theirs;

    select coalesce(array_agg(f.id), '{}'), coalesce(array_agg(distinct f.media_id), '{}')
    into purged_ids, photo_ids
    from memoria.faces f
    where f.event_id = event and (f.face_person_id = any (person_ids) or f.id in (
        select t.face_id from memoria.media_tags t
        where t.event_id = event and t.tagged_user_id = "user"));
    naming_ids := array(
        select f.id from memoria.faces f
        where f.event_id = event and (f.evidence && purged_ids or f.not_person_ids && person_ids
            or f.machine_person_id = any (person_ids)));
    perform memoria.open(event, purged_ids || naming_ids, person_ids);
    insert into memoria.erased_persons (event_id, person_id)
    select event, id from unnest(person_ids) as one (id) on conflict do nothing;

    perform from memoria.media m
    where m.event_id = event and m.id = any (photo_ids) order by m.id for update;
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (person_ids) order by p.id for update;
    delete from memoria.media_tags t where t.event_id = event and t.tagged_user_id = "user";
    get diagnostics tags = row_count;
    delete from memoria.faces f where f.event_id = event and f.id = any (purged_ids);
    update memoria.faces f
    set evidence = array(select e from unnest(f.evidence) e where e <> all (purged_ids)),
        not_person_ids = array(select n from unnest(f.not_person_ids) n where n <> all (person_ids)),
        machine_person_id = case when f.machine_person_id = any (person_ids) then null
            else f.machine_person_id end
    where f.event_id = event and f.id = any (naming_ids);
    delete from memoria.face_persons p where p.event_id = event and p.id = any (person_ids);
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id and not f.lost)
    where m.event_id = event and m.id = any (photo_ids) and m.faces_found is not null;
    if cardinality(person_ids) + cardinality(purged_ids) > 0 then
        delete from memoria.cluster_proposals c where c.event_id = event;
        update memoria.cluster_runs r set status = 'held', plan = null, reason = 'a person was erased'
        where r.event_id = event and r.status = 'proposed';
        delete from memoria.media_beside b where b.event_id = event;
        -- not dropped, which would lock media, and two of us would wait for one another
        if to_regclass(format('memoria.%I', memoria.beside_name(event))) is not null then
            execute format('truncate memoria.%I', memoria.beside_name(event));
        end if;
    end if;

    done := jsonb_build_object('persons', cardinality(person_ids),
        'faces', cardinality(purged_ids), 'embeddings', cardinality(purged_ids), 'tags', tags);
    insert into memoria.erasures (event_id, scope, status, receipt, completed_at)
    values (event, 'person', 'completed', done, now());
    perform memoria.shut(event, purged_ids || naming_ids, person_ids);
    return done;
end
$$;

insert into memoria.migrations (name) values ('0013_beside');
