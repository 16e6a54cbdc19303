-- The review: organisers decide in a browser, applications over an API, and row level security says
-- what each of them sees and writes. The server logs in as memoria_api, which may become
-- `authenticated` (per request, with the caller's claims) and call the api_* functions; nothing else.
-- The schema memoria is for that server: it is not to be exposed to clients (by PostgREST, say).

do $$
begin
    if not exists (select from pg_roles where rolname = 'memoria_api') then
        begin
            create role memoria_api login noinherit;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception 'role memoria_api is missing and % may not create it', current_user
                    using hint = 'ask an administrator to run: create role memoria_api login noinherit',
                          errcode = 'insufficient_privilege';
        end;
    end if;
    if not pg_has_role('memoria_api', 'authenticated', 'member') then
        begin
            grant authenticated to memoria_api;
        exception when insufficient_privilege then
            raise exception '% may not make memoria_api a member of authenticated', current_user
                using hint = 'ask an administrator to run: grant authenticated to memoria_api',
                      errcode = 'insufficient_privilege';
        end;
    end if;
end
$$;

grant usage on schema memoria to memoria_api;

-- MEMBERS. An address says who a user is wherever it is met: one address, one user.
alter table memoria.event_members
    add column display_name text check (length(display_name) <= 200),
    add column email text check (email = lower(btrim(email)) and length(email) <= 320);

comment on column memoria.event_members.email is 'Where sign-in links go; lower case.';

create unique index event_members_email on memoria.event_members (event_id, email)
    where email is not null;
create index event_members_address on memoria.event_members (email) where email is not null;

-- Whoever asks (role authenticated) names either a user or an address, never both: with an address
-- of one's own on somebody else's id, a sign-in link would be a way into that account. The id of an
-- address is the one that it has anywhere, else a new one: read it with `returning`.
create function memoria.user_of_address(address text) returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select user_id from memoria.event_members where email = lower(btrim(address))
    order by created_at, user_id limit 1
$$;

-- Until the transaction ends: two at once, who each find nobody, would make two users of an address.
create function memoria.hold_address(address text) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    select pg_advisory_xact_lock(hashtextextended('memoria address ' || lower(btrim(address)), 0))
$$;

create function memoria.event_members_address() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.email := nullif(lower(btrim(new.email)), '');
    if new.email is not null and current_setting('role') = 'authenticated' then
        perform memoria.hold_address(new.email);
        new.user_id := coalesce(memoria.user_of_address(new.email), gen_random_uuid());
    end if;
    return new;
end
$$;

create trigger event_members_address before insert or update of email on memoria.event_members
    for each row execute function memoria.event_members_address();

-- SIGNING IN. Tokens are kept as their hashes; only the functions below read them.
create table memoria.sessions (
    token_hash bytea primary key,
    user_id uuid not null,
    csrf text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create index sessions_user on memoria.sessions (user_id);
create index sessions_expired on memoria.sessions (expires_at);

create table memoria.links (
    token_hash bytea primary key,
    kind text not null default 'sign_in' check (kind = 'sign_in'),
    user_id uuid not null,
    event_id uuid references memoria.events (id) on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);

create index links_user on memoria.links (user_id);
create index links_event on memoria.links (event_id);
create index links_expired on memoria.links (expires_at);

create table memoria.invitations (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    -- No foreign key: a person may be erased; purge_face_data_for_user takes these along.
    person_id uuid not null,
    email text not null check (email = lower(btrim(email)) and length(email) <= 320),
    token_hash bytea unique,
    invited_by uuid not null,
    message text check (length(message) <= 2000),
    media_ids uuid[] not null default '{}' check (cardinality(media_ids) <= 5),
    language text not null default 'en',
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    sent_at timestamptz,
    used_at timestamptz,
    used_by uuid,
    check ((used_at is null) = (used_by is null))
);

create index invitations_person on memoria.invitations (event_id, person_id);

-- What was answered to a request: the same again gets the same, and is not done twice.
create table memoria.idempotency (
    user_id uuid not null,
    key text not null check (length(key) <= 255),
    fingerprint text not null,
    status integer,
    body jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);

create index idempotency_age on memoria.idempotency (created_at);

-- WHAT THE PIPELINE TELLS THE ORGANISER AND IS TOLD BY THE ORGANISER.
create table memoria.questions (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    rank integer not null,
    kind text not null,
    persons uuid[] not null default '{}',
    faces uuid[] not null default '{}',
    p real check (p between 0 and 1),
    gain real,
    detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object'),
    asked_at timestamptz not null default now(),
    decisions_seq bigint not null default 0,
    answered_at timestamptz,
    answer text,
    decision_id uuid,
    skipped_at timestamptz
);

create index questions_event on memoria.questions (event_id, rank);

create table memoria.forecasts (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    right_now real check (right_now between 0 and 1),
    answers jsonb not null default '{}' check (jsonb_typeof(answers) = 'object'),
    total integer not null default 0,
    decisions_seq bigint not null default 0,
    asked_at timestamptz not null default now()
);

create table memoria.run_answers (
    id uuid primary key default gen_random_uuid(),
    run_id uuid not null references memoria.cluster_runs (id) on delete cascade,
    event_id uuid not null references memoria.events (id) on delete cascade,
    answer text not null check (answer in ('publish', 'turn_down')),
    by_user uuid not null,
    created_at timestamptz not null default now(),
    done_at timestamptz,
    problem text
);

-- One answer at a time; after one that came to nothing there may be another.
create unique index run_answers_open on memoria.run_answers (run_id) where done_at is null;
create index run_answers_run on memoria.run_answers (run_id);
create index run_answers_event on memoria.run_answers (event_id);

-- Who was taken off a photo by hand, though a face says that they are on it: the next `sync` would
-- put the tag back. A manual tag lifts it.
create table memoria.untagged (
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_id uuid not null,
    user_id uuid not null,
    untagged_at timestamptz not null default now(),
    primary key (media_id, user_id),
    foreign key (event_id, media_id) references memoria.media (event_id, id) on delete cascade
);

comment on table memoria.untagged is 'Who does not want to be tagged on a photo by a face.';

create index untagged_event on memoria.untagged (event_id, media_id);

do $$
declare
    relation text;
begin
    foreach relation in array array['sessions', 'links', 'invitations', 'idempotency', 'questions',
        'forecasts', 'run_answers', 'untagged']
    loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('grant select, insert, update, delete on memoria.%I to memoria_service',
            relation);
    end loop;
end
$$;

-- DECIDING. What an organiser writes into faces and persons, only a transaction does in which there
-- is a decision of that event: the log explains each change.
create or replace function memoria.decisions_open() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as in shut
as $$
declare
    faces uuid[] := new.face_ids || new.affected_face_ids;
    persons uuid[] := new.person_ids || new.affected_person_ids || new.person_id
        || new.other_person_id;
begin
    if tg_name = 'decisions_open' then
        perform memoria.open(new.event_id, faces, persons);
        insert into memoria.opened (event_id, what, id) values (new.event_id, 'decision', new.id);
    else
        perform memoria.shut(new.event_id, faces, persons);
        delete from memoria.opened
        where transaction = pg_current_xact_id() and event_id = new.event_id
            and what = 'decision' and id = new.id;
    end if;
    return null;
end
$$;

alter table memoria.opened drop constraint opened_what_check,
    add constraint opened_what_check check (what in ('face', 'person', 'event', 'decision'));

-- The events of which this transaction has taken a decision.
create function memoria.deciding() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as in shut
as $$
    select distinct event_id from memoria.opened
    where transaction = pg_current_xact_id_if_assigned() and what = 'decision'
$$;

-- Everybody takes the event's row first. To lock it is to be allowed to change it.
create function memoria.lock_event(event uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from memoria.events where id = event for no key update;
    if not found and exists (select from memoria.events where id = event) then
        raise exception 'event %: only its organisers decide', event
            using errcode = 'insufficient_privilege';
    end if;
end
$$;

-- Where its photos are, for who may know; null for people. A plan is made for the branch taken only.
create function memoria.photo_root_of(event uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if has_column_privilege('memoria.events', 'photo_root', 'select') then
        return (select photo_root from memoria.events where id = event);
    end if;
    return null;
end
$$;

-- As in 0002; and what was deleted is nobody's any more, whatever of it is still there.
create or replace function memoria.my_events(variadic roles text[]) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select m.event_id
    from memoria.event_members m
    join memoria.events e on e.id = m.event_id and e.status <> 'deleted'
    where m.user_id = memoria.current_user_id() and m.role = any (roles)
$$;

-- The persons that the asking user is, with those merged into them, where the user is a member.
create function memoria.my_persons() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with recursive mine as (
        select p.event_id, p.id from memoria.face_persons p
        where p.linked_user_id = memoria.current_user_id() and p.event_id in (
            select memoria.my_events('organiser', 'photographer', 'member', 'guest'))
        union
        select p.event_id, p.id from memoria.face_persons p
        join mine m on p.event_id = m.event_id and p.merged_into_id = m.id
    )
    select id from mine
$$;

-- The photos that the asking user is tagged on, in the events of which the user is a guest. A
-- definer's, because media_tags asks for faces, those for media, and media would ask for media_tags.
create function memoria.my_tagged_photos() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select t.media_id from memoria.media_tags t
    where t.tagged_user_id = memoria.current_user_id()
        and t.event_id in (select memoria.my_events('guest'))
$$;

-- What the sensor asks first: whether anybody has decided anything.
grant select on sequence memoria.decisions_seq_seq to memoria_service;

-- One decision is about a few people, and the log grows with all of them. What is connected with
-- these faces, persons and decisions, through whatever names them, through merges and through what
-- the machine says, folds by itself as it does within the whole log: nothing else names any of it.
-- Ids only: what is in the log, row level security lets its reader see. A definer's, because no
-- index helps with overlaps (&&) behind a policy.
create index decisions_faces on memoria.decisions using gin (face_ids);
create index decisions_persons on memoria.decisions using gin (person_ids)
    where person_ids <> '{}';
create index decisions_person on memoria.decisions (event_id, person_id);
create index decisions_other_person on memoria.decisions (event_id, other_person_id)
    where other_person_id is not null;
create index decisions_supersedes on memoria.decisions (supersedes) where supersedes is not null;

create function memoria.decisions_about(event uuid, faces uuid[], persons uuid[], named uuid[])
returns setof uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    seen_faces uuid[] := '{}';
    seen_persons uuid[] := '{}';
    seen uuid[] := '{}';
    fresh uuid[];
begin
    if current_setting('role') = 'authenticated'
        and event not in (select memoria.my_events('organiser')) then
        return;
    end if;
    loop
        persons := array(
            with recursive led as (
                select unnest(persons) as id
                union
                select who.id from memoria.faces f,
                    lateral (values (f.machine_person_id), (f.face_person_id)) as who (id)
                where f.event_id = event and f.id = any (faces)
                union
                select near.id from led, lateral (
                    select p.merged_into_id as id from memoria.face_persons p
                    where p.event_id = event and p.id = led.id
                    union all
                    select p.id from memoria.face_persons p
                    where p.event_id = event and p.merged_into_id = led.id
                ) near
            )
            select id from led where id is not null except select unnest(seen_persons));
        faces := array(
            (select unnest(faces)
                union
                select f.id from memoria.faces f
                where f.event_id = event and f.machine_person_id = any (persons) and f.human_touched
                union
                select f.id from memoria.faces f
                where f.event_id = event and f.face_person_id = any (persons) and f.human_touched)
            except select unnest(seen_faces));
        fresh := array(
            (select d.id from memoria.decisions d where d.event_id = event and d.face_ids && faces
                union
                select d.id from memoria.decisions d
                where d.event_id = event and d.person_id = any (persons)
                union
                select d.id from memoria.decisions d
                where d.event_id = event and d.other_person_id = any (persons)
                union
                select d.id from memoria.decisions d
                where d.event_id = event and d.person_ids && persons and d.person_ids <> '{}'
                union
                select d.id from memoria.decisions d
                where d.event_id = event and d.id = any (named)
                union
                select d.id from memoria.decisions d
                where d.event_id = event and d.supersedes = any (named))
            except select unnest(seen));
        exit when fresh = '{}';
        seen_faces := seen_faces || faces;
        seen_persons := seen_persons || persons;
        seen := seen || fresh;
        faces := array(
            select unnest(d.face_ids) from memoria.decisions d where d.id = any (fresh)
            except select unnest(seen_faces));
        persons := array(
            select unnest(d.person_ids || d.person_id || d.other_person_id)
            from memoria.decisions d where d.id = any (fresh)
            except select unnest(seen_persons));
        named := array(
            select d.supersedes from memoria.decisions d
            where d.id = any (fresh) and d.supersedes is not null) || fresh;
    end loop;
    return query select unnest(seen);
end
$$;

revoke execute on function memoria.user_of_address(text) from public;
revoke execute on function memoria.hold_address(text) from public;
revoke execute on function memoria.decisions_about(uuid, uuid[], uuid[], uuid[]) from public;
revoke execute on function memoria.deciding() from public;
revoke execute on function memoria.lock_event(uuid) from public;
revoke execute on function memoria.photo_root_of(uuid) from public;
revoke execute on function memoria.my_persons() from public;
revoke execute on function memoria.my_tagged_photos() from public;
grant execute on function memoria.user_of_address(text) to memoria_service;
grant execute on function memoria.deciding() to authenticated, memoria_service;
grant execute on function memoria.lock_event(uuid) to authenticated, memoria_service;
grant execute on function memoria.photo_root_of(uuid) to authenticated, memoria_service;
grant execute on function memoria.decisions_about(uuid, uuid[], uuid[], uuid[])
    to authenticated, memoria_service;
grant execute on function memoria.my_persons() to authenticated, memoria_service;
grant execute on function memoria.my_tagged_photos() to authenticated, memoria_service;
grant execute on function memoria.refresh_person_counts(uuid, uuid[]) to authenticated;

create function memoria.media_tags_untagged() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        delete from memoria.untagged where media_id = new.media_id and user_id = new.tagged_user_id;
        return null;
    end if;
    if current_setting('role') = 'authenticated'
        and old.event_id not in (select memoria.deciding())
        and exists (select from memoria.media where event_id = old.event_id and id = old.media_id)
        and (old.source = 'face_clustering' or exists (
            select from memoria.faces f
            join memoria.face_persons p on p.event_id = f.event_id and p.id = f.face_person_id
            where f.event_id = old.event_id and f.media_id = old.media_id
                and f.verdict = 'person' and p.linked_user_id = old.tagged_user_id))
    then
        insert into memoria.untagged (event_id, media_id, user_id)
        values (old.event_id, old.media_id, old.tagged_user_id)
        on conflict do nothing;
    end if;
    return null;
end
$$;

create trigger media_tags_untagged after delete on memoria.media_tags
    for each row execute function memoria.media_tags_untagged();
create trigger media_tags_tagged after insert on memoria.media_tags
    for each row when (new.source = 'manual')
    execute function memoria.media_tags_untagged();

-- WHAT PEOPLE MAY WRITE, and see. A sub-select in a policy runs once per statement, not per row.
grant update (name, code, face_recognition_enabled, starts_at, ends_at, retention_days, updated_at)
    on memoria.events to authenticated;
create policy organiser_updates on memoria.events for update to authenticated
    using (id in (select memoria.my_events('organiser')))
    with check (id in (select memoria.my_events('organiser')));

grant insert (event_id, user_id, role, display_name, email), update (role, display_name), delete
    on memoria.event_members to authenticated;
create policy organiser_inserts on memoria.event_members for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser')));
-- nobody leaves an event without an organiser
create policy organiser_updates on memoria.event_members for update to authenticated
    using (event_id in (select memoria.my_events('organiser')))
    with check (event_id in (select memoria.my_events('organiser'))
        and (role = 'organiser' or user_id <> (select memoria.current_user_id())));
create policy organiser_deletes on memoria.event_members for delete to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        and user_id <> (select memoria.current_user_id()));

grant insert (id, event_id, storage_key, byte_size, etag, modified_at) on memoria.media
    to authenticated;
-- a key that leads out of the event's folder would be read from there
create policy photographer_inserts on memoria.media for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser', 'photographer'))
        and storage_key !~ '(^|/)\.\.?(/|$)|^/|\\|://|[[:cntrl:]]');

drop policy members_read on memoria.media;
create policy members_read on memoria.media for select to authenticated
    using (event_id in (select memoria.my_events('organiser', 'photographer', 'member'))
        or id in (select memoria.my_tagged_photos()));

grant select (erased_at) on memoria.faces to authenticated;
grant update (face_person_id, machine_person_id, probability, margin, evidence, verdict,
    not_person_ids, human_touched) on memoria.faces to authenticated;
create policy organiser_decides on memoria.faces for update to authenticated
    using (event_id in (select memoria.my_events('organiser')))
    with check (event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding()));
-- A guest's or a member's own faces, and only in photos that they see.
drop policy own_or_organiser_reads on memoria.faces;
create policy own_or_organiser_reads on memoria.faces for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (face_person_id in (select memoria.my_persons())
            and exists (select from memoria.media m
                where m.event_id = faces.event_id and m.id = faces.media_id)));

