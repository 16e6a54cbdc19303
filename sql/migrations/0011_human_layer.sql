-- What a machine said of a face and what a human said of it, side by side, and the guard between
-- them: only a decision (or an erasure) of the same transaction changes what a human decided.

alter table memoria.faces
    add column machine_person_id uuid,
    add column verdict text check (verdict in ('person', 'ignored', 'not_a_face')),
    add column not_person_ids uuid[] not null default '{}';

comment on column memoria.faces.face_person_id is
    'Who it is: what the verdict says, else the person the machine found, merges followed.';
comment on column memoria.faces.machine_person_id is
    'What the last automatic run said; frozen while a verdict stands, so that undo finds it.';
comment on column memoria.faces.verdict is 'What a human said, or null: then the machine decides.';
comment on column memoria.faces.not_person_ids is 'Whom a human said it is not.';
comment on column memoria.faces.human_touched is 'An active decision names it, or it was lost so.';

update memoria.faces set machine_person_id = face_person_id where face_person_id is not null;

alter table memoria.faces
    add foreign key (event_id, machine_person_id) references memoria.face_persons (event_id, id),
    add constraint faces_not_whom_it_is_not check (not face_person_id = any (not_person_ids)),
    add constraint faces_verdict_says_who
        check (verdict is null or (verdict = 'person') = (face_person_id is not null)),
    add constraint faces_verdict_by_a_human
        check (human_touched or (verdict is null and not_person_ids = '{}'));

create index faces_machine_person on memoria.faces (event_id, machine_person_id);

alter table memoria.face_persons add column human_touched boolean not null default false;

comment on column memoria.face_persons.human_touched is 'An active decision names it.';

alter table memoria.decisions
    add column rest_face_ids uuid[] not null default '{}',
    add column person_ids uuid[] not null default '{}',
    add column affected_face_ids uuid[] not null default '{}',
    add column affected_person_ids uuid[] not null default '{}',
    add column before jsonb not null default '{}' check (jsonb_typeof(before) = 'object');

comment on column memoria.decisions.face_ids is 'The faces it says something of, as they stood.';
comment on column memoria.decisions.rest_face_ids is 'The faces that those are told apart from.';
comment on column memoria.decisions.affected_face_ids is
    'All faces that it changed: an undo, for instance, names none itself.';
comment on column memoria.decisions.before is
    'What the machine said of them (faces) and what was of persons before it, for its undo.';
-- What humans had touched before there was a layer of theirs: a decision says so now, by nobody.
with recursive leads as (
    select event_id, id, id as live from memoria.face_persons where merged_into_id is null
    union all
    select p.event_id, p.id, l.live from memoria.face_persons p
    join leads l on l.event_id = p.event_id and l.id = p.merged_into_id
), touched as (
    select f.event_id, f.id, l.live from memoria.faces f
    left join leads l on l.event_id = f.event_id and l.id = f.face_person_id
    where f.human_touched
), said as (
    insert into memoria.decisions (event_id, kind, actor_id, reason, face_ids, person_id, details,
        affected_face_ids, affected_person_ids)
    select event_id, case when live is null then 'ignore' else 'confirm' end,
        '00000000-0000-0000-0000-000000000000', 'found so', array_agg(id order by id), live,
        -- whatever a human let stand in one photo
        case when live is null then '{}' else '{"twice": true}' end::jsonb,
        array_agg(id order by id), array_remove(array[live], null)
    from touched group by event_id, live order by event_id, live
)
update memoria.faces f
set verdict = case when t.live is null then 'ignored' else 'person' end,
    face_person_id = t.live, machine_person_id = t.live
from touched t
where f.event_id = t.event_id and f.id = t.id;

update memoria.face_persons p set human_touched = true
where exists (
    select from memoria.decisions d
    where d.event_id = p.event_id
        and (p.id in (d.person_id, d.other_person_id) or p.id = any (d.person_ids)));

-- The log has one order, which whoever writes does not choose.
create function memoria.decisions_in_order() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    new.seq := nextval(pg_get_serial_sequence('memoria.decisions', 'seq'));
    new.created_at := now();
    return new;
end
$$;

