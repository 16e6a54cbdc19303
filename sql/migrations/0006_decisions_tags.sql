-- What humans decided, for ever; and what follows from it: who is on which photo.

create table memoria.decisions (
    id uuid primary key default gen_random_uuid(),
    seq bigint generated always as identity,
    event_id uuid not null references memoria.events (id) on delete cascade,
    kind text not null check (kind in ('confirm', 'reject', 'merge', 'split', 'move', 'ignore',
        'not_a_face', 'assign', 'invite', 'unassign', 'undo')),
    actor_id uuid not null,
    -- No foreign keys into what may be merged, re-grouped or erased: the log outlives it.
    face_ids uuid[] not null default '{}',
    person_id uuid,
    other_person_id uuid,
    media_id uuid,
    subject_user_id uuid,
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    reason text,
    supersedes uuid references memoria.decisions (id),
    created_at timestamptz not null default now(),
    check (kind <> 'undo' or supersedes is not null)
);

comment on table memoria.decisions is 'Append-only; the current state is a fold over it, by seq.';

create index decisions_event on memoria.decisions (event_id, seq);

-- Append-only, for the owner and superusers too. A decision goes when its event goes, or by the
-- hand of a role memoria_erasure (set local role), which no migration has created yet.
create function memoria.decisions_append_only() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if current_user = 'memoria_erasure' then
        return coalesce(new, old);
    end if;
    if tg_op = 'DELETE' and not exists (select from memoria.events where id = old.event_id) then
        return old;
    end if;
    raise exception 'decisions are append-only: % refused', lower(tg_op)
        using hint = 'write a decision of kind undo that supersedes it',
              errcode = 'insufficient_privilege';
end
$$;

create trigger decisions_append_only before update or delete on memoria.decisions
    for each row execute function memoria.decisions_append_only();
create trigger decisions_not_truncated before truncate on memoria.decisions
    for each statement execute function memoria.decisions_append_only();

-- A tag exists because a human confirmed it: who did is never unknown.
create table memoria.media_tags (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_id uuid not null,
    tagged_user_id uuid not null,
    tagged_by_user_id uuid not null,
    source text not null check (source in ('manual', 'face_clustering', 'imported', 'suggested')),
    bbox jsonb,
    face_id uuid,
    created_at timestamptz not null default now(),
    unique (media_id, tagged_user_id),
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade
);

create index media_tags_user on memoria.media_tags (tagged_user_id, event_id);
create index media_tags_event on memoria.media_tags (event_id);
create index media_tags_face on memoria.media_tags (event_id, face_id) where face_id is not null;

-- Applications name the photo, not its event; and a tag's face is a face of that photo.
create function memoria.media_tags_guard() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.event_id := coalesce(new.event_id,
        (select event_id from memoria.media where id = new.media_id));
    if new.face_id is not null and not exists (
        select from memoria.faces
        where event_id = new.event_id and id = new.face_id and media_id = new.media_id
    ) then
        raise exception 'face %: not a face of photo %', new.face_id, new.media_id
            using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$;

create trigger media_tags_guard
    before insert or update of event_id, media_id, face_id on memoria.media_tags
    for each row execute function memoria.media_tags_guard();

-- What points at a face lets go when the face goes, and no longer counts it: now tags do so as well.
create or replace function memoria.faces_gone() returns trigger
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
    update memoria.media_tags t
    set face_id = null
    from gone
    where t.event_id = gone.event_id and t.face_id = gone.id;
    return null;
end
$$;

create or replace function memoria.drop_event_partition(event uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    update memoria.face_persons set representative_face_id = null
    where event_id = event and representative_face_id is not null;
    update memoria.media_tags set face_id = null
    where event_id = event and face_id is not null;
    execute format('drop table if exists memoria.%I', memoria.partition_name(event));
end
$$;

insert into memoria.migrations (name) values ('0006_decisions_tags');
