-- Who looked at, decided, exported or erased what; and who is not to be shown.

-- AUDIT. One row per deed, by ids alone: no name, no address, no words. Append-only, for the owner
-- and superusers too; only an erasure puts its own id in the place of a user's.
create table memoria.audit (
    id uuid primary key default gen_random_uuid(),
    at timestamptz not null default now(),
    actor_id uuid,
    verb text not null check (verb in
        ('looked', 'decided', 'exported', 'erased', 'invited', 'signed_in', 'changed')),
    -- No foreign keys: the log outlives what it is about.
    event_id uuid,
    thing text not null check (thing ~ '^[a-z_]{1,40}$'),
    thing_id uuid,
    via text not null check (via in ('page', 'api', 'cli', 'job', 'sql', 'schedule')),
    times integer not null default 1 check (times >= 0)
);

comment on table memoria.audit is 'Append-only: who looked at, decided, exported or erased what.';
comment on column memoria.audit.actor_id is
    'The user; null: nobody who is known, as on the command line. Of who was erased: the erasure.';
comment on column memoria.audit.times is 'How many things it was, of an export for instance.';

create index audit_event on memoria.audit (event_id, at desc);
create index audit_actor on memoria.audit (actor_id, at desc);

-- As whoever changes it, for it asks who that is.
create function memoria.audit_append_only() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_user = 'memoria_erasure' and tg_op = 'UPDATE'
        and (old.id, old.at, old.verb, old.event_id, old.thing, old.via, old.times)
            is not distinct from
            (new.id, new.at, new.verb, new.event_id, new.thing, new.via, new.times)
        and (new.actor_id is not distinct from old.actor_id or memoria.is_erasure(new.actor_id))
        and (new.thing_id is not distinct from old.thing_id or new.thing_id is null
            or memoria.is_erasure(new.thing_id)) then
        return new;
    end if;
    raise exception 'the audit is append-only: % refused', lower(tg_op)
        using hint = 'it is written by memoria.note and by triggers, and changed by nobody',
              errcode = 'insufficient_privilege';
end
$$;

create trigger audit_append_only before update or delete on memoria.audit
    for each row execute function memoria.audit_append_only();
create trigger audit_not_truncated before truncate on memoria.audit
    for each statement execute function memoria.audit_append_only();

create function memoria.is_erasure(id uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from memoria.erasures e where e.id = is_erasure.id)
$$;

-- An id as the audit may know it: of who is being erased, or of anything in an event that is, it is
-- the erasure's, so that what an erasure brings about does not write down again whom it is about.
create function memoria.known_as(id uuid, event uuid) returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select case when known_as.id is not null then coalesce(
        (select e.id from memoria.erasures e
         where e.event_id = event and e.scope = 'event' and e.status <> 'completed' limit 1),
        (select r.id from memoria.erasure_requests r
         where r.user_id = known_as.id and (r.event_id = event or event is null) limit 1),
        known_as.id) end
$$;

create function memoria.write_audit(actor uuid, verb text, event uuid, thing text, thing_id uuid,
    via text default null, times integer default 1) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into memoria.audit (actor_id, verb, event_id, thing, thing_id, via, times)
    values (memoria.known_as(nullif(actor, '00000000-0000-0000-0000-000000000000'), event), verb,
        event, thing, memoria.known_as(thing_id, event),
        coalesce(via, nullif(current_setting('memoria.via', true), ''), 'sql'), times);
end
$$;

-- What no trigger sees: that somebody looked, or took something out. Who looks at the same again
-- within the hour has looked once. People may note these two, in events of theirs and in their own
-- name; all else the triggers write.
create function memoria.note(verb text, event uuid, thing text, thing_id uuid default null,
    times integer default 1) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    actor uuid := memoria.current_user_id();
begin
    event := coalesce(event, case note.thing
        when 'photo' then (select m.event_id from memoria.media m where m.id = note.thing_id)
        when 'person' then (select p.event_id from memoria.face_persons p where p.id = note.thing_id)
        end);
    if note.verb not in ('looked', 'exported') then
        raise exception 'only looks and exports are noted so, not %', note.verb
            using errcode = 'insufficient_privilege';
    end if;
    if current_setting('role') = 'authenticated' and not coalesce(actor is not null and event in (
            select memoria.my_events('organiser', 'photographer', 'member', 'guest')), false) then
        return;
    end if;
    if note.verb = 'looked' and exists (
        select from memoria.audit a
        where a.actor_id is not distinct from actor and a.event_id is not distinct from event
            and a.verb = 'looked' and a.thing = note.thing
            and a.thing_id is not distinct from note.thing_id
            and a.at >= date_trunc('hour', now())) then
        return;
    end if;
    perform memoria.write_audit(actor, note.verb, event, note.thing, note.thing_id, null, times);
