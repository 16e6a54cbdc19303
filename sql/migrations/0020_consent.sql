-- Consent: a ledger that says who agreed to what, by which text; a mode in which only those who
-- agreed are ever stored; selfies. The switch's own entries are written here, whoever turns it.

-- THE LEDGER. Nobody changes an entry: what is taken back is a newer one. The definer's functions of
-- an erasure put its id in the place of the user.
alter table memoria.consents
    add column seq bigint generated always as identity,
    add column minor boolean not null default false,
    add column guardian boolean not null default false,
    add column guardian_user_id uuid,
    add constraint consents_minor_has_guardian check (guardian or not (given and minor)),
    add constraint consents_guardian_agrees check (guardian or guardian_user_id is null);

comment on column memoria.consents.seq is 'Its place: two of one moment have an order.';
comment on column memoria.consents.minor is 'The user is one; then a guardian agrees as well.';
comment on column memoria.consents.guardian_user_id is 'The guardian, where that is a user.';
comment on column memoria.consents.text_version is 'What was shown; sql: nobody said.';

create index consents_newest on memoria.consents (event_id, user_id, purpose, seq desc);

revoke update, delete on memoria.consents from memoria_service;

drop policy own_inserts on memoria.consents;
create policy own_inserts on memoria.consents for insert to authenticated
    with check (user_id = (select memoria.current_user_id())
        and recorded_by = (select memoria.current_user_id())
        and event_id in (select memoria.my_events('organiser', 'photographer', 'member', 'guest'))
        and purpose <> 'grouping');
grant insert (minor, guardian, guardian_user_id) on memoria.consents to authenticated;

-- Whoever turns the switch may say which text was shown, for this transaction:
-- set_config('memoria.text_version', '2026-1', true), set_config('memoria.language', 'fr', true).
create function memoria.events_switch() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := coalesce(memoria.current_user_id(), '00000000-0000-0000-0000-000000000000');
begin
    insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,
        recorded_by)
    values (new.id, who, 'grouping', new.face_recognition_enabled,
        coalesce(nullif(current_setting('memoria.text_version', true), ''), 'sql'),
        nullif(current_setting('memoria.language', true), ''), who);
    return null;
end
$$;

create trigger events_switched_on after insert on memoria.events
    for each row when (new.face_recognition_enabled) execute function memoria.events_switch();
create trigger events_switched after update of face_recognition_enabled on memoria.events
    for each row when (old.face_recognition_enabled is distinct from new.face_recognition_enabled)
    execute function memoria.events_switch();

-- As in 0018; what the ledger says of the switch, the trigger writes, in the user's name.
create or replace function memoria.api_create_event("user" uuid, name text, code text,
    consent boolean, text_version text, language text, photo_root text)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made uuid;
    claims text := coalesce(current_setting('request.jwt.claims', true), '');
begin
    perform set_config('memoria.text_version', text_version, true),
        set_config('memoria.language', language, true),
        set_config('request.jwt.claims', jsonb_build_object('sub', "user")::text, true);
    insert into memoria.events (name, code, face_recognition_enabled, photo_root)
    values (name, nullif(btrim(code), ''), coalesce(consent, false), nullif(photo_root, ''))
    returning id into made;
    perform set_config('request.jwt.claims', claims, true);
    insert into memoria.event_members (event_id, user_id, role, display_name, email)
    select made, "user", 'organiser', known.display_name, known.email
    from (select "user" as id) one
    left join lateral (
        select m.display_name, m.email from memoria.event_members m
        where m.user_id = one.id order by m.email is null, m.created_at limit 1) known on true;
    return made;
end
$$;

-- Whether the newest word of a user on a purpose is a consent, in this event.
create function memoria.agrees("user" uuid, event uuid, purpose text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select c.given and (c.guardian or not c.minor) from memoria.consents c
        where c.event_id = event and c.user_id = "user" and c.purpose = agrees.purpose
        order by c.seq desc limit 1), false)
$$;

-- Members of an event who agreed to be compared with its faces.
create function memoria.comparable(event uuid) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.user_id from memoria.event_members m
    where m.event_id = event and (memoria.agrees(m.user_id, event, 'own_photos')
        or memoria.agrees(m.user_id, event, 'other_events'))
