-- The inbox at work: claims in batches, callbacks that are sent until they arrive, and erasing by
-- job.

create index ml_jobs_claims on memoria.ml_jobs (claim_token) where claim_token is not null;

-- An application that has always set only the status still may, on a job that we hold as well: what
-- we write afterwards finds no token of ours, and changes nothing.
create function memoria.ml_jobs_settled() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status <> 'processing' then
        new.claim_token := null;
        new.lease_until := null;
    else
        new.started_at := coalesce(new.started_at, now());
    end if;
    if new.status in ('completed', 'failed') then
        new.completed_at := coalesce(new.completed_at, clock_timestamp());
    else
        new.completed_at := null;
    end if;
    return new;
end
$$;

create trigger ml_jobs_settled before update of status on memoria.ml_jobs
    for each row when (old.status is distinct from new.status)
    execute function memoria.ml_jobs_settled();

-- The outbox: written in the transaction that ends a job, sent afterwards, until somebody took it.
create table memoria.callbacks (
    id uuid primary key default gen_random_uuid(),
    job_id uuid not null references memoria.ml_jobs (id) on delete cascade,
    event_id uuid not null references memoria.events (id) on delete cascade,
    payload jsonb not null check (jsonb_typeof(payload) = 'object'),
    attempts integer not null default 0 check (attempts >= 0),
    claim_token uuid,
    next_attempt_at timestamptz not null default now(),
    last_status integer,
    last_error text,
    created_at timestamptz not null default now(),
    delivered_at timestamptz,
    dead_at timestamptz,
    check (delivered_at is null or dead_at is null)
);

comment on column memoria.callbacks.id is 'webhook-id: the same each time it is sent.';
comment on column memoria.callbacks.next_attempt_at is 'While it is being sent: when to try again.';
comment on column memoria.callbacks.dead_at is 'Given up; `memoria jobs callbacks` sends it again.';

create index callbacks_due on memoria.callbacks (next_attempt_at)
    where delivered_at is null and dead_at is null;
create index callbacks_dead on memoria.callbacks (dead_at) where dead_at is not null;
create index callbacks_job on memoria.callbacks (job_id);
create index callbacks_event on memoria.callbacks (event_id);

alter table memoria.callbacks enable row level security;
alter table memoria.callbacks force row level security;
create policy service on memoria.callbacks to memoria_service using (true) with check (true);
grant select, insert, update, delete on memoria.callbacks to memoria_service;

-- A photo whose faces were erased is not looked at again, whatever asks for it: whoever makes it
-- pending finds it analysed, with nobody in it.
alter table memoria.media add column faces_erased_at timestamptz;

comment on column memoria.media.faces_erased_at is 'Its faces were erased: none is looked for again.';

create function memoria.media_stays_erased() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.status in ('pending', 'failed', 'analysed') then
        new.status := 'analysed';
        new.error_code := null;
        new.error := null;
        new.analysed_at := coalesce(new.analysed_at, now());
        new.face_model := coalesce(new.face_model,
            (select e.face_model from memoria.events e where e.id = new.event_id), 'none');
    end if;
    -- a copy and one that is gone are not counted
    new.faces_found := case when new.status = 'analysed' then 0 end;
    return new;
end
$$;

create trigger media_stays_erased before update on memoria.media
    for each row when (new.faces_erased_at is not null)
    execute function memoria.media_stays_erased();

-- The faces of some photos go, for good, those that humans decided on too, and with them those of
-- their exact copies in the event: the same people. Returns the receipt: counts only, copies
-- counted. Twice does no harm. As purge_face_data_for_user: the same order of locks, and what
-- waits (a proposal, a backfill) knew them, so it starts anew.
create function memoria.erase_faces_of_photos(event uuid, photos uuid[]) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    gone_ids uuid[];
    naming_ids uuid[];
    person_ids uuid[];
    photo_count integer;
    done jsonb;
begin
    perform from memoria.events where id = event for no key update;
    photos := array(
        select m.id from memoria.media m
        where m.event_id = event and (m.id = any (photos) or m.sha256 in (
            select n.sha256 from memoria.media n where n.event_id = event and n.id = any (photos)
        )));
    perform from memoria.media m
    where m.event_id = event and m.id = any (photos) order by m.id for update;
    update memoria.media m set faces_erased_at = coalesce(m.faces_erased_at, now())
    where m.event_id = event and m.id = any (photos);
    get diagnostics photo_count = row_count;
    gone_ids := array(
        select f.id from memoria.faces f where f.event_id = event and f.media_id = any (photos));
    if cardinality(gone_ids) > 0 then
        person_ids := array(
            select distinct f.face_person_id from memoria.faces f
            where f.event_id = event and f.id = any (gone_ids) and f.face_person_id is not null);
        naming_ids := array(
            select f.id from memoria.faces f where f.event_id = event and f.evidence && gone_ids);
        perform from memoria.face_persons p
        where p.event_id = event and p.id = any (person_ids) order by p.id for update;
        perform memoria.open(event, gone_ids || naming_ids, person_ids);
        delete from memoria.faces f where f.event_id = event and f.id = any (gone_ids);
        update memoria.faces f
        set evidence = array(select e from unnest(f.evidence) e where e <> all (gone_ids))
        where f.event_id = event and f.id = any (naming_ids);
        delete from memoria.face_persons p
        where p.event_id = event and p.id = any (person_ids)
            and p.status = 'pending' and not p.human_touched
            and not exists (select from memoria.faces f where f.event_id = event
                and p.id in (f.face_person_id, f.machine_person_id))
            and not exists (select from memoria.face_persons o
                where o.event_id = event and o.merged_into_id = p.id);
        perform memoria.shut(event, gone_ids || naming_ids, person_ids);
        delete from memoria.cluster_proposals c where c.event_id = event;
        update memoria.cluster_runs r set status = 'held', plan = null, reason = 'faces were erased'
        where r.event_id = event and r.status = 'proposed';
    end if;
    delete from memoria.media_beside b where b.event_id = event and b.media_id = any (photos);
    delete from memoria.faces_beside b where b.event_id = event and b.media_id = any (photos);
    done := jsonb_build_object('photos', photo_count, 'faces', cardinality(gone_ids),
        'embeddings', cardinality(gone_ids));
    insert into memoria.erasures (event_id, scope, status, receipt, completed_at)
    values (event, 'photos', 'completed', done, now());
    return done;
end
$$;

revoke execute on function memoria.erase_faces_of_photos(uuid, uuid[]) from public;
grant execute on function memoria.erase_faces_of_photos(uuid, uuid[]) to memoria_service;

alter table memoria.erasures drop constraint erasures_scope_check,
    add constraint erasures_scope_check check (scope in ('person', 'event', 'photos'));

insert into memoria.migrations (name) values ('0015_inbox');
