-- Nobody signs in whom an erasure has just taken out of the last event: to hold the memberships is to
-- wait for it, or to be seen by it. A 0019 that was never released had this already.

create or replace function memoria.signs_in_somewhere() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from memoria.event_members m where m.user_id = new.user_id for key share;
    if not found
        and exists (select from memoria.erasure_requests r where r.user_id = new.user_id) then
        raise exception 'whoever signs in is being erased'
            using hint = 'ask an organiser for an invitation once the erasure is completed',
                  errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

revoke execute on function memoria.signs_in_somewhere() from public;

create or replace trigger signs_in_somewhere before insert on memoria.sessions
    for each row execute function memoria.signs_in_somewhere();
create or replace trigger signs_in_somewhere before insert on memoria.links
    for each row execute function memoria.signs_in_somewhere();

insert into memoria.migrations (name) values ('0024_sign_in');
