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
    add column keep_tombstones boolean not null default true;

comment on column memoria.events.epoch is
    'Grows with each erasure: what was read before one is not written after it.';
comment on column memoria.events.keep_tombstones is
    'Whether boxes of erased faces are kept, so that a photo that comes again brings nobody back.';

grant select (epoch) on memoria.events to authenticated;

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
    add column key_id text;

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
    requested_by uuid
);

comment on table memoria.erasure_requests is 'Whom an erasure is about, only while it is under way.';
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

-- Replaced by whoever has tables of more that is personal (0021). Called by erase_rows, in its
-- transaction, with the event's row locked.
create function memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select
$$;

-- An open request for the same subject is returned as it is.
create function memoria.request_erasure(scope text, event uuid, "user" uuid, persons uuid[],
    photos uuid[], source text, reason text, "by" uuid) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    made uuid;
begin
    insert into memoria.erasures (event_id, scope, source, reason)
    values (event, scope, coalesce(source, 'sql'), coalesce(reason, 'request')) returning id into made;
    insert into memoria.erasure_requests (id, event_id, user_id, person_ids, media_ids, requested_by)
    values (made, event, "user", coalesce(persons, '{}'), coalesce(photos, '{}'), "by");
    return made;
end
$$;

create function memoria.erase_rows(request uuid) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update memoria.erasures set status = 'running', rows_at = now() where id = request;
    return '{}'::jsonb;
end
$$;

create function memoria.finish_erasure(request uuid, receipt jsonb, subject_hash text,
    signature text, key_id text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.erasure_requests r where r.id = request;
    update memoria.erasures e
    set status = 'completed', completed_at = now(), error = null, receipt = finish_erasure.receipt,
        subject_hash = finish_erasure.subject_hash, signature = finish_erasure.signature,
        key_id = finish_erasure.key_id
    where e.id = request and e.status <> 'completed';
end
$$;

revoke execute on function memoria.erase_also(uuid, uuid, text, uuid) from public;
revoke execute on function memoria.request_erasure(text, uuid, uuid, uuid[], uuid[], text, text, uuid)
    from public;
revoke execute on function memoria.erase_rows(uuid) from public;
revoke execute on function memoria.finish_erasure(uuid, jsonb, text, text, text) from public;
grant execute on function
    memoria.request_erasure(text, uuid, uuid, uuid[], uuid[], text, text, uuid),
    memoria.erase_rows(uuid), memoria.finish_erasure(uuid, jsonb, text, text, text)
    to memoria_service;

insert into memoria.migrations (name) values ('0019_erasure');
