-- A key per event, for what is written outside the database: exports. It is wrapped by the master
-- key, which the database never sees, and dies with the event: what is left elsewhere opens no more.

create table memoria.event_keys (
    event_id uuid primary key references memoria.events (id) on delete cascade,
    wrapped bytea not null check (octet_length(wrapped) = 60),
    master text not null,
    created_at timestamptz not null default now()
);

comment on table memoria.event_keys is
    'Keys of exports, each wrapped by the master key; an erased event has none.';
comment on column memoria.event_keys.master is 'Which master key wrapped it: a fingerprint.';

alter table memoria.event_keys enable row level security;
alter table memoria.event_keys force row level security;
create policy service on memoria.event_keys to memoria_service using (true) with check (true);
grant select, insert, update, delete on memoria.event_keys to memoria_service;

-- Whoever deletes the event, in whatever way: the key goes in the same transaction.
create function memoria.forget_event_key() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from memoria.event_keys k where k.event_id = new.id;
    return null;
end
$$;

create trigger forget_event_key after update of status on memoria.events
    for each row when (new.status = 'deleted') execute function memoria.forget_event_key();

create function memoria.no_key_of_the_deleted() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from memoria.events e where e.id = new.event_id and e.status <> 'deleted' for share;
    if not found then
        raise exception 'event %: it is deleted, and gets no key', new.event_id
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create trigger no_key_of_the_deleted before insert on memoria.event_keys
    for each row execute function memoria.no_key_of_the_deleted();

revoke execute on function memoria.forget_event_key() from public;
revoke execute on function memoria.no_key_of_the_deleted() from public;

insert into memoria.migrations (name) values ('0022_keys');
