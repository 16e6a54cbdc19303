-- Consent, archiving, erasure: a correct first version.

create table memoria.consents (
    id uuid primary key default gen_random_uuid(),
    event_id uuid references memoria.events (id) on delete cascade,
    user_id uuid not null,
    purpose text not null check (purpose in ('grouping', 'own_photos', 'other_events')),
    given boolean not null,
    text_version text not null,
    language text,
    recorded_by uuid not null,
    recorded_at timestamptz not null default now()
);

comment on table memoria.consents is 'A ledger: the newest row of a user, event and purpose counts.';

create index consents_user on memoria.consents (user_id, event_id, purpose, recorded_at desc);
create index consents_event on memoria.consents (event_id);

-- The receipt outlives what it is about: no foreign key, and never the subject itself.
create table memoria.erasures (
    id uuid primary key default gen_random_uuid(),
    event_id uuid,
    scope text not null check (scope in ('person', 'event')),
    subject_hash text,
    status text not null default 'requested'
        check (status in ('requested', 'running', 'completed', 'failed')),
    receipt jsonb check (jsonb_typeof(receipt) = 'object'),
    requested_at timestamptz not null default now(),
    completed_at timestamptz,
    check ((status = 'completed') = (completed_at is not null))
);

create index erasures_open on memoria.erasures (requested_at) where completed_at is null;

-- Archiving (or deleting) an event drops its vectors at once, whoever does it. What stays: confirmed
-- tags, and the anonymous counts in media.faces_found and face_persons.metadata. An event that is
-- made active again is analysed again.
create function memoria.cleanup_face_embeddings_on_event_archive() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.status = 'active' then
        perform memoria.create_event_partition(new.id);
        update memoria.media set status = 'pending', attempts = 0
        where event_id = new.id and status = 'analysed';
        update memoria.events set archived_at = null where id = new.id;
    elsif old.status = 'active' then
        perform memoria.drop_event_partition(new.id);
        update memoria.events set archived_at = now() where id = new.id;
    end if;
    return null;
end
$$;

create trigger cleanup_face_embeddings_on_event_archive after update of status on memoria.events
    for each row when (old.status is distinct from new.status)
    execute function memoria.cleanup_face_embeddings_on_event_archive();

-- One person leaves one event: the persons linked to the user (with those merged into them), their
-- faces and the faces the user was tagged by, and every tag of the user. Counts of what is left are
-- brought up to date. Returns the receipt: counts only. Twice does no harm.
create function memoria.purge_face_data_for_user("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    person_ids uuid[];
    purged_ids uuid[];
    photo_ids uuid[];
    tags integer;
    receipt jsonb;
begin
    if "user" is null or event is null then
        raise exception 'purge_face_data_for_user needs a user and an event'
            using errcode = 'null_value_not_allowed';
    end if;
    -- No grouping may write while this runs: it takes the same lock.
    perform from memoria.events where id = event for no key update;
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

    delete from memoria.media_tags t where t.event_id = event and t.tagged_user_id = "user";
    get diagnostics tags = row_count;
    delete from memoria.faces f where f.event_id = event and f.id = any (purged_ids);
    update memoria.faces f
    set evidence = array(select e from unnest(f.evidence) e where e <> all (purged_ids))
    where f.event_id = event and f.evidence && purged_ids;
    delete from memoria.face_persons p where p.event_id = event and p.id = any (person_ids);
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id)
    where m.event_id = event and m.id = any (photo_ids) and m.faces_found is not null;
    perform memoria.refresh_person_counts(event);

    receipt := jsonb_build_object('persons', cardinality(person_ids),
        'faces', cardinality(purged_ids), 'embeddings', cardinality(purged_ids), 'tags', tags);
    insert into memoria.erasures (event_id, scope, status, receipt, completed_at)
    values (event, 'person', 'completed', receipt, now());
    return receipt;
end
$$;

-- face_persons.metadata is what applications show, so it is made right wherever faces move. The
-- version of a person that nobody reviewed yet grows with it: what a human saw has changed.
-- No loops over pairs: a partition has no statistics until autovacuum has looked at it, the planner
-- then expects one row, and 40,000 persons × 100,000 faces took longer than ten minutes.
create function memoria.refresh_person_counts(event uuid) returns void
language sql
set search_path = ''
set enable_nestloop = off
as $$
    with counted as (
        select face_person_id, count(*) as faces, round(avg(quality_score)::numeric, 4) as quality
        from memoria.faces
        where event_id = event and face_person_id is not null
        group by face_person_id
    ), fresh as (
        select p.id, jsonb_build_object('face_count', coalesce(c.faces, 0),
            'avg_quality', c.quality) as counts
        from memoria.face_persons p
        left join counted c on c.face_person_id = p.id
        where p.event_id = event
    )
    update memoria.face_persons p
    set metadata = p.metadata || fresh.counts,
        version = p.version + (p.status = 'pending')::integer,
        updated_at = now()
    from fresh
    where p.event_id = event and p.id = fresh.id and not p.metadata @> fresh.counts
$$;

revoke execute on function memoria.purge_face_data_for_user(uuid, uuid) from public;
revoke execute on function memoria.refresh_person_counts(uuid) from public;

insert into memoria.migrations (name) values ('0008_privacy');