create trigger decisions_in_order before insert on memoria.decisions
    for each row execute function memoria.decisions_in_order();

alter table memoria.decisions add constraint decisions_one_order unique (event_id, seq);
drop index memoria.decisions_event;

-- What the running transaction may change, because a decision or an erasure of it says so: written
-- by the triggers below alone, and empty again when it commits. Not kept in the log's own rows: a
-- number of a transaction means another one after a dump and its restore; and looking for each of
-- 40,000 faces in an array of as many took half a minute.
create unlogged table memoria.opened (
    transaction xid8 not null default pg_current_xact_id(),
    event_id uuid not null,
    what text not null check (what in ('face', 'person', 'event')),
    id uuid not null,
    primary key (transaction, event_id, what, id)
);

comment on table memoria.opened is 'What a decision of the running transaction lets it change.';

alter table memoria.opened enable row level security;
alter table memoria.opened force row level security;
create policy owner on memoria.opened using (true) with check (true);

create function memoria.open(event uuid, faces uuid[], persons uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into memoria.opened (event_id, what, id)
    select event, 'face', one.id from unnest(faces) as one (id) where one.id is not null
    union
    select event, 'person', one.id from unnest(persons) as one (id) where one.id is not null
    on conflict do nothing
$$;

-- No plan that was made while it was empty: it would read all of it for each face.
create function memoria.shut(event uuid, faces uuid[], persons uuid[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
    delete from memoria.opened
    where transaction = pg_current_xact_id() and event_id = event
        and (what, id) in (select 'face', unnest(faces) union all select 'person', unnest(persons))
$$;

create function memoria.decisions_open() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    faces uuid[] := new.face_ids || new.affected_face_ids;
    persons uuid[] := new.person_ids || new.affected_person_ids || new.person_id
        || new.other_person_id;
begin
    if tg_name = 'decisions_open' then
        perform memoria.open(new.event_id, faces, persons);
    else
        perform memoria.shut(new.event_id, faces, persons);
    end if;
    return null;
end
$$;

create trigger decisions_open after insert on memoria.decisions
    for each row execute function memoria.decisions_open();
create constraint trigger decisions_shut after insert on memoria.decisions
    deferrable initially deferred for each row execute function memoria.decisions_open();

-- The erasure of an event opens all of it, that of a person what it erases: purge_face_data_for_user.
create function memoria.erasures_open() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_name = 'erasures_open' then
        insert into memoria.opened (event_id, what, id) values (new.event_id, 'event', new.event_id)
        on conflict do nothing;
    else
        delete from memoria.opened
        where transaction = pg_current_xact_id() and event_id = new.event_id and what = 'event';
    end if;
    return null;
end
$$;

create trigger erasures_open after insert on memoria.erasures
    for each row when (new.scope = 'event' and new.event_id is not null)
    execute function memoria.erasures_open();
create constraint trigger erasures_shut after insert on memoria.erasures
    deferrable initially deferred for each row
    when (new.scope = 'event' and new.event_id is not null)
    execute function memoria.erasures_open();

revoke execute on function memoria.open(uuid, uuid[], uuid[]) from public;
revoke execute on function memoria.shut(uuid, uuid[], uuid[]) from public;

-- Who was erased does not come back, whatever is undone later.
create table memoria.erased_persons (
    event_id uuid not null references memoria.events (id) on delete cascade,
    person_id uuid not null,
    erased_at timestamptz not null default now(),
    primary key (event_id, person_id)
);

comment on table memoria.erased_persons is 'Ids of persons that no decision makes again.';

alter table memoria.erased_persons enable row level security;
alter table memoria.erased_persons force row level security;
create policy service on memoria.erased_persons to memoria_service using (true) with check (true);
grant select on memoria.erased_persons to memoria_service;

-- A new box, vector, quality, and whether it is still found, are the machine's. So is the person of
-- a face of which a human only said whom it is not; and so is all of a face that nobody spoke of.
-- Definer's, because whoever changes a face may not read what is open.
create function memoria.faces_keep_decisions() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as in shut
as $$
declare
    event uuid := case tg_op when 'INSERT' then new.event_id else old.event_id end;
    face uuid := case tg_op when 'INSERT' then new.id else old.id end;
begin
    if tg_op = 'UPDATE'
        and (old.id, old.event_id, old.media_id, old.verdict, old.not_person_ids, old.human_touched,
            old.erased_at)
        is not distinct from
        (new.id, new.event_id, new.media_id, new.verdict, new.not_person_ids, new.human_touched,
            new.erased_at)
        and (old.verdict is null or (old.face_person_id, old.machine_person_id, old.probability,
            old.margin, old.evidence)
            is not distinct from (new.face_person_id, new.machine_person_id, new.probability,
            new.margin, new.evidence)) then
        return new;
    end if;
    if exists (select from memoria.opened where transaction = pg_current_xact_id()
            and event_id = event and what = 'face' and id = face)
        or exists (select from memoria.opened where transaction = pg_current_xact_id()
            and event_id = event and what = 'event' and id = event)
        -- the photo went, and this goes with it
        or tg_op = 'DELETE' and not exists (
            select from memoria.media where event_id = old.event_id and id = old.media_id) then
        if tg_op = 'DELETE' then
            return old;
        end if;
        return new;
    end if;
    raise exception 'face %: a human decided on it, so no % without a decision',
        face, lower(tg_op)
        using hint = 'insert a decision that names it into memoria.decisions in this transaction',
              errcode = 'insufficient_privilege';
end
$$;

create trigger faces_keep_decisions before update on memoria.faces
    for each row when (old.human_touched or new.human_touched)
    execute function memoria.faces_keep_decisions();
create trigger faces_keep_decided before delete on memoria.faces
    for each row when (old.human_touched) execute function memoria.faces_keep_decisions();
create trigger faces_keep_undecided before insert on memoria.faces
    for each row when (new.human_touched) execute function memoria.faces_keep_decisions();

create function memoria.face_persons_keep_decisions() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off  -- as in shut
as $$
declare
    event uuid := case tg_op when 'INSERT' then new.event_id else old.event_id end;
    person uuid := case tg_op when 'INSERT' then new.id else old.id end;
begin
    if tg_op = 'UPDATE'
        and (old.id, old.event_id, old.status, old.linked_user_id, old.invitation_email,
            old.merged_into_id, old.human_touched, old.metadata -> 'manual_edits')
        is not distinct from (new.id, new.event_id, new.status, new.linked_user_id,
            new.invitation_email, new.merged_into_id, new.human_touched,
            new.metadata -> 'manual_edits') then
        return new;
    end if;
    if exists (select from memoria.opened where transaction = pg_current_xact_id()
            and event_id = event and what = 'person' and id = person)
        or exists (select from memoria.opened where transaction = pg_current_xact_id()
            and event_id = event and what = 'event' and id = event)
        or tg_op = 'DELETE' and not exists (
            select from memoria.events where id = old.event_id) then
        if tg_op = 'DELETE' then
            return old;
        end if;
        return new;
    end if;
    raise exception 'person %: a human decided on it, so no % without a decision',
        person, lower(tg_op)
        using hint = 'insert a decision that names it into memoria.decisions in this transaction',
              errcode = 'insufficient_privilege';
end
$$;

create trigger face_persons_keep_decisions before update on memoria.face_persons
    for each row when (old.human_touched or new.human_touched
        or old.status in ('linked', 'invited', 'ignored'))
    execute function memoria.face_persons_keep_decisions();
create trigger face_persons_keep_decided before delete on memoria.face_persons
    for each row when (old.human_touched or old.status in ('linked', 'invited', 'ignored'))
    execute function memoria.face_persons_keep_decisions();
create trigger face_persons_keep_undecided before insert on memoria.face_persons
    for each row when (new.human_touched) execute function memoria.face_persons_keep_decisions();

create function memoria.face_persons_stay_erased() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from memoria.erased_persons
        where event_id = new.event_id and person_id = new.id) then
        raise exception 'person %: erased from event %, for good', new.id, new.event_id
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger face_persons_stay_erased before insert or update of id on memoria.face_persons
    for each row execute function memoria.face_persons_stay_erased();

-- A truncate asks no row. Erasing an event is a delete of the event.
create function memoria.not_truncated() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'memoria.% is not truncated: humans decided on what is in it', tg_table_name
        using hint = 'delete the event', errcode = 'insufficient_privilege';
end
$$;

create trigger faces_not_truncated before truncate on memoria.faces
    for each statement execute function memoria.not_truncated();
create trigger face_persons_not_truncated before truncate on memoria.face_persons
    for each statement execute function memoria.not_truncated();

create or replace function memoria.create_event_partition(event uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    part text := memoria.partition_name(event);
    who text;
begin
    if to_regclass(format('memoria.%I', part)) is not null then
        return;
    end if;
    -- At once and in order: attaching takes these in the end, and whoever upgrades a lock meets
    -- another who waits for it.
    lock table memoria.media, memoria.face_persons in access exclusive mode;
    execute format('create table memoria.%I (like memoria.faces including defaults including constraints)', part);
    execute format('alter table memoria.%I add foreign key (event_id, media_id) '
        'references memoria.media (event_id, id) on delete cascade', part);
    foreach who in array array['face_person_id', 'machine_person_id'] loop
        execute format('alter table memoria.%I add foreign key (event_id, %I) '
            'references memoria.face_persons (event_id, id)', part, who);
    end loop;
    execute format('alter table memoria.%I enable row level security', part);
    execute format('alter table memoria.%I force row level security', part);
    execute format('create trigger %I before truncate on memoria.%I '
        'for each statement execute function memoria.not_truncated()',
        'faces_not_truncated', part);
    execute format('alter table memoria.faces attach partition memoria.%I for values in (%L)',
        part, event);
end
$$;

do $$
declare
    part text;
begin
    for part in select inhrelid::regclass::text from pg_inherits
        where inhparent = 'memoria.faces'::regclass loop
        execute format('create trigger faces_not_truncated before truncate on %s '
            'for each statement execute function memoria.not_truncated()', part);
    end loop;
end
$$;

-- face_persons.metadata and the representative face are what applications show, so they are made
-- right wherever faces move, by whomever: of these persons, or of all. The version of one that
-- nobody reviewed yet grows with them: what a human saw has changed. Without a partition (archived)
-- the counts are all that is left: they stay. The representative is the best by class, then by
-- quality, one that is still found first: the same whichever way the faces came together.
-- No loops over pairs: a partition has no statistics until autovacuum has looked at it, the planner
-- then expects one row, and 40,000 persons × 100,000 faces took longer than ten minutes.
create or replace function memoria.refresh_person_counts(event uuid, persons uuid[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
begin
    if to_regclass(format('memoria.%I', memoria.partition_name(event))) is null then
        return;
    end if;
    persons := coalesce(persons,
        array(select p.id from memoria.face_persons p where p.event_id = event));
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (persons) order by p.id for no key update;
    with counted as (
        select f.face_person_id, count(*) as faces,
            round(avg(f.quality_score)::numeric, 4) as quality,
            (array_agg(f.id order by f.lost, f.quality_class, f.quality_score desc, f.id))[1] as best
        from memoria.faces f
        where f.event_id = event and f.face_person_id = any (persons)
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

-- An event that lives keeps its faces: no hand but that of the triggers makes or drops partitions.
revoke execute on function memoria.create_event_partition(uuid) from memoria_service;
revoke execute on function memoria.drop_event_partition(uuid) from memoria_service;

-- PostgreSQL looks for types in pg_temp first unless told otherwise, so that a domain `uuid` or
-- `text` of a caller's own would run its check as the owner of a function.
do $$
declare
    each record;
begin
    for each in select p.oid::regprocedure as name, substr(c.setting, 13) as path
        from pg_proc p, unnest(p.proconfig) as c (setting)
        where p.pronamespace = 'memoria'::regnamespace and c.setting like 'search_path=%'
            and c.setting not like '%pg_temp' loop
        execute format('alter function %s set search_path = %s, pg_temp', each.name,
            case each.path when '""' then 'pg_catalog' else each.path end);
    end loop;
end
$$;

grant select (machine_person_id, verdict, not_person_ids) on memoria.faces to authenticated;

insert into memoria.migrations (name) values ('0011_human_layer');