$$;

-- MATCH AND FORGET. Faces are compared in the pipeline's memory; only those of members who agreed
-- come here, with the person that they are.
alter table memoria.events add column analysis_mode text not null default 'full'
    check (analysis_mode in ('full', 'match_and_forget'));

comment on column memoria.events.analysis_mode is
    'match_and_forget: only faces of members who agreed are ever stored.';

grant select (analysis_mode), update (analysis_mode) on memoria.events to authenticated;

create function memoria.faces_of_others(event uuid) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select f.id from memoria.faces f
    where f.event_id = event and not exists (
        select from memoria.face_persons p
        where p.event_id = event and p.id = f.face_person_id
            and p.linked_user_id in (select memoria.comparable(event)))
$$;

create function memoria.events_mode() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.analysis_mode = 'full' then
        perform memoria.look_again(new.id);
    elsif exists (select memoria.faces_of_others(new.id))
        or exists (select from memoria.faces_beside b where b.event_id = new.id) then
        raise exception 'event %: faces of people who did not agree are stored already', new.id
            using hint = 'choose the mode before photos are analysed, or archive the event first',
                  errcode = 'object_not_in_prerequisite_state';
    end if;
    return null;
end
$$;

-- The photos that were looked at are looked at again: somebody new may be compared.
create function memoria.look_again(event uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update memoria.media m set status = 'pending', attempts = 0
    where m.event_id = event and m.status = 'analysed' and m.faces_erased_at is null
$$;

create trigger events_mode after update of analysis_mode on memoria.events
    for each row when (old.analysis_mode is distinct from new.analysis_mode)
    execute function memoria.events_mode();

create function memoria.faces_match() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget')
        and not exists (select from memoria.face_persons p
            where p.event_id = new.event_id and p.id = new.face_person_id
                and p.linked_user_id in (select memoria.comparable(new.event_id))) then
        raise exception 'event %: only faces of members who agreed are stored', new.event_id
            using hint = 'compare in memory (match and forget), or set events.analysis_mode',
                  errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger faces_match before insert or update of embedding, event_id on memoria.faces
    for each row when (new.embedding is not null) execute function memoria.faces_match();

create function memoria.faces_beside_match() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget') then
        raise exception 'event %: only faces of members who agreed are stored', new.event_id
            using hint = 'such an event keeps its model pack',
                  errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger faces_match before insert or update on memoria.faces_beside
    for each row execute function memoria.faces_beside_match();

-- Where a match was wrong, or consent went: the face of somebody who did not agree goes as well.
create function memoria.forget_others(event uuid) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    others uuid[];
    request uuid;
begin
    perform from memoria.events e
    where e.id = event and e.analysis_mode = 'match_and_forget' for no key update;
    if not found then
        return 0;
    end if;
    others := array(select memoria.faces_of_others(event));
    if others = '{}' then
        return 0;
    end if;
    perform memoria.open(event, others, '{}');
    delete from memoria.faces f where f.event_id = event and f.id = any (others);
    perform memoria.shut(event, others, '{}');
    -- Their bytes go as those of any erased face do; no box of theirs is kept, as whoever agrees
    -- one day is to be found.
    insert into memoria.erasures (event_id, scope, status, source, reason, rows_at, counts)
    values (event, 'person', 'running', 'schedule', 'retention', clock_timestamp(),
        jsonb_build_object('faces', cardinality(others), 'embeddings', cardinality(others)))
    returning id into request;
    insert into memoria.erasure_requests (id, event_id, face_ids) values (request, event, others);
    update memoria.events e set epoch = e.epoch + 1 where e.id = event;
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id and not f.lost)
    where m.event_id = event and m.status = 'analysed';
    return cardinality(others);
end
$$;

-- SELFIES. A row of media without a file: what the face hangs on. Theirs alone to see, and none of
-- the event's photos.
alter table memoria.media drop constraint media_status_check,
    add constraint media_status_check check (
        status in ('pending', 'analysed', 'failed', 'duplicate', 'missing', 'selfie')),
    add constraint media_selfie_has_no_file
        check (status <> 'selfie' or storage_key ~ '^selfie:[0-9a-f-]{36}$');

