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
        -- the counts go as well: there are no faces behind them until the photos are analysed again
        update memoria.media
        set status = case status when 'analysed' then 'pending' else status end,
            attempts = case status when 'analysed' then 0 else attempts end,
            faces_found = null
        where event_id = new.id and faces_found is not null;
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
-- brought up to date (faces_gone does so for those who lost a face; nobody else changes). Returns the receipt: counts only. Twice does no harm.
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

    perform from memoria.media m
    where m.event_id = event and m.id = any (photo_ids) order by m.id for update;
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (person_ids) order by p.id for update;
    delete from memoria.media_tags t where t.event_id = event and t.tagged_user_id = "user";
    get diagnostics tags = row_count;
    delete from memoria.faces f where f.event_id = event and f.id = any (purged_ids);
    update memoria.faces f
    set evidence = array(select e from unnest(f.evidence) e where e <> all (purged_ids))
    where f.event_id = event and f.evidence && purged_ids;
    delete from memoria.face_persons p where p.event_id = event and p.id = any (person_ids);
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id and not f.lost)
    where m.event_id = event and m.id = any (photo_ids) and m.faces_found is not null;

    receipt := jsonb_build_object('persons', cardinality(person_ids),
        'faces', cardinality(purged_ids), 'embeddings', cardinality(purged_ids), 'tags', tags);
    insert into memoria.erasures (event_id, scope, status, receipt, completed_at)
    values (event, 'person', 'completed', receipt, now());
    return receipt;
end
$$;

revoke execute on function memoria.purge_face_data_for_user(uuid, uuid) from public;

insert into memoria.migrations (name) values ('0008_privacy');