end
$$;

create index audit_looks on memoria.audit (event_id, actor_id, thing, thing_id, at)
    where verb = 'looked';

-- Its arguments: the verb, the kind of thing, and the columns of the actor, the event, the thing.
create function memoria.audited() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    said jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
begin
    perform memoria.write_audit(
        coalesce((said ->> tg_argv[2])::uuid, memoria.current_user_id()), tg_argv[0],
        (said ->> tg_argv[3])::uuid, tg_argv[1], (said ->> tg_argv[4])::uuid,
        (select e.source from memoria.erasures e
         where tg_argv[0] = 'erased' and e.id = (said ->> 'id')::uuid));
    return null;
end
$$;

create trigger audited after insert on memoria.decisions for each row
    execute function memoria.audited('decided', 'decision', 'actor_id', 'event_id', 'id');
create trigger audited after insert on memoria.run_answers for each row
    execute function memoria.audited('decided', 'run', 'by_user', 'event_id', 'run_id');
create trigger audited after insert on memoria.consents for each row
    execute function memoria.audited('changed', 'consent', 'recorded_by', 'event_id', 'id');
create trigger audited after insert on memoria.invitations for each row
    execute function memoria.audited('invited', 'invitation', 'invited_by', 'event_id', 'id');
create trigger audited after insert on memoria.sessions for each row
    execute function memoria.audited('signed_in', 'session', 'user_id', '', '');
create trigger audited after insert on memoria.erasure_requests for each row
    execute function memoria.audited('erased', 'erasure', 'requested_by', 'event_id', 'id');
create trigger audited after insert or delete on memoria.event_members for each row
    execute function memoria.audited('changed', 'member', '', 'event_id', 'user_id');
create trigger audited_changed after update of role on memoria.event_members for each row
    when (old.role is distinct from new.role)
    execute function memoria.audited('changed', 'member', '', 'event_id', 'user_id');
create trigger audited after update on memoria.events for each row
    when ((old.name, old.code, old.status, old.face_recognition_enabled, old.ends_at,
            old.retention_days, old.keep_tombstones, old.analysis_mode)
        is distinct from (new.name, new.code, new.status, new.face_recognition_enabled, new.ends_at,
            new.retention_days, new.keep_tombstones, new.analysis_mode))
    execute function memoria.audited('changed', 'event', '', 'id', 'id');

-- HIDE ME. Whoever is hidden in an event is blurred in what all but the person and the organisers
-- get to see. Pictures are made for each request, so it holds from now on for old addresses too.
create table memoria.hidden (
    event_id uuid not null references memoria.events (id) on delete cascade,
    user_id uuid not null,
    since timestamptz not null default now(),
    by_self boolean not null,
    primary key (event_id, user_id)
);

comment on table memoria.hidden is 'Who is blurred in what viewers get.';
comment on column memoria.hidden.user_id is 'Of who was erased: the erasure, as in tombstones.';
comment on column memoria.hidden.by_self is 'The person asked for it: no organiser takes it back.';

create trigger audited after insert or delete on memoria.hidden for each row
    execute function memoria.audited('changed', 'hidden', '', 'event_id', 'user_id');

-- Where faces were that are not in `faces` any more, though the photo is: boxes, no template.
create table memoria.hidden_boxes (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_id uuid not null,
    sha256 text,
    user_id uuid,
    bbox jsonb not null,
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade
);

comment on table memoria.hidden_boxes is 'Boxes of hidden persons that were archived or erased.';
comment on column memoria.hidden_boxes.user_id is 'As in hidden; null: nobody knew whose it was.';

create index hidden_boxes_media on memoria.hidden_boxes (event_id, media_id);

do $$
declare
    relation text;
begin
    foreach relation in array array['audit', 'hidden', 'hidden_boxes'] loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('create policy erasure on memoria.%I to memoria_erasure '
            'using (true) with check (true)', relation);
    end loop;
end
$$;