grant insert (id, event_id, status, linked_user_id, invitation_email, merged_into_id, human_touched,
        metadata),
    update (status, linked_user_id, invitation_email, merged_into_id, human_touched, metadata,
        version, updated_at, representative_face_id),
    delete on memoria.face_persons to authenticated;
create policy organiser_inserts on memoria.face_persons for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding()));
create policy organiser_decides on memoria.face_persons for update to authenticated
    using (event_id in (select memoria.my_events('organiser')))
    with check (event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding()));
create policy organiser_deletes on memoria.face_persons for delete to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding()));
drop policy linked_or_organiser_reads on memoria.face_persons;
create policy linked_or_organiser_reads on memoria.face_persons for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (linked_user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer', 'member'))));

-- In one's own name; or what was so before anybody decided (found_so), if it is so.
grant insert (id, event_id, kind, actor_id, face_ids, rest_face_ids, person_id, other_person_id,
    person_ids, media_id, subject_user_id, details, reason, supersedes, affected_face_ids,
    affected_person_ids, before) on memoria.decisions to authenticated;
create policy organiser_decides on memoria.decisions for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser'))
        and (actor_id = (select memoria.current_user_id())
            or (actor_id = '00000000-0000-0000-0000-000000000000' and reason = 'found so'
                and face_ids = '{}' and rest_face_ids = '{}' and person_ids = '{}'
                and affected_face_ids = '{}' and affected_person_ids = '{}'
                and other_person_id is null and media_id is null and supersedes is null
                and exists (select from memoria.face_persons p
                    where p.event_id = decisions.event_id and p.id = decisions.person_id
                        and p.status = case decisions.kind when 'assign' then 'linked'
                            when 'invite' then 'invited' when 'ignore' then 'ignored' end
                        and p.linked_user_id is not distinct from decisions.subject_user_id
                        and coalesce(p.invitation_email, '')
                            = coalesce(decisions.details ->> 'email', '')))));

