-- Erased is erased: requests, what they take away, and what keeps it away.
--
-- An erasure has one row in `erasures` (counts and times, never the subject) and, while it is under
-- way, one in `erasure_requests` (the subject). The rows go in one transaction, which raises the
-- event's epoch: whoever read before it may not write after it. Files, bytes and the receipt are
-- the pipeline's, which ends with finish_erasure.

do $$
begin
    if not exists (select from pg_roles where rolname = 'memoria_erasure') then
        begin
            create role memoria_erasure nologin;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception 'role memoria_erasure is missing and % may not create it', current_user
                    using hint = 'ask an administrator to run: create role memoria_erasure nologin',
                          errcode = 'insufficient_privilege';
        end;
    end if;
    if not pg_has_role(current_user, 'memoria_erasure', 'usage') then
        begin
            execute format('grant memoria_erasure to %I', current_user);
        exception when insufficient_privilege then
            raise exception '% is no member of memoria_erasure and may not become one', current_user
                using hint = format('ask an administrator to run: grant memoria_erasure to %I',
                          current_user),
                      errcode = 'insufficient_privilege';
        end;
    end if;
end
$$;

alter table memoria.events
    add column epoch bigint not null default 0,
    add column keep_tombstones boolean not null default true,
    add column erased_at timestamptz;

comment on column memoria.events.epoch is
    'Grows with each erasure: what was read before one is not written after it.';
comment on column memoria.events.keep_tombstones is
    'Whether boxes of erased faces are kept, so that a photo that comes again brings nobody back.';

comment on column memoria.events.erased_at is 'Nothing of it is left but this row, for good.';

grant select (epoch, keep_tombstones, erased_at) on memoria.events to authenticated;
grant update (keep_tombstones) on memoria.events to authenticated;

alter table memoria.erasures
    drop constraint erasures_scope_check,
    add constraint erasures_scope_check
        check (scope in ('person', 'photos', 'archive', 'event')),
    add column source text not null default 'sql'
        check (source in ('page', 'api', 'cli', 'job', 'sql', 'schedule')),
    add column reason text not null default 'request'
        check (reason in ('request', 'withdrawn', 'retention', 'archived', 'restored')),
    add column due_at timestamptz not null default now() + interval '1 day',
    add column rows_at timestamptz,
    add column counts jsonb not null default '{}' check (jsonb_typeof(counts) = 'object'),
    add column attempts integer not null default 0 check (attempts >= 0),
    add column error text,
    add column signature text,
    add column key_id text,
    -- those of before there were keys stay as they are
    add constraint erasures_completed_is_signed
        check (status <> 'completed' or signature is not null) not valid;

comment on table memoria.erasures is 'What was erased, without saying whom; for good once completed.';
comment on column memoria.erasures.rows_at is 'When the rows were gone; the rest is under way.';
comment on column memoria.erasures.error is 'The class of the last failure.';
comment on column memoria.erasures.subject_hash is 'Keyed: tells only who knows the key and whom to ask for.';

create index erasures_event on memoria.erasures (event_id);

create table memoria.erasure_requests (
    id uuid primary key references memoria.erasures (id) on delete cascade,
    event_id uuid,
    user_id uuid,
    person_ids uuid[] not null default '{}',
    face_ids uuid[] not null default '{}',
    media_ids uuid[] not null default '{}',
    emails text[] not null default '{}',
    kept boolean not null default false,
    photo_root text,
    requested_by uuid
);

comment on table memoria.erasure_requests is 'Whom an erasure is about, only while it is under way.';
comment on column memoria.erasure_requests.photo_root is
    'Of an event that is erased: where its photos were, for whoever removes them.';
comment on column memoria.erasure_requests.kept is
    'The user runs the event and stays its organiser or photographer.';

create index erasure_requests_subject on memoria.erasure_requests (event_id, user_id);

create table memoria.tombstones (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    media_id uuid,
    sha256 text,
    bbox jsonb not null,
    erasure_id uuid not null
);

comment on table memoria.tombstones is
    'Boxes of erased faces: no template. A face found there again is left out.';

create index tombstones_media on memoria.tombstones (event_id, media_id);
create index tombstones_bytes on memoria.tombstones (event_id, sha256) where sha256 is not null;
create index tombstones_erasure on memoria.tombstones (erasure_id);

do $$
declare
    relation text;
begin
    foreach relation in array array['erasure_requests', 'tombstones'] loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('grant select, insert, update, delete on memoria.%I to memoria_service',
            relation);
    end loop;
end
$$;

-- WHO MAY. The log of decisions is changed by the hand of memoria_erasure alone (0006).
grant usage on schema memoria to memoria_erasure;
grant select, update, delete on memoria.decisions to memoria_erasure;
create policy erasure on memoria.decisions to memoria_erasure using (true) with check (true);

-- What is completed stays as it is, whoever asks.
create function memoria.erasures_append_only() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'TRUNCATE' or old.status = 'completed' then
        raise exception 'erasures: what is completed is not changed; % refused', lower(tg_op)
            using errcode = 'insufficient_privilege';
    end if;
    return coalesce(new, old);
end
$$;

create trigger erasures_append_only before update or delete on memoria.erasures
    for each row execute function memoria.erasures_append_only();
create trigger erasures_not_truncated before truncate on memoria.erasures
    for each statement execute function memoria.erasures_append_only();

-- To ask for an erasure opens nothing; erase_rows opens what it takes, and shuts it again.
drop trigger erasures_open on memoria.erasures;
drop trigger erasures_shut on memoria.erasures;
drop function memoria.erasures_open();

-- WHAT KEEPS IT AWAY. Of an event that is erased nothing is written any more; nor is anything of a
-- user, or to an address, whose rows are gone while the erasure is under way: what was in flight
-- would come after it. To read the event's row so is to wait for an erasure that holds it.
create function memoria.stays_erased() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gone timestamptz;
    made jsonb;
