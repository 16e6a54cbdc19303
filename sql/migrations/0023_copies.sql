-- An exact copy that was analysed by itself has faces of its own. The one where an erased face was is
-- the same face, whoever a machine took it for; unless somebody said that it is another user's.

alter function memoria.find_subject(uuid) rename to named_subject;

create function memoria.find_subject(request uuid) returns memoria.erasure_requests
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    r memoria.erasure_requests := memoria.named_subject(request);
    copies uuid[] := memoria.faces_on_copies(r);
begin
    update memoria.erasure_requests q
    set face_ids = q.face_ids || copies, person_ids = q.person_ids || array(
        -- whom only a machine made, and nothing shows any more
        select p.id from memoria.face_persons p
        where p.event_id = r.event_id and p.status = 'pending' and not p.human_touched
            and p.id in (select f.face_person_id from memoria.faces f
                where f.event_id = r.event_id and f.id = any (copies))
            and p.id <> all (q.person_ids)
            and not exists (select from memoria.faces f
                where f.event_id = r.event_id and p.id in (f.face_person_id, f.machine_person_id)
                    and f.id <> all (q.face_ids || copies))
            and not exists (select from memoria.face_persons o
                where o.event_id = r.event_id and o.merged_into_id = p.id))
    where q.id = request and cardinality(copies) > 0
    returning q.* into r;
    if not found then
        select * into r from memoria.erasure_requests q where q.id = request;
    end if;
    return r;
end
$$;

-- One to one, as wherever boxes are matched: a copy's face is that face of the photo which it
-- overlaps best.
create function memoria.faces_on_copies(r memoria.erasure_requests) returns uuid[]
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select twin.id
        from (select distinct f.media_id from memoria.faces f
              where f.event_id = r.event_id and f.id = any (r.face_ids)) as photo
        join memoria.media m on m.event_id = r.event_id and m.id = photo.media_id
        join memoria.media c on c.event_id = r.event_id and c.sha256 = m.sha256 and c.id <> m.id
        join memoria.faces twin on twin.event_id = r.event_id and twin.media_id = c.id
        left join memoria.face_persons p on p.id = twin.face_person_id
        cross join lateral (
            select f.id from memoria.faces f
            where f.event_id = r.event_id and f.media_id = m.id
                and memoria.overlap(f.bbox, twin.bbox) >= .35
            order by memoria.overlap(f.bbox, twin.bbox) desc, f.id limit 1) as same
        where same.id = any (r.face_ids) and twin.id <> all (r.face_ids)
            and coalesce(p.linked_user_id = r.user_id, p.linked_user_id is null)
            and (p.invitation_email is null or lower(btrim(p.invitation_email)) = any (r.emails))
        group by twin.id)
$$;

revoke execute on function memoria.find_subject(uuid),
    memoria.faces_on_copies(memoria.erasure_requests) from public;

insert into memoria.migrations (name) values ('0023_copies');