grant select on memoria.erased_persons to authenticated;
create policy organiser_reads on memoria.erased_persons for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));

-- A tag by a face needs a decision, and a face that a human said to be the member's. A tag by hand
-- is in one's own name: organisers and photographers tag anyone, members themselves.
grant insert (id, event_id, media_id, tagged_user_id, tagged_by_user_id, source, bbox, face_id),
    update (tagged_by_user_id, bbox, face_id), delete on memoria.media_tags to authenticated;
create policy organiser_tags_by_faces on memoria.media_tags for insert to authenticated
    with check (source = 'face_clustering'
        and event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding())
        and exists (select from memoria.faces f
            join memoria.face_persons p on p.event_id = f.event_id and p.id = f.face_person_id
            where f.event_id = media_tags.event_id and f.id = media_tags.face_id
                and f.verdict = 'person' and p.linked_user_id = media_tags.tagged_user_id));
create policy members_tag_by_hand on memoria.media_tags for insert to authenticated
    with check (source = 'manual' and tagged_by_user_id = (select memoria.current_user_id())
        and (event_id in (select memoria.my_events('organiser', 'photographer'))
            or (tagged_user_id = tagged_by_user_id
                and event_id in (select memoria.my_events('member')))));
create policy organiser_decides on memoria.media_tags for update to authenticated
    using (source = 'face_clustering' and event_id in (select memoria.my_events('organiser')))
    with check (source = 'face_clustering'
        and event_id in (select memoria.my_events('organiser'))
        and event_id in (select memoria.deciding()));