begin
    if new.event_id is null then
        return new;
    end if;
    select e.erased_at into gone from memoria.events e where e.id = new.event_id for key share;
    if gone is not null then
        raise exception 'event %: it was erased, for good', new.event_id
            using errcode = 'insufficient_privilege';
    end if;
    if tg_nargs > 0 and exists (select from memoria.erasure_requests r
            where r.event_id = new.event_id) then
        made := to_jsonb(new);
        made := made || coalesce(made -> 'details', '{}');
        if exists (select from memoria.erasure_requests r join memoria.erasures e on e.id = r.id
                cross join unnest(tg_argv) as named (name)
                where r.event_id = new.event_id and e.rows_at is not null and not r.kept
                    and (made ->> named.name = r.user_id::text
                        or lower(made ->> named.name) = any (r.emails))) then
            raise exception 'event %: whom this is about is being erased', new.event_id
                using hint = 'try again once the erasure is completed',
                      errcode = 'insufficient_privilege';
        end if;
    end if;
    return new;
end
$$;

do $$
declare
    each record;
begin
    for each in select * from (values
        ('media', ''), ('cluster_runs', ''), ('comparisons', ''),
        ('questions', ''), ('forecasts', ''), ('ml_jobs', ''),
        ('run_answers', ''), ('uploads', ''), ('watched', ''), ('moves', ''), ('backfills', ''),
        ('links', ''), ('tombstones', ''),
        ('event_members', 'user_id, email'), ('consents', 'user_id'), ('untagged', 'user_id'),
        ('media_tags', 'tagged_user_id'), ('decisions', 'subject_user_id, email'),
        ('invitations', 'email, used_by'), ('face_persons', 'linked_user_id, invitation_email')
    ) as those (relation, columns) loop
        execute format('create trigger stays_erased before insert%s on memoria.%I '
            'for each row execute function memoria.stays_erased(%s)',
            case when each.relation in ('event_members', 'invitations', 'face_persons')
                then ' or update of ' || each.columns else '' end, each.relation,
            (select coalesce(string_agg(quote_literal(btrim(one)), ', '), '')
             from unnest(string_to_array(nullif(each.columns, ''), ',')) as one));
    end loop;
end
$$;

-- The log names nobody again who was erased from it, whoever writes into it.
create function memoria.decisions_stay_erased() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.erased_persons p where p.event_id = new.event_id
            and p.person_id = any (array[new.person_id, new.other_person_id]
                || new.person_ids || new.affected_person_ids)) then
        raise exception 'event %: a person of this decision was erased, for good', new.event_id
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger decisions_stay_erased before insert on memoria.decisions
    for each row execute function memoria.decisions_stay_erased();

-- How much two boxes {x, y, w, h} overlap: intersection over union.
create function memoria.overlap(one jsonb, other jsonb) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select common / nullif(a.w * a.h + b.w * b.h - common, 0)
    from jsonb_to_record(one) as a (x float8, y float8, w float8, h float8),
        jsonb_to_record(other) as b (x float8, y float8, w float8, h float8),
        lateral (select greatest(least(a.x + a.w, b.x + b.w) - greatest(a.x, b.x), 0)
            * greatest(least(a.y + a.h, b.y + b.h) - greatest(a.y, b.y), 0) as common) as shared
$$;

-- A face where an erased one was is left out without a word: the application that found it goes on
-- with the others. Whoever matched boxes one to one has left it out already, knows better which of
-- two faces it was, and says so (memoria.tombstones_seen).
create function memoria.faces_stay_buried() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if memoria.buried(new.event_id, new.media_id, new.bbox) then
        return null;
    end if;
    return new;
end
$$;

create trigger faces_stay_buried before insert on memoria.faces
    for each row when (current_setting('memoria.tombstones_seen', true) is distinct from 'on')
    execute function memoria.faces_stay_buried();
create trigger faces_stay_buried before insert on memoria.faces_beside
    for each row when (current_setting('memoria.tombstones_seen', true) is distinct from 'on')
    execute function memoria.faces_stay_buried();

create function memoria.buried(event uuid, photo uuid, box jsonb) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (select from memoria.tombstones t
            where t.event_id = event and t.media_id = photo and memoria.overlap(t.bbox, box) >= .35)
        or exists (select from memoria.media m join memoria.tombstones t
            on t.event_id = event and t.sha256 = m.sha256
            where m.event_id = event and m.id = photo and memoria.overlap(t.bbox, box) >= .35)
$$;

-- Whoever keeps no boxes keeps none of before either; those of an erasure that is under way go when
-- it is completed.
create function memoria.events_without_tombstones() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.tombstones t using memoria.erasures e
    where t.event_id = new.id and e.id = t.erasure_id and e.status = 'completed';
    return null;
end
$$;

create trigger events_without_tombstones after update of keep_tombstones on memoria.events
    for each row when (old.keep_tombstones and not new.keep_tombstones)
    execute function memoria.events_without_tombstones();

