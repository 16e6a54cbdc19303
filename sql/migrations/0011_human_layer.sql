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
    add column before jsonb not null default '{}' check (jsonb_typeof(before) = 'object'),
    add column transaction xid8;
alter table memoria.decisions alter column transaction set default pg_current_xact_id();

comment on column memoria.decisions.face_ids is 'The faces it says something of, as they stood.';
comment on column memoria.decisions.rest_face_ids is 'The faces that those are told apart from.';
comment on column memoria.decisions.affected_face_ids is
    'All faces that it changed: an undo, for instance, names none itself.';
comment on column memoria.decisions.before is
    'What the machine said of them (faces) and what was of persons before it, for its undo.';
comment on column memoria.decisions.transaction is 'The one that took it, and may carry it out.';

create index decisions_transaction on memoria.decisions (transaction);

alter table memoria.erasures add column transaction xid8;
alter table memoria.erasures alter column transaction set default pg_current_xact_id();

create index erasures_transaction on memoria.erasures (transaction);

-- Nobody lends a decision to another transaction.
create function memoria.of_this_transaction() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.transaction := case tg_op when 'INSERT' then pg_current_xact_id() else old.transaction end;
    return new;
end
$$;

create trigger decisions_of_this_transaction before insert on memoria.decisions
    for each row execute function memoria.of_this_transaction();
create trigger erasures_of_this_transaction before insert or update on memoria.erasures
    for each row execute function memoria.of_this_transaction();

-- Definer's, because whoever changes a face need not be allowed to read the log.
create function memoria.decided_face(event uuid, face uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select exists (
        select from memoria.decisions d
        where d.transaction = pg_current_xact_id() and d.event_id = event
            and (face = any (d.face_ids) or face = any (d.affected_face_ids))
    ) or exists (
        select from memoria.erasures e
        where e.transaction = pg_current_xact_id() and e.event_id = event
    )
$$;

create function memoria.decided_person(event uuid, person uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select exists (
        select from memoria.decisions d
        where d.transaction = pg_current_xact_id() and d.event_id = event
            and (person in (d.person_id, d.other_person_id) or person = any (d.person_ids)
                or person = any (d.affected_person_ids))
    ) or exists (
        select from memoria.erasures e
        where e.transaction = pg_current_xact_id() and e.event_id = event
    )
$$;

revoke execute on function memoria.decided_face(uuid, uuid) from public;
revoke execute on function memoria.decided_person(uuid, uuid) from public;
grant execute on function memoria.decided_face(uuid, uuid) to memoria_service;
grant execute on function memoria.decided_person(uuid, uuid) to memoria_service;

-- A new box, vector, quality, and whether it is still found, are the machine's. So is the person of
-- a face of which a human only said whom it is not.
create function memoria.faces_keep_decisions() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        if not exists (select from memoria.media where event_id = old.event_id and id = old.media_id)
            or memoria.decided_face(old.event_id, old.id) then
            return old;
        end if;
    elsif (old.id, old.event_id, old.media_id, old.verdict, old.not_person_ids, old.human_touched)
        is not distinct from
        (new.id, new.event_id, new.media_id, new.verdict, new.not_person_ids, new.human_touched)
        and (old.verdict is null or (old.face_person_id, old.machine_person_id)
            is not distinct from (new.face_person_id, new.machine_person_id))
        or memoria.decided_face(old.event_id, old.id) then
        return new;
    end if;
    raise exception 'face %: a human decided on it, so no % without a decision', old.id, lower(tg_op)
        using hint = 'insert a decision that names it into memoria.decisions in this transaction',
              errcode = 'insufficient_privilege';
end
$$;

create trigger faces_keep_decisions before update on memoria.faces
    for each row when (old.human_touched or new.human_touched)
    execute function memoria.faces_keep_decisions();
create trigger faces_keep_decided before delete on memoria.faces
    for each row when (old.human_touched) execute function memoria.faces_keep_decisions();

create function memoria.face_persons_keep_decisions() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        if not exists (select from memoria.events where id = old.event_id)
            or memoria.decided_person(old.event_id, old.id) then
            return old;
        end if;
    elsif (old.id, old.event_id, old.status, old.linked_user_id, old.invitation_email,
            old.merged_into_id, old.human_touched)
        is not distinct from (new.id, new.event_id, new.status, new.linked_user_id,
            new.invitation_email, new.merged_into_id, new.human_touched)
        or memoria.decided_person(old.event_id, old.id) then
        return new;
    end if;
    raise exception 'person %: a human decided on it, so no % without a decision',
        old.id, lower(tg_op)
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

-- A truncate asks no row. Erasing an event is a delete of the event.
create function memoria.not_truncated() returns trigger
language plpgsql
set search_path = ''
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
set search_path = ''
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
set search_path = ''
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

grant select (machine_person_id, verdict, not_person_ids) on memoria.faces to authenticated;

insert into memoria.migrations (name) values ('0011_human_layer');