create policy tagged_or_organiser_deletes on memoria.media_tags for delete to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (tagged_user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer', 'member', 'guest')))
        or (source = 'manual' and tagged_by_user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer'))));
drop policy tagged_or_organiser_reads on memoria.media_tags;
create policy tagged_or_organiser_reads on memoria.media_tags for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (tagged_user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer', 'member', 'guest')))
        or (tagged_by_user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer'))));

grant select on memoria.untagged to authenticated;
create policy tagged_or_organiser_reads on memoria.untagged for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or (user_id = (select memoria.current_user_id())
            and event_id in (select memoria.my_events('photographer', 'member', 'guest'))));

grant insert (job_type, event_id, media_ids, priority) on memoria.ml_jobs to authenticated;
create policy photographer_asks on memoria.ml_jobs for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser', 'photographer'))
        and status = 'pending' and job_type in ('detect', 'cluster'));
drop policy organiser_reads on memoria.ml_jobs;
create policy photographer_reads on memoria.ml_jobs for select to authenticated
    using (event_id in (select memoria.my_events('organiser', 'photographer')));

grant insert (event_id, user_id, purpose, given, text_version, language, recorded_by)
    on memoria.consents to authenticated;
create policy own_inserts on memoria.consents for insert to authenticated
    with check (user_id = (select memoria.current_user_id())
        and recorded_by = (select memoria.current_user_id())
        and event_id in (select memoria.my_events('organiser', 'photographer', 'member', 'guest'))
        and (purpose <> 'grouping' or event_id in (select memoria.my_events('organiser'))));

grant select (id, event_id, person_id, email, invited_by, message, media_ids, language, created_at,
        expires_at, sent_at, used_at, used_by),
    insert (id, event_id, person_id, email, invited_by, message, media_ids, language, expires_at,
        sent_at),
    update (expires_at, sent_at) on memoria.invitations to authenticated;
create policy organiser_reads on memoria.invitations for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy organiser_inserts on memoria.invitations for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser'))
        and invited_by = (select memoria.current_user_id())
        and exists (select from memoria.face_persons p
            where p.event_id = invitations.event_id and p.id = invitations.person_id));
create policy organiser_updates on memoria.invitations for update to authenticated
    using (event_id in (select memoria.my_events('organiser')))
    with check (event_id in (select memoria.my_events('organiser')));

-- Servers (no user) keep theirs under the id of nobody, as the bare login.
grant select, insert (user_id, key, fingerprint, status, body), update (status, body)
    on memoria.idempotency to authenticated, memoria_api;
create policy own on memoria.idempotency to authenticated
    using (user_id = (select memoria.current_user_id()))
    with check (user_id = (select memoria.current_user_id()));
create policy servers on memoria.idempotency to memoria_api
    using (user_id = '00000000-0000-0000-0000-000000000000')
    with check (user_id = '00000000-0000-0000-0000-000000000000');

grant select, update (answered_at, answer, decision_id, skipped_at) on memoria.questions
    to authenticated;
create policy organiser_reads on memoria.questions for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy organiser_answers on memoria.questions for update to authenticated
    using (event_id in (select memoria.my_events('organiser')))
    with check (event_id in (select memoria.my_events('organiser')));

grant select on memoria.forecasts to authenticated;
create policy organiser_reads on memoria.forecasts for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));

