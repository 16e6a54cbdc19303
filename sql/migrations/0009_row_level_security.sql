-- Row level security on every table, forced, and default deny: what no policy allows is refused, to
-- the owner too. In Supabase's convention: a request runs as `authenticated` with its claims in
-- `request.jwt.claims`. Applications' writes come with the API; here people may only read.

do $$
declare
    relation text;
begin
    for relation in
        select tablename from pg_tables where schemaname = 'memoria' order by tablename
    loop
        execute format('alter table memoria.%I enable row level security', relation);
        execute format('alter table memoria.%I force row level security', relation);
        -- partitions of faces have no policy: they are reached through faces alone
        continue when relation like 'faces\_%';
        execute format('create policy service on memoria.%I to memoria_service '
            'using (true) with check (true)', relation);
        execute format('grant select, insert, update, delete on memoria.%I to memoria_service',
            relation);
    end loop;
end
$$;

revoke update, delete on memoria.decisions from memoria_service;
grant execute on function memoria.create_event_partition(uuid) to memoria_service;
grant execute on function memoria.drop_event_partition(uuid) to memoria_service;
grant execute on function memoria.purge_face_data_for_user(uuid, uuid) to memoria_service;
grant execute on function memoria.refresh_person_counts(uuid, uuid[]) to memoria_service;
revoke execute on function memoria.my_events(text[]) from public;
grant execute on function memoria.my_events(text[]) to authenticated, memoria_service;

grant select on memoria.event_members, memoria.media, memoria.face_persons,
    memoria.cluster_runs, memoria.decisions, memoria.media_tags, memoria.ml_jobs, memoria.consents
    to authenticated;
-- All of an event but where its photos are: a path or a bucket is the server's business.
grant select (id, name, code, status, face_recognition_enabled, starts_at, ends_at, retention_days,
    face_model, created_at, updated_at, archived_at) on memoria.events to authenticated;
-- All of a face but its vector.
grant select (id, event_id, media_id, face_person_id, bbox, landmarks, det_score, quality_score,
    quality_class, model, probability, margin, evidence, human_touched, lost, created_at)
    on memoria.faces to authenticated;

create policy members_read on memoria.events for select to authenticated
    using (id in (select memoria.my_events('organiser', 'photographer', 'member', 'guest')));

create policy own_or_organiser_reads on memoria.event_members for select to authenticated
    using (user_id = (select memoria.current_user_id())
        or event_id in (select memoria.my_events('organiser')));

-- A guest sees the photos that the guest was tagged on, everyone else those of the event.
create policy members_read on memoria.media for select to authenticated
    using (event_id in (select memoria.my_events('organiser', 'photographer', 'member'))
        or (event_id in (select memoria.my_events('guest')) and id in (
            select t.media_id from memoria.media_tags t
            where t.tagged_user_id = (select memoria.current_user_id()))));

create policy tagged_or_organiser_reads on memoria.media_tags for select to authenticated
    using (tagged_user_id = (select memoria.current_user_id())
        or event_id in (select memoria.my_events('organiser')));

create policy linked_or_organiser_reads on memoria.face_persons for select to authenticated
    using (linked_user_id = (select memoria.current_user_id())
        or event_id in (select memoria.my_events('organiser')));

create policy own_or_organiser_reads on memoria.faces for select to authenticated
    using (event_id in (select memoria.my_events('organiser'))
        or face_person_id in (select p.id from memoria.face_persons p
            where p.linked_user_id = (select memoria.current_user_id())));

create policy organiser_reads on memoria.cluster_runs for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy organiser_reads on memoria.decisions for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy organiser_reads on memoria.ml_jobs for select to authenticated
    using (event_id in (select memoria.my_events('organiser')));
create policy own_reads on memoria.consents for select to authenticated
    using (user_id = (select memoria.current_user_id()));

insert into memoria.migrations (name) values ('0009_row_level_security');