-- `untagged` says whose it is, and keeps tags off it.
create function memoria.my_selfies() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.id from memoria.untagged u
    join memoria.media m on m.id = u.media_id and m.status = 'selfie'
    where u.user_id = memoria.current_user_id()
$$;

create policy selfies_are_their_own on memoria.media as restrictive for select to authenticated
    using (status <> 'selfie' or id in (select memoria.my_selfies()));

create policy own_selfie on memoria.media for select to authenticated
    using (status = 'selfie' and id in (select memoria.my_selfies()));

-- A selfie goes with its face; and with its event, whose faces are dropped, not deleted.
create function memoria.selfies_go() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.media m using gone
    where m.event_id = gone.event_id and m.id = gone.media_id and m.status = 'selfie';
    return null;
end
$$;

create trigger faces_selfies_go after delete on memoria.faces
    referencing old table as gone
    for each statement execute function memoria.selfies_go();
-- Nobody knows any more whose it is: an erasure comes this way too, wherever the face is by then.
create trigger untagged_selfies_go after delete on memoria.untagged
    referencing old table as gone
    for each statement execute function memoria.selfies_go();

create function memoria.events_selfies_go() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.media m where m.event_id = new.id and m.status = 'selfie';
    return null;
end
$$;

create trigger events_selfies_go after update of status on memoria.events
    for each row when (new.status <> 'active') execute function memoria.events_selfies_go();