grant select, insert (id, run_id, event_id, answer, by_user) on memoria.run_answers to authenticated;
create policy organiser_reads on memoria.run_answers for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy organiser_answers on memoria.run_answers for insert to authenticated
    with check (event_id in (select memoria.my_events('organiser'))
        and by_user = (select memoria.current_user_id())
        and exists (select from memoria.cluster_runs r
            where r.id = run_answers.run_id and r.event_id = run_answers.event_id));

-- PURGING. As in 0013, and besides: what the review knows of the user and of those persons.
alter function memoria.purge_face_data_for_user(uuid, uuid) rename to purge_faces_of_user;
revoke execute on function memoria.purge_faces_of_user(uuid, uuid) from public, memoria_service;

create function memoria.purge_face_data_for_user("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    done jsonb;
    address text;
begin
    done := memoria.purge_faces_of_user("user", event);
    select m.email into address from memoria.event_members m
    where m.event_id = event and m.user_id = "user";
    delete from memoria.untagged u where u.event_id = event and u.user_id = "user";
    delete from memoria.invitations i
    where i.event_id = event and (i.used_by = "user" or i.email = address or i.person_id in (
        select e.person_id from memoria.erased_persons e where e.event_id = event));
    delete from memoria.questions q
    where q.event_id = event and (q.detail ->> 'user_id' = "user"::text
        or q.persons && array(
            select e.person_id from memoria.erased_persons e where e.event_id = event)
        or exists (select from unnest(q.faces) as one (id) where not exists (
            select from memoria.faces f where f.event_id = event and f.id = one.id)));
    -- That a request was answered stays known; what the answer said does not.
    update memoria.idempotency i set body = null
    where i.body is not null and (i.user_id = "user" or strpos(i.body::text, "user"::text) > 0
        or strpos(lower(i.body::text), to_json(address)::text) > 0);
    if not exists (select from memoria.event_members m
            where m.user_id = "user" and m.event_id <> event) then
        delete from memoria.sessions s where s.user_id = "user";
        delete from memoria.links l where l.user_id = "user";
    end if;
    return done;
end
$$;

create function memoria.purge_for_caller("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if "user" is distinct from memoria.current_user_id()
        and not coalesce(event in (select memoria.my_events('organiser')), false) then
        raise exception 'event %: only its organisers, and the user, may erase a user', event
            using errcode = 'insufficient_privilege';
    end if;
    return memoria.purge_face_data_for_user("user", event);
end
$$;

revoke execute on function memoria.purge_face_data_for_user(uuid, uuid) from public;
revoke execute on function memoria.purge_for_caller(uuid, uuid) from public;
grant execute on function memoria.purge_face_data_for_user(uuid, uuid) to memoria_service;
grant execute on function memoria.purge_for_caller(uuid, uuid) to authenticated, memoria_service;

-- WHAT THE SERVER ASKS AS ITSELF, before it knows who asks or where RLS has shown the row already.
create function memoria.api_start_session("user" uuid, token_hash bytea, csrf text, seconds integer)
returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from memoria.sessions s where s.expires_at < now();
    insert into memoria.sessions (user_id, token_hash, csrf, expires_at)
    values ("user", token_hash, csrf, now() + make_interval(secs => least(seconds, 7776000)));
$$;

create function memoria.api_session(token_hash bytea)
returns table (user_id uuid, csrf text, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select s.user_id, s.csrf, s.expires_at from memoria.sessions s
    where s.token_hash = api_session.token_hash and s.expires_at > now()
$$;

create function memoria.api_end_session(token_hash bytea) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from memoria.sessions s where s.token_hash = api_end_session.token_hash
$$;

create function memoria.api_link_for(email text, token_hash bytea, seconds integer) returns uuid
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from memoria.links l where l.expires_at < now() - interval '1 day';
    insert into memoria.links (user_id, token_hash, expires_at)
    select one, token_hash, now() + make_interval(secs => least(seconds, 86400))
    from memoria.user_of_address(email) as one
    where one is not null
    returning user_id;
$$;

create function memoria.api_use_link(token_hash bytea) returns table (user_id uuid, event_id uuid)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update memoria.links l set used_at = now()
    where l.token_hash = api_use_link.token_hash and l.used_at is null and l.expires_at > now()
    returning l.user_id, l.event_id
$$;

-- The link is the server's to make: who knew it, and wrote the address, would be that user.
create function memoria.api_arm_invitation(invitation uuid, token_hash bytea) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    update memoria.invitations i set token_hash = api_arm_invitation.token_hash
    where i.id = invitation and i.token_hash is null and i.used_at is null and i.expires_at > now()
$$;

create function memoria.api_invitation(token_hash bytea) returns table (id uuid, event_id uuid,
    event_name text, person_id uuid, invited_by uuid, message text, media_ids uuid[], language text,
    expires_at timestamptz, used_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select i.id, i.event_id, e.name, i.person_id, i.invited_by, i.message, i.media_ids, i.language,
        i.expires_at, i.used_at
    from memoria.invitations i
    join memoria.events e on e.id = i.event_id and e.status = 'active'
    where i.token_hash = api_invitation.token_hash
$$;

-- Whoever holds the link has the mail of that address: that user, else a new one. But a mail is
-- forwarded, and its link is good for weeks: who has more than this event as a guest is `known`, and
-- is signed in by a link that was asked for.
create function memoria.api_accept_invitation(token_hash bytea, user_name text)
returns table (user_id uuid, event_id uuid, person_id uuid, invited_by uuid, known boolean,
    email text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    taken record;
    who uuid;
    more boolean;
begin
    select i.* into taken from memoria.invitations i
    join memoria.events e on e.id = i.event_id and e.status = 'active'
    where i.token_hash = api_accept_invitation.token_hash and i.used_at is null
        and i.expires_at > now()
    for update of i;
    if not found then
        return;
    end if;
    perform memoria.hold_address(taken.email);
    who := coalesce(memoria.user_of_address(taken.email), gen_random_uuid());
    more := exists (select from memoria.event_members m where m.user_id = who
        and (m.event_id <> taken.event_id or m.role <> 'guest'));
    update memoria.invitations i set used_at = now(), used_by = who where i.id = taken.id;
    insert into memoria.event_members as m (event_id, user_id, role, display_name, email)
    values (taken.event_id, who, 'guest', nullif(btrim(user_name), ''), taken.email)
    on conflict (event_id, user_id) do update
    set display_name = coalesce(m.display_name, excluded.display_name),
        email = coalesce(m.email, excluded.email);
    return query select who, taken.event_id, taken.person_id, taken.invited_by, more, taken.email;
end
$$;

create function memoria.api_photo_source(event uuid, media uuid)
returns table (photo_root text, storage_key text, etag text, status text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.photo_root, m.storage_key, m.etag, m.status
    from memoria.media m join memoria.events e on e.id = m.event_id and e.status <> 'deleted'
    where m.event_id = event and m.id = media
$$;

-- Where an upload goes: RLS has shown the event to the caller, and takes the rows or not.
create function memoria.api_photo_root(event uuid) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.photo_root from memoria.events e where e.id = event and e.status = 'active'
$$;

create function memoria.api_face_source(event uuid, face uuid)
returns table (photo_root text, storage_key text, etag text, bbox jsonb, media_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.photo_root, m.storage_key, m.etag, f.bbox, m.id
    from memoria.faces f
    join memoria.media m on m.event_id = f.event_id and m.id = f.media_id
    join memoria.events e on e.id = f.event_id and e.status <> 'deleted'
    where f.event_id = event and f.id = face
$$;

create function memoria.api_may_analyse(event uuid)
returns table ("exists" boolean, allowed boolean, face_model text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.id is not null, coalesce(e.status = 'active' and e.face_recognition_enabled, false),
        e.face_model
    from (select event as id) asked
    left join memoria.events e on e.id = asked.id and e.status <> 'deleted'
$$;

create function memoria.api_enqueue(job_type text, event uuid, media_ids uuid[], priority text)
returns setof memoria.ml_jobs
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into memoria.ml_jobs (job_type, event_id, media_ids, priority)
    select job_type, e.id, coalesce(media_ids, '{}'), coalesce(priority, 'normal')
    from memoria.events e where e.id = event and e.status <> 'deleted'
    returning *
$$;

create function memoria.api_job(job uuid) returns setof memoria.ml_jobs
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select * from memoria.ml_jobs where id = job
$$;

create function memoria.api_clusters(event uuid) returns table (cluster_label integer,
    face_count bigint, representative_face_id uuid, avg_quality double precision)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.cluster_label, (p.metadata ->> 'face_count')::bigint, p.representative_face_id,
        (p.metadata ->> 'avg_quality')::double precision
    from memoria.face_persons p
    where p.event_id = event and p.status not in ('merged', 'ignored')
        and coalesce((p.metadata ->> 'face_count')::bigint, 0) > 0
    order by p.cluster_label nulls last, p.id
$$;

-- All faces of the event, and those that are nobody's.
create function memoria.api_face_counts(event uuid) returns table (total bigint, noise bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*), count(*) filter (where face_person_id is null)
    from memoria.faces where event_id = event
$$;

-- A worker's outcome, of a job that no claim of ours holds. The same twice is true twice.
create function memoria.api_finish_job(job uuid, status text, error text, result jsonb)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update memoria.ml_jobs j
    set status = api_finish_job.status, error = api_finish_job.error,
        result = api_finish_job.result
    where j.id = job and j.status in ('pending', 'processing') and j.claim_token is null
        and api_finish_job.status in ('completed', 'failed');
    return found or exists (
        select from memoria.ml_jobs j where j.id = job and j.status = api_finish_job.status
            and j.status in ('completed', 'failed') and j.claim_token is null);
end
$$;

create function memoria.api_create_event("user" uuid, name text, code text, consent boolean,
    text_version text, language text, photo_root text)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made uuid;
begin
    insert into memoria.events (name, code, face_recognition_enabled, photo_root)
    values (name, nullif(btrim(code), ''), coalesce(consent, false), nullif(photo_root, ''))
    returning id into made;
    insert into memoria.event_members (event_id, user_id, role, display_name, email)
    select made, "user", 'organiser', known.display_name, known.email
    from (select "user" as id) one
    left join lateral (
        select m.display_name, m.email from memoria.event_members m
        where m.user_id = one.id order by m.email is null, m.created_at limit 1) known on true;
    if coalesce(consent, false) then
        insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,
            recorded_by)
        values (made, "user", 'grouping', true, text_version, language, "user");
    end if;
    return made;
end
$$;

do $$
declare
    each record;
begin
    for each in select p.oid::regprocedure as name from pg_proc p
        where p.pronamespace = 'memoria'::regnamespace and p.proname like 'api\_%' loop
        execute format('revoke execute on function %s from public', each.name);
        execute format('grant execute on function %s to memoria_api, memoria_service', each.name);
    end loop;
end
$$;

insert into memoria.migrations (name) values ('0018_review');