-- For a server that answers with faces instead of keeping them (/process): the boxes of whom was
-- erased from a photo, or that all of its faces were (closed).
create function memoria.api_tombstones(event uuid, media uuid, sha256 text)
returns table (closed boolean, bbox jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select false, t.bbox from memoria.tombstones t
    where t.event_id = event and (t.media_id = media or t.sha256 = api_tombstones.sha256)
    union all
    select true, null from memoria.media m
    where m.event_id = event and m.faces_erased_at is not null
        and (m.id = media or m.sha256 = api_tombstones.sha256)
$$;

-- A vector is in faces.embedding and nowhere else: what a worker says of a job keeps its counts.
create function memoria.only_counts(said jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when jsonb_typeof(said) = 'object' then (
        select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(said)
        where jsonb_typeof(value) in ('number', 'boolean', 'null')
            or key in ('status', 'cluster_run') and jsonb_typeof(value) = 'string') end
$$;

create function memoria.ml_jobs_hold_no_vector() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.result @? '$.**.embedding' or new.result @? '$.**.landmarks'
        -- by whatever name
        or new.result @? 'strict $.** ? (@.type() == "array" && @.size() >= 64
            && @[0].type() == "number")' then
        new.result := memoria.only_counts(new.result);
    end if;
    return new;
end
$$;

create trigger ml_jobs_hold_no_vector before insert or update of result on memoria.ml_jobs
    for each row execute function memoria.ml_jobs_hold_no_vector();

-- As in 0013, with the locks at once and in order: dropping takes them in the end.
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
    if to_regclass(format('memoria.%I', memoria.partition_name(event))) is not null then
        lock table memoria.media, memoria.face_persons, memoria.faces, memoria.faces_beside
            in access exclusive mode;
    end if;
    perform memoria.drop_beside_partition(event);
    execute format('drop table if exists memoria.%I', memoria.beside_name(event));
    delete from memoria.cluster_proposals where event_id = event;
    update memoria.cluster_runs
    set status = 'held', plan = null, reason = 'the faces of the event went'
    where event_id = event and status = 'proposed';
    delete from memoria.questions where event_id = event;
    delete from memoria.forecasts where event_id = event;
    update memoria.face_persons set representative_face_id = null
    where event_id = event and representative_face_id is not null;
    update memoria.media_tags set face_id = null
    where event_id = event and face_id is not null;
    execute format('drop table if exists memoria.%I', memoria.partition_name(event));
end
$$;

-- As in 0008; and what is left to do (bytes, the receipt) is asked for, whoever archived it.
create or replace function memoria.cleanup_face_embeddings_on_event_archive() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    asked uuid;
    gone bigint;
begin
    if new.erased_at is not null then
        if new.status <> 'deleted' then
            raise exception 'event %: it was erased, for good', new.id
                using errcode = 'insufficient_privilege';
        end if;
        return null;
    end if;
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
        select count(*) into gone from memoria.faces f where f.event_id = new.id;
        perform memoria.drop_event_partition(new.id);
        perform memoria.forget_results(new.id, '{}', '{}');
        update memoria.events set archived_at = now(), epoch = epoch + 1 where id = new.id;
        if not memoria.is_open(new.id) then  -- else erase_rows does it
            asked := memoria.request_erasure('archive', new.id, null, null, null, 'sql', 'archived',
                memoria.current_user_id());
            update memoria.erasures e
            set status = 'running', rows_at = coalesce(e.rows_at, now()),
                counts = memoria.added(e.counts,
                    jsonb_build_object('faces', gone, 'embeddings', gone))
            where e.id = asked;
        end if;
    end if;
    return null;
end
$$;

-- Whether an erasure of this transaction opened all of the event.
create function memoria.is_open(event uuid) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
    select exists (select from memoria.opened
        where transaction = pg_current_xact_id_if_assigned() and event_id = event
            and what = 'event' and id = event)
$$;

create function memoria.added(one jsonb, other jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(key,
        coalesce((one ->> key)::bigint, 0) + coalesce((other ->> key)::bigint, 0)), '{}')
    from (select jsonb_object_keys(one) as key union select jsonb_object_keys(other)) as keys
$$;

-- WHOM A TEXT IS ABOUT: whether one of these ids or addresses (lower case) is in it, and not only
-- as a part of another one.
create function memoria.mentions(said text, ids uuid[], words text[]) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select said is not null and (
        exists (select from unnest(words) as word
            where word <> '' and strpos(lower(said), word) > 0 and lower(said) ~ (
                '(?<![[:alnum:]._%+-])' || regexp_replace(word, '([^[:alnum:]])', '\\\1', 'g')
                || '(?![[:alnum:]-]|\.[[:alnum:]])'))
        or exists (select from regexp_matches(said,
                '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi') as found (id)
            join unnest(ids) as named (id) on named.id = (found.id)[1]::uuid))
$$;

-- Answers and results that name them, and all that hold a face.
create function memoria.forget_results(event uuid, ids uuid[], words text[]) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    jobs integer;
    letters integer;
begin
    update memoria.ml_jobs j
    set result = case when memoria.mentions(j.result::text, ids, words)
                or j.result @? '$.**.embedding' or j.result @? '$.**.bbox'
            then memoria.only_counts(j.result) else j.result end,
        error = case when memoria.mentions(j.error, ids, words) then null else j.error end
    where j.event_id = event and (memoria.mentions(j.result::text, ids, words)
        or j.result @? '$.**.embedding' or j.result @? '$.**.bbox'
        or memoria.mentions(j.error, ids, words));
    get diagnostics jobs = row_count;
    update memoria.callbacks c
    set payload = jsonb_build_object('type', c.payload -> 'type', 'timestamp',
            c.payload -> 'timestamp', 'data', coalesce(memoria.only_counts(c.payload -> 'data'), '{}')
                || jsonb_build_object('job_id', c.job_id, 'event_id', c.event_id, 'result',
                    memoria.only_counts(c.payload #> '{data,result}'))),
        last_error = case when memoria.mentions(c.last_error, ids, words) then null
            else c.last_error end
    where c.event_id = event and (memoria.mentions(c.payload::text, ids, words)
        or c.payload @? '$.**.embedding' or c.payload @? '$.**.bbox'
        or memoria.mentions(c.last_error, ids, words));
    get diagnostics letters = row_count;
    return jobs + letters;
end
$$;

-- THE LOG. Whom it names no more it names no more; what it says of others stands, and folds as it
-- did. Owned by memoria_erasure, see below. A member who was assigned to a person that is somebody
-- else's by now leaves a confirmation of that person's faces, which is what an assignment is
-- without its member.
create function memoria.forget_in_log(event uuid, "user" uuid, faces uuid[], persons uuid[],
    words text[], pseudonym uuid) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    hit uuid[];
    ids uuid[] := persons || "user";
begin
    hit := array(
        select d.id from memoria.decisions d
        where d.event_id = event and ("user" in (d.actor_id, d.subject_user_id)
            or lower(d.details ->> 'email') = any (words) or d.person_id = any (persons)
            or d.other_person_id = any (persons) or memoria.mentions(d.reason, ids, words)
            or exists (select from jsonb_each(d.before -> 'persons') b
                where b.key = any (persons::text[]) or b.value ->> 1 = "user"::text
                    or lower(b.value ->> 2) = any (words) or b.value ->> 3 = any (persons::text[]))
            or exists (select from unnest(d.person_ids || d.affected_person_ids) as one (id)
                join unnest(persons) as gone (id) on gone.id = one.id)
            or exists (select from jsonb_array_elements_text(d.before -> 'made') as one (id)
                where one.id = any (persons::text[])))
        union
        select d.id from memoria.decisions d
        cross join lateral unnest(d.face_ids || d.rest_face_ids || d.affected_face_ids) as one (id)
        join unnest(faces) as gone (id) on gone.id = one.id
        where d.event_id = event
        union
        select d.id from memoria.decisions d
        cross join lateral jsonb_array_elements(d.before -> 'faces') as row
        cross join lateral (select row ->> 0 union all select row ->> 1
            union all select jsonb_array_elements_text(row -> 4)) as one (id)
        join unnest(faces || persons) as gone (id) on gone.id = one.id::uuid
        where d.event_id = event);
    update memoria.decisions d
    set actor_id = case d.actor_id when "user" then pseudonym else d.actor_id end,
        kind = case when about.unsaid then 'confirm' else d.kind end,
        subject_user_id = case when about.them or d.subject_user_id = "user" then null
            else d.subject_user_id end,
        details = case when about.them or lower(d.details ->> 'email') = any (words)
            then d.details - 'email' else d.details end
            || case when about.unsaid then '{"twice": true}' else '{}' end::jsonb,
        reason = case when about.them or memoria.mentions(d.reason, ids, words) then null
            else d.reason end,
        person_id = case when d.person_id = any (persons) then null else d.person_id end,
        other_person_id = case when d.other_person_id = any (persons) then null
            else d.other_person_id end,
        -- the first faces are those of person_ids, one by one
        face_ids = array(
            select f.id from unnest(d.face_ids) with ordinality as f (id, place)
            left join unnest(d.person_ids) with ordinality as p (id, place) on p.place = f.place
            where not exists (select from unnest(faces) as gone (id) where gone.id = f.id)
                and not coalesce(p.id = any (persons), d.kind = 'ignore' and d.person_id = any (persons)
                    and d.person_id is not null)
            order by f.place),
        person_ids = array(
            select p.id from unnest(d.person_ids) with ordinality as p (id, place)
            left join unnest(d.face_ids) with ordinality as f (id, place) on f.place = p.place
            where p.id <> all (persons)
                and not exists (select from unnest(faces) as gone (id) where gone.id = f.id)
            order by p.place),
        rest_face_ids = memoria.less(d.rest_face_ids, faces),
        affected_face_ids = memoria.less(d.affected_face_ids, faces),
        affected_person_ids = memoria.less(d.affected_person_ids, persons),
        before = memoria.forget_before(d.before, "user", faces, persons, words)
    from (
        select o.id, coalesce(o.person_id = any (persons) or o.other_person_id = any (persons)
                or o.person_ids && persons, false) as them,
            coalesce(o.kind in ('assign', 'invite') and o.person_id <> all (persons)
                and (o.subject_user_id = "user" or lower(o.details ->> 'email') = any (words)),
                false) as unsaid
        from memoria.decisions o where o.event_id = event and o.id = any (hit)
    ) as about
    where d.event_id = event and about.id = d.id;
    return cardinality(hit);
end
$$;

create function memoria.less(those uuid[], gone uuid[]) returns uuid[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select array(select t.id from unnest(those) with ordinality as t (id, place)
        where not exists (select from unnest(gone) as g (id) where g.id = t.id) order by t.place)
$$;

-- before: {made: [person], persons: {person: [status, user, email, merged into]},
-- faces: [[face, machine's person, probability, margin, [evidence]]]}.
create function memoria.forget_before(said jsonb, "user" uuid, faces uuid[], persons uuid[],
    words text[]) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select said
        || case when said ? 'made' then jsonb_build_object('made', (
            select coalesce(jsonb_agg(m), '[]') from jsonb_array_elements_text(said -> 'made') as m
            where m <> all (persons::text[]))) else '{}' end
        || case when said ? 'persons' then jsonb_build_object('persons', (
            select coalesce(jsonb_object_agg(key,
                case when value ->> 1 = "user"::text or lower(value ->> 2) = any (words)
                        or value ->> 3 = any (persons::text[])
                    then '["pending", null, null, null]'::jsonb else value end), '{}')
            from jsonb_each(said -> 'persons') where key <> all (persons::text[]))) else '{}' end
        || case when said ? 'faces' then jsonb_build_object('faces', (
            select coalesce(jsonb_agg(jsonb_build_array(f -> 0,
                case when f ->> 1 = any (persons::text[]) then 'null' else f -> 1 end, f -> 2, f -> 3,
                to_jsonb(memoria.less(array(
                    select e::uuid from jsonb_array_elements_text(f -> 4) as e), faces)))
                order by place), '[]')
            from jsonb_array_elements(said -> 'faces') with ordinality as those (f, place)
            where not exists (select from unnest(faces) as gone (id)
                where gone.id = (f ->> 0)::uuid))) else '{}' end
$$;

create function memoria.drop_log(event uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from memoria.decisions where event_id = event
$$;

-- WHAT ELSE. Replaced by whoever has tables of more that is personal (0020, 0021). Called by
-- erase_rows, in its transaction, with the event's row locked.
create function memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select
$$;

-- ASKING. An open request for the same subject, or for more, is returned as it is.
create function memoria.request_erasure(scope text, event uuid, "user" uuid, persons uuid[],
    photos uuid[], source text, reason text, "by" uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made uuid;
begin
    persons := coalesce(persons, '{}');
    photos := coalesce(photos, '{}');
    if scope is null or event is null or scope = 'photos' and photos = '{}'
        or scope = 'person' and "user" is null and persons = '{}' then
        raise exception 'an erasure needs an event, and whom it is about'
            using errcode = 'null_value_not_allowed';
    end if;
    perform from memoria.events e where e.id = event for update;
    select r.id into made
    from memoria.erasure_requests r join memoria.erasures e on e.id = r.id
    where r.event_id = event and e.completed_at is null and e.scope = request_erasure.scope
        and r.user_id is not distinct from "user"
        and r.person_ids @> persons and r.media_ids @> photos
        -- who took a consent back stays a member; who asks to be erased then does not
        and (e.reason <> 'withdrawn' or request_erasure.reason = 'withdrawn')
    order by e.requested_at limit 1;
    if found then
        return made;
    end if;
    insert into memoria.erasures (event_id, scope, source, reason)
    values (event, scope, coalesce(source, 'sql'), coalesce(reason, 'request'))
    returning id into made;
    insert into memoria.erasure_requests (id, event_id, user_id, person_ids, media_ids, requested_by)
    values (made, event, "user", persons, photos, "by");
    return made;
end
$$;

-- Whoever asks for what is about themselves or, as an organiser, about others.
create function memoria.request_for_caller(scope text, event uuid, "user" uuid, persons uuid[],
    source text) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    who uuid := memoria.current_user_id();
begin
    if (scope <> 'person' or "user" is distinct from who or coalesce(persons, '{}') <> '{}')
        and not coalesce(event in (select memoria.my_events('organiser')), false) then
        raise exception 'event %: only its organisers, and the user, may erase a user', event
            using errcode = 'insufficient_privilege';
    end if;
    if scope not in ('person', 'archive', 'event') then
        raise exception 'event %: nobody asks for an erasure of %', event, scope
            using errcode = 'insufficient_privilege';
    end if;
    return memoria.request_erasure(scope, event, "user", persons, null, source, 'request', who);
end
$$;

-- TAKING AWAY, of one person. Whatever is found to be theirs is written into the request, where the
-- recount reads it.
create function memoria.find_subject(request uuid) returns memoria.erasure_requests
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r memoria.erasure_requests;
    found_persons uuid[];
    found_words text[];
begin
    select * into r from memoria.erasure_requests q where q.id = request for update;
    found_words := array(
        select unnest(r.emails)
        union select m.email from memoria.event_members m where m.user_id = r.user_id
        union select i.email from memoria.invitations i
        where i.event_id = r.event_id and i.used_by = r.user_id);
    -- Whoever was asked for may be another's by now: the faces are where it was merged into.
    with recursive meant as (
        select unnest(r.person_ids) as id
        union
        select q.id from meant join memoria.face_persons p on p.id = meant.id
        join memoria.face_persons q on q.event_id = p.event_id and q.id = p.merged_into_id
        where p.event_id = r.event_id
            and (r.user_id is null or coalesce(q.linked_user_id, r.user_id) = r.user_id)
    ), theirs as (
        select p.id from memoria.face_persons p
        where p.event_id = r.event_id and (p.linked_user_id = r.user_id
            or p.id in (select m.id from meant m)
            or lower(btrim(p.invitation_email)) = any (found_words))
        union
        select p.id from memoria.face_persons p join theirs t on p.merged_into_id = t.id
        where p.event_id = r.event_id
    )
    select array(select id from theirs union select unnest(r.person_ids)) into found_persons;
    -- An address that an organiser gave for them, unless it is another member's by now.
    found_words := array(
        select unnest(found_words)
        union select lower(btrim(p.invitation_email)) from memoria.face_persons p
        where p.event_id = r.event_id and p.id = any (found_persons)
            and not exists (select from memoria.event_members m
                where m.email = lower(btrim(p.invitation_email))
                    and m.user_id is distinct from r.user_id));
    update memoria.erasure_requests q
    set person_ids = found_persons, emails = array_remove(found_words, null),
        -- who takes a consent back stays a member as well (GDPR art. 7(3): at no detriment)
        kept = exists (select from memoria.event_members m
            where m.event_id = r.event_id and m.user_id = r.user_id
                and (m.role in ('organiser', 'photographer') or exists (
                    select from memoria.erasures e
                    where e.id = r.id and e.reason = 'withdrawn'))),
        face_ids = array(
            select unnest(q.face_ids)
            union select f.id from memoria.faces f
            where f.event_id = r.event_id and f.face_person_id = any (found_persons)
            union select f.id from memoria.faces f
            where f.event_id = r.event_id and f.verdict = 'ignored'
                and f.machine_person_id = any (found_persons)
            union select f.id from memoria.faces f
            join memoria.media_tags t on t.event_id = r.event_id and t.face_id = f.id
            where f.event_id = r.event_id and t.tagged_user_id = r.user_id)
    where q.id = request
    returning q.* into r;
    return r;
end
$$;

-- Faces go, with what was computed from them. persons: whose they are; those rows go too.
create function memoria.erase_faces(event uuid, faces uuid[], persons uuid[], request uuid)
returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    photos uuid[];
    gone_faces bigint;
    gone_persons bigint;
    graves bigint;
begin
    photos := array(select distinct f.media_id from memoria.faces f
        where f.event_id = event and f.id = any (faces));
    perform from memoria.media m
    where m.event_id = event and m.id = any (photos) order by m.id for update;
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (persons) order by p.id for update;
    insert into memoria.tombstones (event_id, media_id, sha256, bbox, erasure_id)
    select event, f.media_id, m.sha256, f.bbox, request from memoria.faces f
    join memoria.media m on m.event_id = event and m.id = f.media_id
    -- a lost one too: another pack, or the one of before, finds it again
    where f.event_id = event and f.id = any (faces) and m.storage_key !~ '^selfie:'
        and m.faces_erased_at is null;
    get diagnostics graves = row_count;
    delete from memoria.faces f where f.event_id = event and f.id = any (faces);
    get diagnostics gone_faces = row_count;
    update memoria.faces f
    set evidence = memoria.less(f.evidence, faces),
        not_person_ids = memoria.less(f.not_person_ids, persons),
        machine_person_id = case when f.machine_person_id = any (persons) then null
            else f.machine_person_id end
    where f.event_id = event and (f.evidence && faces or f.not_person_ids && persons
        or f.machine_person_id = any (persons));
    delete from memoria.face_persons p where p.event_id = event and p.id = any (persons);
    get diagnostics gone_persons = row_count;
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id and not f.lost)
    where m.event_id = event and m.id = any (photos) and m.faces_found is not null;
    perform memoria.forget_derived(event, faces, persons);
    return jsonb_build_object('persons', gone_persons, 'faces', gone_faces,
        'embeddings', gone_faces, 'tombstones', graves);
end
$$;

-- What was computed from faces that went: dropped, or left without what is theirs. It is computed
-- anew from those that stay.
create function memoria.forget_derived(event uuid, faces uuid[], persons uuid[]) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(faces) + cardinality(persons) = 0 then
        return;
    end if;
    delete from memoria.cluster_proposals c where c.event_id = event;
    update memoria.cluster_runs r
    set measures = case r.status when 'proposed' then '{}'
            else r.measures - array['silhouette', 'cohesion', 'separation'] end,
        status = case r.status when 'proposed' then 'held' else r.status end,
        reason = case r.status when 'proposed' then 'somebody was erased' else r.reason end,
        diff = case r.status when 'proposed' then null else r.diff end, plan = null
    where r.event_id = event;
    delete from memoria.comparisons c where c.event_id = event;
    delete from memoria.questions q where q.event_id = event and (
        exists (select from unnest(q.faces) as one (id)
            join unnest(forget_derived.faces) as gone (id) on gone.id = one.id)
        or exists (select from unnest(q.persons) as one (id)
            join unnest(forget_derived.persons) as gone (id) on gone.id = one.id));
    delete from memoria.forecasts f where f.event_id = event;
    -- Another pack found them too: by the face that it is, or where it has none by its place.
    with gone as (
        delete from memoria.faces_beside b
        where b.event_id = event and (b.face_id in (select unnest(forget_derived.faces))
            or b.face_id is null and memoria.buried(event, b.media_id, b.bbox))
        returning b.media_id
    )
    update memoria.media_beside b set faces_found = b.faces_found - counted.faces
    from (select media_id, count(*) as faces from gone group by media_id) as counted
    where b.event_id = event and b.media_id = counted.media_id;
end
$$;

create function memoria.erase_person(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r memoria.erasure_requests := memoria.find_subject(request);
    done jsonb;
    tags integer;
    said integer;
    invited integer;
    joined integer;
begin
    insert into memoria.erased_persons (event_id, person_id)
    select r.event_id, p.id from memoria.face_persons p
    where p.event_id = r.event_id and p.id = any (r.person_ids) on conflict do nothing;
    delete from memoria.media_tags t
    where t.event_id = r.event_id and (t.tagged_user_id = r.user_id
        -- nobody said which user a person is: what its faces say goes with them
        or r.user_id is null and t.face_id = any (r.face_ids) and t.tagged_user_id in (
            select p.linked_user_id from memoria.face_persons p
            where p.event_id = r.event_id and p.id = any (r.person_ids)));
    get diagnostics tags = row_count;
    delete from memoria.untagged u where u.event_id = r.event_id and u.user_id = r.user_id;
    delete from memoria.links l where l.event_id = r.event_id and l.user_id = r.user_id;
    done := memoria.erase_faces(r.event_id, r.face_ids, r.person_ids, request);
    said := memoria.forget_in_log(r.event_id, r.user_id, r.face_ids, r.person_ids, r.emails, request);
    delete from memoria.invitations i where i.event_id = r.event_id
        and (i.used_by = r.user_id or i.email = any (r.emails) or i.person_id = any (r.person_ids));
    get diagnostics invited = row_count;
    update memoria.invitations i set invited_by = request
    where i.event_id = r.event_id and i.invited_by = r.user_id;
    update memoria.media_tags t set tagged_by_user_id = request
    where t.event_id = r.event_id and t.tagged_by_user_id = r.user_id;
    update memoria.run_answers a set by_user = request
    where a.event_id = r.event_id and a.by_user = r.user_id;
    delete from memoria.questions q where q.event_id = r.event_id
        and memoria.mentions(q.detail::text, r.person_ids || r.user_id, r.emails);
    delete from memoria.event_members m where m.event_id = r.event_id and m.user_id = r.user_id
        and not (select q.kept from memoria.erasure_requests q where q.id = request);
    get diagnostics joined = row_count;
    return done || jsonb_build_object('tags', tags, 'decisions', said, 'invitations', invited,
        'members', joined, 'results', memoria.forget_results(r.event_id,
            r.person_ids || r.face_ids || r.user_id, r.emails),
        'sessions', memoria.forget_user(r.user_id,
            r.person_ids || r.face_ids || r.user_id, r.emails, request));
end
$$;

-- Beyond the event: answers that were kept, and of whom no event knows any more all there is.
create function memoria.forget_user("user" uuid, ids uuid[], words text[], pseudonym uuid)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    signed_in integer;
begin
    -- That a request was answered stays known; what the answer said does not.
    update memoria.idempotency i set body = null
    where i.body is not null
        and (i.user_id = "user" or memoria.mentions(i.body::text, ids, words));
    -- The key is whatever the client wrote, such as the id of whom it decided on.
    delete from memoria.idempotency i where memoria.mentions(i.key, ids, words);
    if exists (select from memoria.event_members m where m.user_id = "user") then
        return 0;
    end if;
    delete from memoria.idempotency i where i.user_id = "user";
    delete from memoria.links l where l.user_id = "user";
    update memoria.consents c
    set user_id = case c.user_id when "user" then pseudonym else c.user_id end,
        recorded_by = case c.recorded_by when "user" then pseudonym else c.recorded_by end
    where c.event_id is null and "user" in (c.user_id, c.recorded_by);
    delete from memoria.sessions s where s.user_id = "user";
    get diagnostics signed_in = row_count;
    return signed_in;
end
$$;

create function memoria.erase_photos(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r memoria.erasure_requests;
    persons uuid[];
    photo_count integer;
    done jsonb;
begin
    select * into r from memoria.erasure_requests q where q.id = request for update;
    r.media_ids := array(
        select m.id from memoria.media m
        where m.event_id = r.event_id and (m.id = any (r.media_ids) or m.sha256 in (
            select n.sha256 from memoria.media n
            where n.event_id = r.event_id and n.id = any (r.media_ids))));
    perform from memoria.media m
    where m.event_id = r.event_id and m.id = any (r.media_ids) order by m.id for update;
    -- the second time (whoever was killed does it again) those of the first are counted already
    select count(*) into photo_count from memoria.media m
    where m.event_id = r.event_id and m.id = any (r.media_ids)
        and (m.faces_erased_at is null or not exists (
            select from memoria.erasures e where e.id = request and e.rows_at is not null));
    update memoria.media m set faces_erased_at = coalesce(m.faces_erased_at, now())
    where m.event_id = r.event_id and m.id = any (r.media_ids);
    r.face_ids := array(
        select unnest(r.face_ids)
        union select f.id from memoria.faces f
        where f.event_id = r.event_id and f.media_id = any (r.media_ids));
    persons := array(
        select distinct f.face_person_id from memoria.faces f
        where f.event_id = r.event_id and f.id = any (r.face_ids) and f.face_person_id is not null);
    update memoria.erasure_requests q
    set face_ids = r.face_ids, media_ids = array(
        select unnest(q.media_ids) union select unnest(r.media_ids))
    where q.id = request;
    perform from memoria.face_persons p
    where p.event_id = r.event_id and p.id = any (persons) order by p.id for update;
    done := memoria.erase_faces(r.event_id, r.face_ids, '{}', request);
    delete from memoria.media_beside b where b.event_id = r.event_id and b.media_id = any (r.media_ids);
    delete from memoria.faces_beside b where b.event_id = r.event_id and b.media_id = any (r.media_ids);
    -- whom only a machine made, and nothing shows any more
    with empty as (
        delete from memoria.face_persons p
        where p.event_id = r.event_id and p.id = any (persons)
            and p.status = 'pending' and not p.human_touched
            and not exists (select from memoria.faces f where f.event_id = r.event_id
                and p.id in (f.face_person_id, f.machine_person_id))
            and not exists (select from memoria.face_persons o
                where o.event_id = r.event_id and o.merged_into_id = p.id)
        returning p.id
    ) select array(select id from empty) into persons;
    perform memoria.forget_in_log(r.event_id, null, r.face_ids, persons, '{}', request);
    perform memoria.forget_results(r.event_id, r.face_ids || persons, '{}');
    return (done - array['persons', 'tombstones']) || jsonb_build_object('photos', photo_count);
end
$$;

create function memoria.erase_archive(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r memoria.erasure_requests;
    gone bigint;
begin
    select * into r from memoria.erasure_requests q where q.id = request for update;
    select count(*) into gone from memoria.faces f where f.event_id = r.event_id;
    -- whoever waits for a table with others behind it holds up every event
    perform set_config('lock_timeout', '3s', true);
    update memoria.events e set status = 'archived', updated_at = now()
    where e.id = r.event_id and e.status = 'active';
    return jsonb_build_object('faces', gone, 'embeddings', gone);
end
$$;

-- Everything personal of an event; its row stays as a husk, which says that there was one.
create function memoria.erase_event(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    event uuid;
    users uuid[];
    words text[];
    each text;
    n bigint;
    done jsonb := '{}';
begin
    select r.event_id into event from memoria.erasure_requests r where r.id = request for update;
    users := array(select m.user_id from memoria.event_members m where m.event_id = event);
    words := array(select m.email from memoria.event_members m
        where m.event_id = event and m.email is not null
        union select i.email from memoria.invitations i where i.event_id = event);
    select count(*) into n from memoria.faces f where f.event_id = event;
    done := jsonb_build_object('faces', n, 'embeddings', n);
    update memoria.erasure_requests r
    set photo_root = coalesce(r.photo_root, e.photo_root),
        emails = array(select unnest(r.emails) union select unnest(words) order by 1)
    from memoria.events e where r.id = request and e.id = event;
    update memoria.events e
    set status = 'deleted', name = 'Erased event', code = null, photo_root = null,
        starts_at = null, ends_at = null, retention_days = null, face_recognition_enabled = false,
        wanted_face_model = null, updated_at = now()
    where e.id = event;
    perform memoria.drop_event_partition(event);
    perform memoria.drop_log(event);
    foreach each in array array['callbacks', 'media_tags', 'untagged', 'invitations', 'questions',
        'forecasts', 'run_answers', 'cluster_proposals', 'cluster_runs', 'comparisons', 'uploads',
        'watched', 'moves', 'backfills', 'media_beside', 'links', 'tombstones', 'face_persons',
        'erased_persons', 'media', 'consents']
    loop
        execute format('delete from memoria.%I where event_id = $1', each) using event;
        get diagnostics n = row_count;
        done := done || jsonb_build_object(each, n);
    end loop;
    -- while it is known who its members are, and by erase_rows again
    perform memoria.erase_also(null, event, 'event', request);
    delete from memoria.event_members m where m.event_id = event;
    get diagnostics n = row_count;
    done := done || jsonb_build_object('event_members', n);
    update memoria.ml_jobs j
    set media_ids = '{}', result = memoria.only_counts(j.result), error = null
    where j.event_id = event;
    update memoria.idempotency i set body = null
    where i.body is not null and (i.user_id = any (users)
        or memoria.mentions(i.body::text, users || event, words));
    delete from memoria.idempotency i where memoria.mentions(i.key, users || event, words);
    perform memoria.forget_user(one, '{}', '{}', request) from unnest(users) as one
    where not exists (select from memoria.event_members m where m.user_id = one);
    update memoria.events e set erased_at = coalesce(e.erased_at, now()), archived_at = null
    where e.id = event;
    return done || jsonb_build_object('persons', done -> 'face_persons', 'tags', done -> 'media_tags',
        'members', done -> 'event_members', 'photos', done -> 'media');
end
$$;

-- The rows of a request go, in one transaction, which raises the epoch. Again: what came since goes
-- too, and the counts are those of both. For a completed one, or one of an event that is not here
-- (any more), there is nothing to do.
create function memoria.erase_rows(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    asked record;
    more jsonb;
begin
    select e.id, e.event_id, e.scope, r.user_id into asked
    from memoria.erasures e join memoria.erasure_requests r on r.id = e.id where e.id = request;
    if not found then
        return (select e.counts from memoria.erasures e where e.id = request);
    end if;
    -- The event, its media, its persons, its faces: everybody locks in this order. With the event
    -- to itself, nothing moves between the statements below; not even a row is inserted, as that
    -- looks at the event's (stays_erased).
    perform from memoria.events e where e.id = asked.event_id for update;
    insert into memoria.opened (event_id, what, id)
    values (asked.event_id, 'event', asked.event_id) on conflict do nothing;
    more := case asked.scope
        when 'person' then memoria.erase_person(request)
        when 'photos' then memoria.erase_photos(request)
        when 'archive' then memoria.erase_archive(request)
        else memoria.erase_event(request) end;
    perform memoria.erase_also(asked.user_id, asked.event_id, asked.scope, request);
    update memoria.events e set epoch = e.epoch + 1 where e.id = asked.event_id;
    update memoria.erasures e
    set status = 'running', rows_at = coalesce(e.rows_at, clock_timestamp()),
        counts = memoria.added(e.counts, more)
    where e.id = request and e.completed_at is null
    returning e.counts into more;
    delete from memoria.opened o
    where o.transaction = pg_current_xact_id() and o.event_id = asked.event_id and o.what = 'event';
    return more;
end
$$;

create function memoria.finish_erasure(request uuid, receipt jsonb, subject_hash text,
    signature text, key_id text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.tombstones t using memoria.events e
    where t.erasure_id = request and e.id = t.event_id and not e.keep_tombstones;
    delete from memoria.erasure_requests r where r.id = request;
    update memoria.erasures e
    set status = 'completed', completed_at = now(), error = null, receipt = finish_erasure.receipt,
        subject_hash = finish_erasure.subject_hash, signature = finish_erasure.signature,
        key_id = finish_erasure.key_id
    where e.id = request and e.status <> 'completed';
end
$$;

-- AT ONCE, by the names that applications know.
create or replace function memoria.purge_face_data_for_user("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    request uuid;
begin
    request := memoria.request_erasure('person', event, "user", null, null, 'sql', 'request', null);
    return memoria.told(request, array['persons', 'faces', 'embeddings', 'tags']);
end
$$;

create or replace function memoria.purge_for_caller("user" uuid, event uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return memoria.told(
        memoria.request_for_caller('person', event, "user", null, 'api'),
        array['persons', 'faces', 'embeddings', 'tags']);
end
$$;

-- From a page: oneself, or by an organiser persons of the event, with the user they were said to be.
create function memoria.erase_for_caller(event uuid, "user" uuid, persons uuid[]) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from unnest(persons) as named (id) where not exists (
            select from memoria.face_persons p where p.event_id = event and p.id = named.id)) then
        raise exception 'event %: these persons are not in it', event
            using errcode = 'no_data_found';
    end if;
    return memoria.told(
        memoria.request_for_caller('person', event, "user", persons, 'page'),
        array['persons', 'faces', 'embeddings', 'tags']);
end
$$;

create or replace function memoria.erase_faces_of_photos(event uuid, photos uuid[]) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return memoria.told(
        memoria.request_erasure('photos', event, null, null, photos, 'sql', 'request', null),
        array['photos', 'faces', 'embeddings']);
end
$$;

-- The rows go now; these counts, and the id to ask for the receipt by.
create function memoria.told(request uuid, names text[]) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    counts jsonb := memoria.erase_rows(request);
begin
    return (select jsonb_object_agg(name, coalesce(counts -> name, '0')) from unnest(names) as name)
        || jsonb_build_object('erasure', request);
end
$$;

drop function memoria.purge_faces_of_user(uuid, uuid);

do $$
declare
    each record;
begin
    for each in select p.oid::regprocedure as name, p.proname from pg_proc p
        where p.pronamespace = 'memoria'::regnamespace and p.proname in (
            'erasures_append_only', 'stays_erased', 'overlap', 'buried', 'faces_stay_buried',
            'events_without_tombstones', 'decisions_stay_erased',
            'api_tombstones', 'only_counts', 'ml_jobs_hold_no_vector', 'is_open', 'added', 'mentions',
            'forget_results', 'forget_in_log', 'less', 'forget_before', 'drop_log', 'erase_also',
            'request_erasure', 'request_for_caller', 'find_subject', 'erase_faces',
            'forget_derived', 'erase_person', 'forget_user', 'erase_photos', 'erase_archive',
            'erase_event', 'erase_rows', 'finish_erasure', 'told', 'erase_for_caller')
    loop
        execute format('revoke execute on function %s from public', each.name);
        if each.proname in ('request_erasure', 'erase_rows', 'finish_erasure', 'api_tombstones',
                'request_for_caller', 'erase_for_caller', 'overlap', 'buried', 'only_counts',
                'mentions') then
            execute format('grant execute on function %s to memoria_service', each.name);
        end if;
    end loop;
    -- Whoever calls the log's two functions is the owner of the others; they run as
    -- memoria_erasure, and call these.
    grant execute on function memoria.mentions(text, uuid[], text[]),
        memoria.less(uuid[], uuid[]),
        memoria.forget_before(jsonb, uuid, uuid[], uuid[], text[]) to memoria_erasure;
    grant create on schema memoria to memoria_erasure;
    alter function memoria.forget_in_log(uuid, uuid, uuid[], uuid[], text[], uuid)
        owner to memoria_erasure;
    alter function memoria.drop_log(uuid) owner to memoria_erasure;
    revoke create on schema memoria from memoria_erasure;
end
$$;

grant execute on function memoria.request_for_caller(text, uuid, uuid, uuid[], text),
    memoria.erase_for_caller(uuid, uuid, uuid[]) to authenticated;
grant execute on function memoria.api_tombstones(uuid, uuid, text) to memoria_api;
grant execute on function memoria.only_counts(jsonb) to authenticated;

insert into memoria.migrations (name) values ('0019_erasure');