grant select on memoria.audit to memoria_service, authenticated;
grant select, update (actor_id, thing_id) on memoria.audit to memoria_erasure;
grant select, insert, update, delete on memoria.hidden, memoria.hidden_boxes
    to memoria_service, memoria_erasure;
grant select on memoria.hidden to authenticated;

create policy own_or_organiser_reads on memoria.audit for select to authenticated
    using (actor_id = (select memoria.current_user_id())
        or event_id in (select memoria.my_events('organiser')));
create policy own_or_organiser_reads on memoria.hidden for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (user_id = (select memoria.current_user_id()) and event_id in (
            select memoria.my_events('photographer', 'member', 'guest'))));

-- Who a hidden user is: the persons linked to them, those merged into these, and groups of faces
-- that nobody named yet while it is asked whether they are the same person.
create function memoria.hidden_persons(event uuid) returns table (person_id uuid, user_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive theirs as (
        select p.id, h.user_id from memoria.hidden h
        join memoria.face_persons p on p.event_id = event and p.linked_user_id = h.user_id
        where h.event_id = event
        union
        select p.id, t.user_id from memoria.face_persons p
        join theirs t on p.merged_into_id = t.id
        where p.event_id = event
    )
    select id, user_id from theirs
    union
    select p.id, t.user_id from theirs t
    join memoria.questions q on q.event_id = event and q.kind = 'same_person'
        and q.answered_at is null and t.id = any (q.persons)
    join memoria.face_persons p on p.event_id = event and p.id = any (q.persons)
        and p.status = 'pending'
$$;

-- Boxes on these photos (null: on all), with whose they are; of faces that are nobody's yet too, as
-- they may be a hidden person's. A tag without a place covers the whole photo, unless it is known
-- where they are on it.
create function memoria.hidden_faces(event uuid, photos uuid[])
returns table (media_id uuid, user_id uuid, bbox jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with theirs as materialized (select * from memoria.hidden_persons(event)),
    seen as (
        select f.media_id, t.user_id, f.bbox from memoria.faces f
        join theirs t on t.person_id = f.face_person_id
        where f.event_id = event and (photos is null or f.media_id = any (photos))
        union all
        select f.media_id, null, f.bbox from memoria.faces f
        where f.event_id = event and (photos is null or f.media_id = any (photos))
            and f.face_person_id is null and f.verdict is distinct from 'not_a_face'
    ), tagged as (
        select t.media_id, t.tagged_user_id as user_id, coalesce(t.bbox, f.bbox) as bbox
        from memoria.media_tags t
        join memoria.hidden h on h.event_id = event and h.user_id = t.tagged_user_id
        left join memoria.faces f on f.event_id = event and f.id = t.face_id
        where t.event_id = event and (photos is null or t.media_id = any (photos))
    )
    select * from seen
    union all
    select t.media_id, t.user_id, coalesce(t.bbox, '{"x": 0, "y": 0, "w": 1, "h": 1}')
    from tagged t
    where t.bbox is not null or not exists (
        select from seen s where s.media_id = t.media_id and s.user_id = t.user_id)
$$;

-- What the server asks for each picture: who sees all of it, who is hidden here, and where. sha256:
-- of the photo as it was analysed; null where it was not, so that nobody knows who is on it.
create function memoria.api_veil(event uuid, media uuid)
returns table (organisers uuid[], hidden uuid[], sha256 text, faces jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    bytes text;
    same uuid[];
begin
    organisers := array(select m.user_id from memoria.event_members m
        where m.event_id = event and m.role = 'organiser');
    hidden := array(select h.user_id from memoria.hidden h where h.event_id = event);
    faces := '[]';
    if hidden <> '{}' then
        select coalesce(o.sha256, m.sha256) into bytes from memoria.media m
        left join memoria.media o on o.event_id = event and o.id = m.duplicate_of
        where m.event_id = event and m.id = media
            and 'analysed' in (m.status, coalesce(o.status, ''));
        same := array(select m.id from memoria.media m
            where m.event_id = event and (m.id = media or m.sha256 = bytes));
        select coalesce(jsonb_agg(jsonb_build_object('who', found.user_id, 'box', found.bbox)), '[]')
        into faces from (
            select f.user_id, f.bbox from memoria.hidden_faces(event, same) f
            union all
            select b.user_id, b.bbox from memoria.hidden_boxes b
            where b.event_id = event and b.media_id = any (same)
                and b.sha256 is not distinct from bytes
                and (b.user_id is not null or not exists (
                    select from memoria.faces f
                    where f.event_id = event and f.media_id = any (same)))
            union all
            select t.erasure_id, t.bbox from memoria.tombstones t
            join memoria.hidden h on h.event_id = event and h.user_id = t.erasure_id
            where t.event_id = event and (t.media_id = any (same) or t.sha256 = bytes)
        ) found;
        sha256 := bytes;
    end if;
    return next;
end
$$;

-- Who is hidden stays so when faces go: by an archive, of which only boxes stay, …
create function memoria.hidden_boxes_of_archive() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.hidden h where h.event_id = new.id) then
        insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
        select new.id, f.media_id, m.sha256, f.user_id, f.bbox
        from memoria.hidden_faces(new.id, null) f
        join memoria.media m on m.event_id = new.id and m.id = f.media_id;
    end if;
    return new;
end
$$;

create trigger hidden_boxes_of_archive before update of status on memoria.events
    for each row when (old.status = 'active' and new.status = 'archived')
    execute function memoria.hidden_boxes_of_archive();

-- … or one by one: erased, or not found any more by an analysis while the photo is the same.
create function memoria.hidden_boxes_of_gone() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    event uuid;
begin
    for event in select distinct g.event_id from gone g
        where exists (select from memoria.hidden h where h.event_id = g.event_id) loop
        insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
        select event, g.media_id, m.sha256, p.user_id, g.bbox
        from gone g
        join memoria.media m on m.event_id = event and m.id = g.media_id
        left join memoria.hidden_persons(event) p on p.person_id = g.face_person_id
        where g.event_id = event and (p.user_id is not null
            or (g.face_person_id is null and g.verdict is distinct from 'not_a_face'
                -- where strangers are to be forgotten, not even their places are kept
                and exists (select from memoria.events e
                    where e.id = event and e.analysis_mode = 'full')));
    end loop;
    return null;
end
$$;

create trigger hidden_boxes_of_gone after delete on memoria.faces
    referencing old table as gone
    for each statement execute function memoria.hidden_boxes_of_gone();

-- An erasure takes the tags too: of one by hand its place, or where nobody knew one the whole photo.
create function memoria.hidden_boxes_of_untagged() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
    select g.event_id, g.media_id, m.sha256, g.tagged_user_id,
        coalesce(g.bbox, '{"x": 0, "y": 0, "w": 1, "h": 1}')
    from gone g
    join memoria.hidden h on h.event_id = g.event_id and h.user_id = g.tagged_user_id
    join memoria.media m on m.event_id = g.event_id and m.id = g.media_id
    where memoria.is_open(g.event_id) and (g.bbox is not null or not exists (
        select from memoria.faces f join memoria.hidden_persons(g.event_id) p
            on p.person_id = f.face_person_id and p.user_id = g.tagged_user_id
        where f.event_id = g.event_id and f.media_id = g.media_id));
    return null;
end
$$;

create trigger hidden_boxes_of_untagged after delete on memoria.media_tags
    referencing old table as gone
    for each statement execute function memoria.hidden_boxes_of_untagged();

-- The person hides and shows itself; organisers hide others, and take back what organisers did.
create function memoria.hide(event uuid, "user" uuid, hide boolean) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    own boolean := coalesce("user" = memoria.current_user_id(), false);
begin
    if not exists (select from memoria.event_members m
            where m.event_id = event and m.user_id = "user")
        or current_setting('role') = 'authenticated' and not coalesce(
            own and event in (
                select memoria.my_events('organiser', 'photographer', 'member', 'guest'))
            or event in (select memoria.my_events('organiser')), false) then
        raise exception 'event %: only its organisers, and the member, say who is shown', event
            using errcode = 'insufficient_privilege';
    end if;
    if hide then
        insert into memoria.hidden as h (event_id, user_id, by_self) values (event, "user", own)
        on conflict (event_id, user_id) do update set by_self = h.by_self or excluded.by_self;
    else
        delete from memoria.hidden h
        where h.event_id = event and h.user_id = "user" and (own or not h.by_self);
        if found then
            delete from memoria.hidden_boxes b
            where b.event_id = event and (b.user_id = "user" or not exists (
                select from memoria.hidden h where h.event_id = event));
        end if;
    end if;
    return exists (select from memoria.hidden h where h.event_id = event and h.user_id = "user");
end
$$;

create function memoria.persons_erased(event uuid) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.person_id from memoria.erased_persons e where e.event_id = event
$$;

create function memoria.is_member("user" uuid, elsewhere_than uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from memoria.event_members m
        where m.user_id = "user" and m.event_id <> elsewhere_than)
$$;

create function memoria.only_here(event uuid) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.user_id from memoria.event_members m where m.event_id = event
    except
    select m.user_id from memoria.event_members m where m.event_id <> event
$$;

-- By the hand of memoria_erasure, the only one that the trigger lets through. Of an event (whole)
-- all ids go; of a user those in the event; of who is in no other, those of no event; and those of
-- persons who were erased.
create function memoria.unname_audit(event uuid, pseudonym uuid, "user" uuid, whole boolean)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    with gone as materialized (
        select "user" as id where "user" is not null and not memoria.is_member("user", event)
        union all
        select memoria.only_here(event) where whole
    )
    update memoria.audit a set
        actor_id = case when a.event_id is null and a.actor_id in (select id from gone)
                or a.event_id = event and (a.actor_id = "user" or (whole and a.actor_id is not null))
            then pseudonym else a.actor_id end,
        thing_id = case when a.event_id = event and whole and a.verb <> 'erased' then null
            when a.event_id is null and a.thing_id in (select id from gone)
                or a.event_id = event and (a.thing_id = "user"
                    or a.thing_id in (select memoria.persons_erased(event)))
            then pseudonym else a.thing_id end
    where a.event_id = event and (whole or a.actor_id = "user" or a.thing_id = "user"
            or a.thing_id in (select memoria.persons_erased(event)))
        or a.event_id is null and (a.actor_id in (select id from gone)
            or a.thing_id in (select id from gone))
$$;

-- ERASING, in erase_rows' transaction: the erasure's id stands for the user in what must stay.
create or replace function memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform memoria.erase_consents("user", event, scope, pseudonym);
    if scope = 'event' then
        delete from memoria.hidden h where h.event_id = event;
        delete from memoria.hidden_boxes b where b.event_id = event;
        perform memoria.unname_audit(event, pseudonym, null, true);
        return;
    end if;
    perform memoria.unname_audit(event, pseudonym, "user", false);
    if "user" is null then
        return;
    end if;
    update memoria.hidden_boxes b set user_id = pseudonym
    where b.event_id = event and b.user_id = "user";
    insert into memoria.hidden (event_id, user_id, since, by_self)
    select h.event_id, pseudonym, h.since, true from memoria.hidden h
    where h.event_id = event and h.user_id = "user" on conflict do nothing;
    -- who stays a member stays hidden, on what comes as well
    delete from memoria.hidden h where h.event_id = event and h.user_id = "user"
        and not exists (select from memoria.event_members m
            where m.event_id = event and m.user_id = "user");
end
$$;

do $$
declare
    each text;
begin
    foreach each in array array['is_erasure(uuid)', 'known_as(uuid, uuid)',
        'write_audit(uuid, text, uuid, text, uuid, text, integer)',
        'note(text, uuid, text, uuid, integer)', 'hidden_persons(uuid)',
        'hidden_faces(uuid, uuid[])', 'api_veil(uuid, uuid)', 'hide(uuid, uuid, boolean)',
        'unname_audit(uuid, uuid, uuid, boolean)', 'persons_erased(uuid)', 'is_member(uuid, uuid)',
        'only_here(uuid)',
        'erase_also(uuid, uuid, text, uuid)'] loop
        execute format('revoke execute on function memoria.%s from public', each);
    end loop;
end
$$;

grant execute on function memoria.is_erasure(uuid), memoria.persons_erased(uuid),
    memoria.is_member(uuid, uuid), memoria.only_here(uuid) to memoria_erasure;
grant execute on function memoria.note(text, uuid, text, uuid, integer)
    to authenticated, memoria_service;
grant execute on function memoria.hide(uuid, uuid, boolean) to authenticated, memoria_service;
grant execute on function memoria.api_veil(uuid, uuid) to memoria_api, memoria_service;

-- To be handed a function, a role must be able to make one there.
grant usage, create on schema memoria to memoria_erasure;
alter function memoria.unname_audit(uuid, uuid, uuid, boolean) owner to memoria_erasure;
revoke create on schema memoria from memoria_erasure;

insert into memoria.migrations (name) values ('0021_audit');