-- The person that a member is in an event. Who agreed to be found says so by that: a new one is a
-- decision of the member's.
create function memoria.person_for("user" uuid, event uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    person uuid;
begin
    select p.id into person from memoria.face_persons p
    where p.event_id = event and p.linked_user_id = "user" and p.status = 'linked'
    order by p.created_at, p.id limit 1;
    if found or "user" not in (select memoria.comparable(event)) then
        return person;
    end if;
    person := gen_random_uuid();
    insert into memoria.decisions (event_id, kind, actor_id, person_id, subject_user_id, reason,
        affected_person_ids, before)
    values (event, 'assign', "user", person, "user", 'consent', array[person],
        jsonb_build_object('made', jsonb_build_array(person), 'persons', '{}'::jsonb,
            'faces', '[]'::jsonb));
    insert into memoria.face_persons (id, event_id, status, linked_user_id, human_touched, metadata)
    values (person, event, 'linked', "user", true, '{"manual_edits": 1}');
    return person;
end
$$;

-- The face of a member's selfie, in place of an earlier one: the member says who it is, so it is a
-- decision of theirs. The photo itself never comes here. Returns the row of media.
create function memoria.api_keep_selfie("user" uuid, event uuid, face jsonb, embedding real[],
    model text)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    media uuid := gen_random_uuid();
    made uuid := gen_random_uuid();
    person uuid;
begin
    perform from memoria.events e
    where e.id = event and e.status = 'active' and e.face_recognition_enabled for no key update;
    if not found then
        raise exception 'event %: face analysis is switched off, or the event is over', event
            using errcode = 'insufficient_privilege';
    end if;
    if not memoria.agrees("user", event, 'own_photos') then
        raise exception 'event %: no consent to be found by a selfie', event
            using errcode = 'insufficient_privilege';
    end if;
    delete from memoria.media m using memoria.untagged u
    where m.event_id = event and m.status = 'selfie' and u.media_id = m.id and u.user_id = "user";
    insert into memoria.media (id, event_id, storage_key, status, face_model, faces_found,
        analysed_at)
    values (media, event, 'selfie:' || media, 'selfie', model, 1, now());
    insert into memoria.untagged (event_id, media_id, user_id) values (event, media, "user");
    person := memoria.person_for("user", event);
    insert into memoria.decisions (event_id, kind, actor_id, face_ids, person_id, reason,
        affected_face_ids, affected_person_ids, before)
    values (event, 'confirm', "user", array[made], person, 'selfie', array[made], array[person],
        jsonb_build_object('made', '[]'::jsonb, 'persons', '{}'::jsonb,
            'faces', jsonb_build_array(jsonb_build_array(made, null, null, null, '[]'::jsonb))));
    insert into memoria.faces (id, event_id, media_id, face_person_id, bbox, landmarks, det_score,
        quality_score, quality_class, embedding, model, verdict, human_touched)
    values (made, event, media, person, face -> 'bbox', face -> 'landmarks',
        (face ->> 'det_score')::real, (face ->> 'quality_score')::real, face ->> 'quality_class',
        embedding::halfvec, model, 'person', true);
    perform memoria.refresh_person_counts(event, array[person]);
    if (select e.analysis_mode from memoria.events e where e.id = event) = 'match_and_forget' then
        perform memoria.look_again(event);
    end if;
    return media;
end
$$;

-- Where pgvector is depends on the server (0005).
do $$
begin
    execute format('alter function memoria.api_keep_selfie(uuid, uuid, jsonb, real[], text)'
        ' set search_path = pg_catalog, %I, pg_temp',
        (select nspname from pg_type t join pg_namespace n on n.oid = t.typnamespace
         where t.oid = to_regtype('halfvec')));
end
$$;

-- Consent to be recognised by other events: the photos are looked at again, with more to compare.
create function memoria.consents_look_again() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget') then
        perform memoria.look_again(new.event_id);
    end if;
    return null;
end
$$;

create trigger consents_look_again after insert on memoria.consents
    for each row when (new.given and new.purpose = 'other_events')
    execute function memoria.consents_look_again();

-- As in 0011, but that a selfie is no photo: it is neither counted nor shown for its person.
create or replace function memoria.refresh_person_counts(event uuid, persons uuid[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    selfies uuid[];
begin
    if to_regclass(format('memoria.%I', memoria.partition_name(event))) is null then
        return;
    end if;
    persons := coalesce(persons,
        array(select p.id from memoria.face_persons p where p.event_id = event));
    selfies := array(select memoria.selfies_of(event));
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (persons) order by p.id for no key update;
    with counted as (
        select f.face_person_id, count(*) as faces,
            round(avg(f.quality_score)::numeric, 4) as quality,
            (array_agg(f.id order by f.lost, f.quality_class, f.quality_score desc, f.id))[1] as best
        from memoria.faces f
        where f.event_id = event and f.face_person_id = any (persons)
            and f.media_id <> all (selfies)
        group by f.face_person_id
    ), fresh as (
        select one.id, c.best, jsonb_build_object('face_count', coalesce(c.faces, 0),
            'avg_quality', c.quality) as counts
        from unnest(persons) as one (id)
        left join counted c on c.face_person_id = one.id
    )
    update memoria.face_persons p
    set metadata = p.metadata || fresh.counts,
        representative_face_id = fresh.best,
        version = p.version + (p.status = 'pending')::integer,
        updated_at = now()
    from fresh
    where p.event_id = event and p.id = any (persons) and p.id = fresh.id
        and (not p.metadata @> fresh.counts or p.representative_face_id is distinct from fresh.best);
end
$$;

-- Who decides counts as well, and does not see others' selfies: ids alone.
create function memoria.selfies_of(event uuid) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.id from memoria.media m where m.event_id = event and m.status = 'selfie'
        and (current_setting('role') <> 'authenticated'
            or event in (select memoria.my_events('organiser'))
            or m.id in (select memoria.my_selfies()))
$$;

-- TAKING BACK. The newest word is no; and without any consent left to be compared, what is known of
-- the user's face in this event is erased. The erasure's id, or null where nothing is.
create function memoria.take_back(event uuid, purpose text, source text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := memoria.current_user_id();
    before record;
    request uuid;
begin
    if who is null or event not in (
            select memoria.my_events('organiser', 'photographer', 'member', 'guest')) then
        raise exception 'event %: only its members take back what they agreed to', event
            using errcode = 'insufficient_privilege';
    end if;
    if purpose = 'grouping' then
        raise exception 'event %: the switch is turned at the event itself', event
            using errcode = 'invalid_parameter_value';
    end if;
    perform from memoria.events e where e.id = event for no key update;
    select c.* into before from memoria.consents c
    where c.event_id = event and c.user_id = who and c.purpose = take_back.purpose
    order by c.seq desc limit 1;
    if not found or not before.given then
        return null;
    end if;
    insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,
        recorded_by, minor)
    values (event, who, purpose, false, before.text_version, before.language, who, before.minor);
    -- where all faces are kept, nothing rests on what other events show
    if purpose = 'other_events' and (memoria.agrees(who, event, 'own_photos') or exists (
            select from memoria.events e where e.id = event and e.analysis_mode = 'full')) then
        return null;
    end if;
    request := memoria.request_erasure('person', event, who, null, null, source, 'withdrawn', who);
    perform memoria.erase_rows(request);
    return request;
end
$$;

-- WHAT AN ERASURE TAKES, and 0021 takes more: whoever replaces erase_also calls this.
create function memoria.erase_consents("user" uuid, event uuid, scope text, pseudonym uuid)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Proof that there was consent stays (GDPR art. 7(1)), and says no more whose.
    update memoria.consents c
    set user_id = case c.user_id when "user" then pseudonym else c.user_id end,
        recorded_by = case c.recorded_by when "user" then pseudonym else c.recorded_by end,
        guardian_user_id = case c.guardian_user_id when "user" then pseudonym
            else c.guardian_user_id end
    where c.event_id = event and "user" in (c.user_id, c.recorded_by, c.guardian_user_id)
        and scope = 'person';
$$;

create or replace function memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select memoria.erase_consents("user", event, scope, pseudonym)
$$;

-- Whoever is no server of ours gets no vectors of strangers either: /process asks this.
drop function memoria.api_may_analyse(uuid);
create function memoria.api_may_analyse(event uuid)
returns table ("exists" boolean, allowed boolean, face_model text, forgets boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.id is not null, coalesce(e.status = 'active' and e.face_recognition_enabled, false),
        e.face_model, coalesce(e.analysis_mode = 'match_and_forget', false)
    from (select event as id) asked
    left join memoria.events e on e.id = asked.id and e.status <> 'deleted'
$$;

-- As in 0010, without selfies.
create or replace view analytics.event_coverage as
select e.id as event_id,
    count(m.id) as photos,
    count(m.id) filter (where m.status = 'analysed') as analysed,
    count(m.id) filter (where m.status = 'failed') as failed,
    count(m.id) filter (where m.faces_found > 0) as photos_with_faces,
    round(count(m.id) filter (where m.faces_found > 0)::numeric / nullif(count(m.id), 0), 4)
        as coverage
from memoria.events e
left join memoria.media m
    on m.event_id = e.id and m.status not in ('missing', 'duplicate', 'selfie')
where e.face_recognition_enabled
group by e.id;

do $$
begin
    if current_setting('server_version_num')::integer >= 150000 then
        alter view analytics.event_coverage set (security_invoker = true);
    end if;
end
$$;

do $$
declare
    each record;
begin
    for each in select p.oid::regprocedure as name, p.proname from pg_proc p
        where p.pronamespace = 'memoria'::regnamespace and p.prosecdef and p.proname in (
            'events_switch', 'agrees', 'comparable', 'faces_of_others', 'events_mode', 'look_again',
            'faces_match', 'faces_beside_match', 'forget_others', 'my_selfies', 'selfies_go',
            'events_selfies_go', 'api_keep_selfie', 'consents_look_again', 'selfies_of',
            'take_back', 'erase_consents', 'erase_also', 'api_may_analyse', 'person_for')
    loop
        execute format('revoke execute on function %s from public', each.name);
        continue when each.proname not in ('comparable', 'agrees', 'forget_others', 'my_selfies',
            'api_keep_selfie', 'selfies_of', 'take_back', 'api_may_analyse', 'person_for');
        execute format('grant execute on function %s to memoria_service', each.name);
    end loop;
end
$$;

grant execute on function memoria.my_selfies(), memoria.selfies_of(uuid),
    memoria.take_back(uuid, text, text) to authenticated;
grant execute on function memoria.api_keep_selfie(uuid, uuid, jsonb, real[], text),
    memoria.api_may_analyse(uuid) to memoria_api;

insert into memoria.migrations (name) values ('0020_consent');
