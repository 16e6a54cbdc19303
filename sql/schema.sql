CREATE SCHEMA analytics;

CREATE SCHEMA memoria;

CREATE FUNCTION memoria.added(one jsonb, other jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(jsonb_object_agg(key,
        coalesce((one ->> key)::bigint, 0) + coalesce((other ->> key)::bigint, 0)), '{}')
    from (select jsonb_object_keys(one) as key union select jsonb_object_keys(other)) as keys
$$;

CREATE FUNCTION memoria.agrees("user" uuid, event uuid, purpose text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce((
        select c.given and (c.guardian or not c.minor) from memoria.consents c
        where c.event_id = event and c.user_id = "user" and c.purpose = agrees.purpose
        order by c.seq desc limit 1), false)
$$;

CREATE FUNCTION memoria.api_accept_invitation(token_hash bytea, user_name text) RETURNS TABLE(user_id uuid, event_id uuid, person_id uuid, invited_by uuid, known boolean, email text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.api_arm_invitation(invitation uuid, token_hash bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update memoria.invitations i set token_hash = api_arm_invitation.token_hash
    where i.id = invitation and i.token_hash is null and i.used_at is null and i.expires_at > now()
$$;

CREATE FUNCTION memoria.api_clusters(event uuid) RETURNS TABLE(cluster_label integer, face_count bigint, representative_face_id uuid, avg_quality double precision)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select p.cluster_label, (p.metadata ->> 'face_count')::bigint, p.representative_face_id,
        (p.metadata ->> 'avg_quality')::double precision
    from memoria.face_persons p
    where p.event_id = event and p.status not in ('merged', 'ignored')
        and coalesce((p.metadata ->> 'face_count')::bigint, 0) > 0
    order by p.cluster_label nulls last, p.id
$$;

CREATE FUNCTION memoria.api_create_event("user" uuid, name text, code text, consent boolean, text_version text, language text, photo_root text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    made uuid;
    claims text := coalesce(current_setting('request.jwt.claims', true), '');
begin
    perform set_config('memoria.text_version', text_version, true),
        set_config('memoria.language', language, true),
        set_config('request.jwt.claims', jsonb_build_object('sub', "user")::text, true);
    insert into memoria.events (name, code, face_recognition_enabled, photo_root)
    values (name, nullif(btrim(code), ''), coalesce(consent, false), nullif(photo_root, ''))
    returning id into made;
    perform set_config('request.jwt.claims', claims, true);
    insert into memoria.event_members (event_id, user_id, role, display_name, email)
    select made, "user", 'organiser', known.display_name, known.email
    from (select "user" as id) one
    left join lateral (
        select m.display_name, m.email from memoria.event_members m
        where m.user_id = one.id order by m.email is null, m.created_at limit 1) known on true;
    return made;
end
$$;

CREATE FUNCTION memoria.api_end_session(token_hash bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from memoria.sessions s where s.token_hash = api_end_session.token_hash
$$;

CREATE TABLE memoria.ml_jobs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    job_type text NOT NULL,
    event_id uuid NOT NULL,
    media_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    priority text DEFAULT 'normal'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    error text,
    result jsonb,
    claim_token uuid,
    lease_until timestamp with time zone,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    CONSTRAINT ml_jobs_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT ml_jobs_check CHECK (((claim_token IS NULL) OR (status = 'processing'::text))),
    CONSTRAINT ml_jobs_job_type_check CHECK ((job_type = ANY (ARRAY['detect'::text, 'cluster'::text, 'erase'::text]))),
    CONSTRAINT ml_jobs_priority_check CHECK ((priority = ANY (ARRAY['high'::text, 'normal'::text, 'low'::text]))),
    CONSTRAINT ml_jobs_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processing'::text, 'completed'::text, 'failed'::text])))
);

ALTER TABLE ONLY memoria.ml_jobs FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.ml_jobs.claim_token IS 'Only who holds it may write the outcome.';

CREATE FUNCTION memoria.api_enqueue(job_type text, event uuid, media_ids uuid[], priority text) RETURNS SETOF memoria.ml_jobs
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into memoria.ml_jobs (job_type, event_id, media_ids, priority)
    select job_type, e.id, coalesce(media_ids, '{}'), coalesce(priority, 'normal')
    from memoria.events e where e.id = event and e.status <> 'deleted'
    returning *
$$;

CREATE FUNCTION memoria.api_face_counts(event uuid) RETURNS TABLE(total bigint, noise bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select count(*), count(*) filter (where face_person_id is null)
    from memoria.faces where event_id = event
$$;

CREATE FUNCTION memoria.api_face_source(event uuid, face uuid) RETURNS TABLE(photo_root text, storage_key text, etag text, bbox jsonb, media_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.photo_root, m.storage_key, m.etag, f.bbox, m.id
    from memoria.faces f
    join memoria.media m on m.event_id = f.event_id and m.id = f.media_id
    join memoria.events e on e.id = f.event_id and e.status <> 'deleted'
    where f.event_id = event and f.id = face
$$;

CREATE FUNCTION memoria.api_finish_job(job uuid, status text, error text, result jsonb) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.api_invitation(token_hash bytea) RETURNS TABLE(id uuid, event_id uuid, event_name text, person_id uuid, invited_by uuid, message text, media_ids uuid[], language text, expires_at timestamp with time zone, used_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select i.id, i.event_id, e.name, i.person_id, i.invited_by, i.message, i.media_ids, i.language,
        i.expires_at, i.used_at
    from memoria.invitations i
    join memoria.events e on e.id = i.event_id and e.status = 'active'
    where i.token_hash = api_invitation.token_hash
$$;

CREATE FUNCTION memoria.api_job(job uuid) RETURNS SETOF memoria.ml_jobs
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select * from memoria.ml_jobs where id = job
$$;

CREATE FUNCTION memoria.api_keep_selfie("user" uuid, event uuid, face jsonb, embedding real[], model text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    media uuid := gen_random_uuid();
    made uuid := gen_random_uuid();
    person uuid;
begin
    perform from memoria.events e
    where e.id = event and e.status = 'active' and e.face_recognition_enabled for no key update;
    if not found then
        raise exception 'event %: face analysis is switched off, or the event is over', event
            using errcode = 'insufficient_privilege';
    end if;
    if not memoria.agrees("user", event, 'own_photos') then
        raise exception 'event %: no consent to be found by a selfie', event
            using errcode = 'insufficient_privilege';
    end if;
    delete from memoria.media m using memoria.untagged u
    where m.event_id = event and m.status = 'selfie' and u.media_id = m.id and u.user_id = "user";
    insert into memoria.media (id, event_id, storage_key, status, face_model, faces_found,
        analysed_at)
    values (media, event, 'selfie:' || media, 'selfie', model, 1, now());
    insert into memoria.untagged (event_id, media_id, user_id) values (event, media, "user");
    person := memoria.person_for("user", event);
    insert into memoria.decisions (event_id, kind, actor_id, face_ids, person_id, reason,
        affected_face_ids, affected_person_ids, before)
    values (event, 'confirm', "user", array[made], person, 'selfie', array[made], array[person],
        jsonb_build_object('made', '[]'::jsonb, 'persons', '{}'::jsonb,
            'faces', jsonb_build_array(jsonb_build_array(made, null, null, null, '[]'::jsonb))));
    insert into memoria.faces (id, event_id, media_id, face_person_id, bbox, landmarks, det_score,
        quality_score, quality_class, embedding, model, verdict, human_touched)
    values (made, event, media, person, face -> 'bbox', face -> 'landmarks',
        (face ->> 'det_score')::real, (face ->> 'quality_score')::real, face ->> 'quality_class',
        embedding::halfvec, model, 'person', true);
    perform memoria.refresh_person_counts(event, array[person]);
    if (select e.analysis_mode from memoria.events e where e.id = event) = 'match_and_forget' then
        perform memoria.look_again(event);
    end if;
    return media;
end
$$;

CREATE FUNCTION memoria.api_link_for(email text, token_hash bytea, seconds integer) RETURNS uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from memoria.links l where l.expires_at < now() - interval '1 day';
    insert into memoria.links (user_id, token_hash, expires_at)
    select one, token_hash, now() + make_interval(secs => least(seconds, 86400))
    from memoria.user_of_address(email) as one
    where one is not null
    returning user_id;
$$;

CREATE FUNCTION memoria.api_may_analyse(event uuid) RETURNS TABLE("exists" boolean, allowed boolean, face_model text, forgets boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.id is not null, coalesce(e.status = 'active' and e.face_recognition_enabled, false),
        e.face_model, coalesce(e.analysis_mode = 'match_and_forget', false)
    from (select event as id) asked
    left join memoria.events e on e.id = asked.id and e.status <> 'deleted'
$$;

CREATE FUNCTION memoria.api_photo_root(event uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.photo_root from memoria.events e where e.id = event and e.status = 'active'
$$;

CREATE FUNCTION memoria.api_photo_source(event uuid, media uuid) RETURNS TABLE(photo_root text, storage_key text, etag text, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.photo_root, m.storage_key, m.etag, m.status
    from memoria.media m join memoria.events e on e.id = m.event_id and e.status <> 'deleted'
    where m.event_id = event and m.id = media
$$;

CREATE FUNCTION memoria.api_session(token_hash bytea) RETURNS TABLE(user_id uuid, csrf text, expires_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select s.user_id, s.csrf, s.expires_at from memoria.sessions s
    where s.token_hash = api_session.token_hash and s.expires_at > now()
$$;

CREATE FUNCTION memoria.api_start_session("user" uuid, token_hash bytea, csrf text, seconds integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from memoria.sessions s where s.expires_at < now();
    insert into memoria.sessions (user_id, token_hash, csrf, expires_at)
    values ("user", token_hash, csrf, now() + make_interval(secs => least(seconds, 7776000)));
$$;

CREATE FUNCTION memoria.api_tombstones(event uuid, media uuid, sha256 text) RETURNS TABLE(closed boolean, bbox jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select false, t.bbox from memoria.tombstones t
    where t.event_id = event and (t.media_id = media or t.sha256 = api_tombstones.sha256)
    union all
    select true, null from memoria.media m
    where m.event_id = event and m.faces_erased_at is not null
        and (m.id = media or m.sha256 = api_tombstones.sha256)
$$;

CREATE FUNCTION memoria.api_use_link(token_hash bytea) RETURNS TABLE(user_id uuid, event_id uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update memoria.links l set used_at = now()
    where l.token_hash = api_use_link.token_hash and l.used_at is null and l.expires_at > now()
    returning l.user_id, l.event_id
$$;

CREATE FUNCTION memoria.api_veil(event uuid, media uuid) RETURNS TABLE(organisers uuid[], hidden uuid[], sha256 text, faces jsonb)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    bytes text;
    same uuid[];
begin
    organisers := array(select m.user_id from memoria.event_members m
        where m.event_id = event and m.role = 'organiser');
    hidden := array(select h.user_id from memoria.hidden h where h.event_id = event);
    faces := '[]';
    if hidden <> '{}' then
        select coalesce(o.sha256, m.sha256) into bytes from memoria.media m
        left join memoria.media o on o.event_id = event and o.id = m.duplicate_of
        where m.event_id = event and m.id = media
            and 'analysed' in (m.status, coalesce(o.status, ''));
        same := array(select m.id from memoria.media m
            where m.event_id = event and (m.id = media or m.sha256 = bytes));
        select coalesce(jsonb_agg(jsonb_build_object('who', found.user_id, 'box', found.bbox)), '[]')
        into faces from (
            select f.user_id, f.bbox from memoria.hidden_faces(event, same) f
            union all
            select b.user_id, b.bbox from memoria.hidden_boxes b
            where b.event_id = event and b.media_id = any (same)
                and b.sha256 is not distinct from bytes
                and (b.user_id is not null or not exists (
                    select from memoria.faces f
                    where f.event_id = event and f.media_id = any (same)))
            union all
            select t.erasure_id, t.bbox from memoria.tombstones t
            join memoria.hidden h on h.event_id = event and h.user_id = t.erasure_id
            where t.event_id = event and (t.media_id = any (same) or t.sha256 = bytes)
        ) found;
        sha256 := bytes;
    end if;
    return next;
end
$$;

CREATE FUNCTION memoria.audit_append_only() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if current_user = 'memoria_erasure' and tg_op = 'UPDATE'
        and (old.id, old.at, old.verb, old.event_id, old.thing, old.via, old.times)
            is not distinct from
            (new.id, new.at, new.verb, new.event_id, new.thing, new.via, new.times)
        and (new.actor_id is not distinct from old.actor_id or memoria.is_erasure(new.actor_id))
        and (new.thing_id is not distinct from old.thing_id or new.thing_id is null
            or memoria.is_erasure(new.thing_id)) then
        return new;
    end if;
    raise exception 'the audit is append-only: % refused', lower(tg_op)
        using hint = 'it is written by memoria.note and by triggers, and changed by nobody',
              errcode = 'insufficient_privilege';
end
$$;

CREATE FUNCTION memoria.audited() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    said jsonb := case tg_op when 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
begin
    perform memoria.write_audit(
        coalesce((said ->> tg_argv[2])::uuid, memoria.current_user_id()), tg_argv[0],
        (said ->> tg_argv[3])::uuid, tg_argv[1], (said ->> tg_argv[4])::uuid,
        (select e.source from memoria.erasures e
         where tg_argv[0] = 'erased' and e.id = (said ->> 'id')::uuid));
    return null;
end
$$;

CREATE FUNCTION memoria.beside_name(event uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select 'beside_' || replace(event::text, '-', '')
$$;

CREATE FUNCTION memoria.buried(event uuid, photo uuid, box jsonb) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (select from memoria.tombstones t
            where t.event_id = event and t.media_id = photo and memoria.overlap(t.bbox, box) >= .35)
        or exists (select from memoria.media m join memoria.tombstones t
            on t.event_id = event and t.sha256 = m.sha256
            where m.event_id = event and m.id = photo and memoria.overlap(t.bbox, box) >= .35)
$$;

CREATE FUNCTION memoria.cleanup_face_embeddings_on_event_archive() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.comparable(event uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.user_id from memoria.event_members m
    where m.event_id = event and (memoria.agrees(m.user_id, event, 'own_photos')
        or memoria.agrees(m.user_id, event, 'other_events'))
$$;

CREATE FUNCTION memoria.consents_look_again() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget') then
        perform memoria.look_again(new.event_id);
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.create_beside_partition(event uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    part text := memoria.beside_name(event);
begin
    if to_regclass(format('memoria.%I', part)) is not null then
        return;
    end if;
    lock table memoria.media in access exclusive mode;
    execute format('create table memoria.%I (like memoria.faces_beside including defaults including constraints)', part);
    execute format('alter table memoria.%I add foreign key (event_id, media_id) '
        'references memoria.media (event_id, id) on delete cascade', part);
    execute format('alter table memoria.%I enable row level security', part);
    execute format('alter table memoria.%I force row level security', part);
    execute format('alter table memoria.faces_beside attach partition memoria.%I for values in (%L)',
        part, event);
end
$$;

CREATE FUNCTION memoria.create_event_partition(event uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.current_user_id() RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

CREATE FUNCTION memoria.deciding() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select distinct event_id from memoria.opened
    where transaction = pg_current_xact_id_if_assigned() and what = 'decision'
$$;

CREATE FUNCTION memoria.decisions_about(event uuid, faces uuid[], persons uuid[], named uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.decisions_append_only() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if current_user = 'memoria_erasure' then
        return coalesce(new, old);
    end if;
    if tg_op = 'DELETE' and not exists (select from memoria.events where id = old.event_id) then
        return old;
    end if;
    raise exception 'decisions are append-only: % refused', lower(tg_op)
        using hint = 'write a decision of kind undo that supersedes it',
              errcode = 'insufficient_privilege';
end
$$;

CREATE FUNCTION memoria.decisions_in_order() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.seq := nextval(pg_get_serial_sequence('memoria.decisions', 'seq'));
    new.created_at := now();
    return new;
end
$$;

CREATE FUNCTION memoria.decisions_open() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION memoria.decisions_stay_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.drop_beside_partition(event uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.backfills where event_id = event;
    delete from memoria.media_beside where event_id = event;
    if to_regclass(format('memoria.%I', memoria.beside_name(event))) is null then
        return;
    end if;
    -- Dropping locks media, which whoever is here has read by now: two of us would wait for one
    -- another. Emptied it can stay.
    begin
        lock table memoria.media, memoria.faces_beside in access exclusive mode nowait;
        execute format('drop table memoria.%I', memoria.beside_name(event));
    exception when lock_not_available then
        execute format('truncate memoria.%I', memoria.beside_name(event));
    end;
end
$$;

CREATE FUNCTION memoria.drop_event_partition(event uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.drop_log(event uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    delete from memoria.decisions where event_id = event
$$;

CREATE FUNCTION memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform memoria.erase_consents("user", event, scope, pseudonym);
    if scope = 'event' then
        delete from memoria.hidden h where h.event_id = event;
        delete from memoria.hidden_boxes b where b.event_id = event;
        perform memoria.unname_audit(event, pseudonym, null, true);
        return;
    end if;
    perform memoria.unname_audit(event, pseudonym, "user", false);
    if "user" is null then
        return;
    end if;
    update memoria.hidden_boxes b set user_id = pseudonym
    where b.event_id = event and b.user_id = "user";
    insert into memoria.hidden (event_id, user_id, since, by_self)
    select h.event_id, pseudonym, h.since, true from memoria.hidden h
    where h.event_id = event and h.user_id = "user" on conflict do nothing;
    -- who stays a member stays hidden, on what comes as well
    delete from memoria.hidden h where h.event_id = event and h.user_id = "user"
        and not exists (select from memoria.event_members m
            where m.event_id = event and m.user_id = "user");
end
$$;

CREATE FUNCTION memoria.erase_archive(request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.erase_consents("user" uuid, event uuid, scope text, pseudonym uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    -- Proof that there was consent stays (GDPR art. 7(1)), and says no more whose.
    update memoria.consents c
    set user_id = case c.user_id when "user" then pseudonym else c.user_id end,
        recorded_by = case c.recorded_by when "user" then pseudonym else c.recorded_by end,
        guardian_user_id = case c.guardian_user_id when "user" then pseudonym
            else c.guardian_user_id end
    where c.event_id = event and "user" in (c.user_id, c.recorded_by, c.guardian_user_id)
        and scope = 'person';
$$;

CREATE FUNCTION memoria.erase_event(request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION memoria.erase_faces(event uuid, faces uuid[], persons uuid[], request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.erase_faces_of_photos(event uuid, photos uuid[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return memoria.told(
        memoria.request_erasure('photos', event, null, null, photos, 'sql', 'request', null),
        array['photos', 'faces', 'embeddings']);
end
$$;

CREATE FUNCTION memoria.erase_for_caller(event uuid, "user" uuid, persons uuid[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.erase_person(request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.erase_photos(request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.erase_rows(request uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
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

CREATE FUNCTION memoria.erasures_append_only() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if tg_op = 'TRUNCATE' or old.status = 'completed' then
        raise exception 'erasures: what is completed is not changed; % refused', lower(tg_op)
            using errcode = 'insufficient_privilege';
    end if;
    return coalesce(new, old);
end
$$;

CREATE FUNCTION memoria.event_is_watched() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if new.status = 'active' and coalesce(new.photo_root, '') <> '' then
        insert into memoria.watched as w (event_id, root) values (new.id, new.photo_root)
        on conflict (event_id) do update
        set root = excluded.root, signature = null, next_look_at = now(), changed_at = now()
        where w.root <> excluded.root;
    else
        delete from memoria.watched where event_id = new.id;
    end if;
    if new.status = 'active' and new.face_recognition_enabled then
        update memoria.uploads set due_at = now() where event_id = new.id and asked_key is null;
    end if;
    if new.status = 'active' and new.face_recognition_enabled
        and new.wanted_face_model <> coalesce(new.face_model, '') then
        insert into memoria.moves as m (event_id, face_model)
        values (new.id, new.wanted_face_model)
        on conflict (event_id) do update
        set face_model = excluded.face_model, wanted_at = now(), due_at = now(), tried = 0,
            version = nextval('memoria.uploads_version'), asked_key = null, reason = null
        where m.face_model <> excluded.face_model;
    else
        delete from memoria.moves where event_id = new.id;
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.event_members_address() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.email := nullif(lower(btrim(new.email)), '');
    if new.email is not null and current_setting('role') = 'authenticated' then
        perform memoria.hold_address(new.email);
        new.user_id := coalesce(memoria.user_of_address(new.email), gen_random_uuid());
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.events_mode() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if new.analysis_mode = 'full' then
        perform memoria.look_again(new.id);
    elsif exists (select memoria.faces_of_others(new.id))
        or exists (select from memoria.faces_beside b where b.event_id = new.id) then
        raise exception 'event %: faces of people who did not agree are stored already', new.id
            using hint = 'choose the mode before photos are analysed, or archive the event first',
                  errcode = 'object_not_in_prerequisite_state';
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.events_partition() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if tg_op = 'DELETE' then
        perform memoria.drop_event_partition(old.id);
        return old;
    end if;
    if new.status = 'active' then
        perform memoria.create_event_partition(new.id);
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.events_selfies_go() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.media m where m.event_id = new.id and m.status = 'selfie';
    return null;
end
$$;

CREATE FUNCTION memoria.events_switch() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who uuid := coalesce(memoria.current_user_id(), '00000000-0000-0000-0000-000000000000');
begin
    insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,
        recorded_by)
    values (new.id, who, 'grouping', new.face_recognition_enabled,
        coalesce(nullif(current_setting('memoria.text_version', true), ''), 'sql'),
        nullif(current_setting('memoria.language', true), ''), who);
    return null;
end
$$;

CREATE FUNCTION memoria.events_without_tombstones() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.tombstones t using memoria.erasures e
    where t.event_id = new.id and e.id = t.erasure_id and e.status = 'completed';
    return null;
end
$$;

CREATE FUNCTION memoria.face_changes_folded() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    with gone as (
        delete from memoria.face_changes c
        where c.event_id = new.event_id and 16 < (
            select count(*) from memoria.face_changes n where n.event_id = new.event_id)
        returning c.came, c.which, c.other
    )
    insert into memoria.face_changes (event_id, came, which, other)
    select new.event_id, sum(g.came), bit_xor(g.which), sum(g.other) from gone g
    having count(*) > 0;
    return null;
end
$$;

CREATE FUNCTION memoria.face_changes_gone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.face_changes c where c.event_id = coalesce(new.id, old.id);
    return null;
end
$$;

CREATE FUNCTION memoria.face_changes_noted() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    noted text := coalesce(current_setting('memoria.changed', true), '');
begin
    if position(new.event_id::text in noted) = 0 then
        perform set_config('memoria.changed', noted || ' ' || new.event_id, true);
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.face_changes_written() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    noted text := coalesce(current_setting('memoria.changed', true), '');
begin
    if noted <> '' then
        perform set_config('memoria.changed', '', true);
        insert into memoria.face_changes (event_id, other)
        select e.id, 1 from memoria.events e where e.id = any (array(
            select one::uuid from unnest(string_to_array(noted, ' ')) as each (one)
            where one ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'));
    end if;
    return null;
end
$_$;

CREATE FUNCTION memoria.face_persons_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if not exists (
        select from memoria.faces
        where event_id = new.event_id and id = new.representative_face_id
    ) then
        raise exception 'face %: no such face in event %', new.representative_face_id, new.event_id
            using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.face_persons_keep_decisions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION memoria.face_persons_stay_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if exists (select from memoria.erased_persons
        where event_id = new.event_id and person_id = new.id) then
        raise exception 'person %: erased from event %, for good', new.id, new.event_id
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.faces_beside_match() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget') then
        raise exception 'event %: only faces of members who agreed are stored', new.event_id
            using hint = 'such an event keeps its model pack',
                  errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.faces_came() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into memoria.face_changes (event_id, came, which)
    select c.event_id, count(*), bit_xor(uuid_hash_extended(c.id, 0)) from came c group by c.event_id;
    return null;
end
$$;

CREATE FUNCTION memoria.faces_gone() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
declare
    event uuid;
    persons uuid[];
begin
    for event in select distinct g.event_id from gone g order by 1 loop
        persons := array(
            select g.face_person_id from gone g
            where g.event_id = event and g.face_person_id is not null
            union
            select p.id from memoria.face_persons p join gone g on g.id = p.representative_face_id
            where p.event_id = event and g.event_id = event);
        perform from memoria.face_persons p
        where p.event_id = event and p.id = any (persons) order by p.id for no key update;
        update memoria.face_persons p
        set representative_face_id = null
        from gone g
        where p.event_id = event and p.id = any (persons)
            and g.event_id = event and g.id = p.representative_face_id;
        perform memoria.refresh_person_counts(event, persons);
    end loop;
    update memoria.media_tags t
    set face_id = null
    from gone
    where t.event_id = gone.event_id and t.face_id = gone.id;
    return null;
end
$$;

CREATE FUNCTION memoria.faces_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
declare
    event record;
begin
    select face_recognition_enabled as enabled, face_model into event
    from memoria.events where id = new.event_id;
    if not coalesce(event.enabled, false) then
        raise exception 'event %: face recognition is switched off, so no face is stored', new.event_id
            using hint = 'set events.face_recognition_enabled once the organiser agrees',
                  errcode = 'insufficient_privilege';
    end if;
    new.model := coalesce(new.model, event.face_model, 'unknown');
    if new.embedding is not null and l2_norm(new.embedding) not between 0.99 and 1.01 then
        new.embedding := l2_normalize(new.embedding);
    end if;
    if tg_op = 'UPDATE' then
        new.embedded_at := clock_timestamp();
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.faces_keep_decisions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION memoria.faces_match() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if exists (select from memoria.events e
            where e.id = new.event_id and e.analysis_mode = 'match_and_forget')
        and not exists (select from memoria.face_persons p
            where p.event_id = new.event_id and p.id = new.face_person_id
                and p.linked_user_id in (select memoria.comparable(new.event_id))) then
        raise exception 'event %: only faces of members who agreed are stored', new.event_id
            using hint = 'compare in memory (match and forget), or set events.analysis_mode',
                  errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.faces_moved() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform set_config('memoria.changed',
        concat_ws(' ', current_setting('memoria.changed', true), old.event_id, new.event_id), true);
    return new;
end
$$;

CREATE FUNCTION memoria.faces_of_others(event uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select f.id from memoria.faces f
    where f.event_id = event and not exists (
        select from memoria.face_persons p
        where p.event_id = event and p.id = f.face_person_id
            and p.linked_user_id in (select memoria.comparable(event)))
$$;

CREATE TABLE memoria.erasure_requests (
    id uuid NOT NULL,
    event_id uuid,
    user_id uuid,
    person_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    face_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    media_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    emails text[] DEFAULT '{}'::text[] NOT NULL,
    kept boolean DEFAULT false NOT NULL,
    photo_root text,
    requested_by uuid
);

ALTER TABLE ONLY memoria.erasure_requests FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.erasure_requests IS 'Whom an erasure is about, only while it is under way.';

COMMENT ON COLUMN memoria.erasure_requests.kept IS 'The user runs the event and stays its organiser or photographer.';

COMMENT ON COLUMN memoria.erasure_requests.photo_root IS 'Of an event that is erased: where its photos were, for whoever removes them.';

CREATE FUNCTION memoria.faces_on_copies(r memoria.erasure_requests) RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.faces_seen(event uuid) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select concat_ws(':', coalesce(sum(c.came), 0), coalesce(bit_xor(c.which), 0),
        coalesce(sum(c.other), 0), coalesce(pg_relation_filenode(
            to_regclass(format('memoria.%I', memoria.partition_name(event)))), 0))
    from memoria.face_changes c where c.event_id = event
$$;

CREATE FUNCTION memoria.faces_stay_buried() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if memoria.buried(new.event_id, new.media_id, new.bbox) then
        return null;
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.faces_went() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into memoria.face_changes (event_id, other)
    select distinct g.event_id, 1 from gone g;
    return null;
end
$$;

CREATE FUNCTION memoria.find_subject(request uuid) RETURNS memoria.erasure_requests
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.finish_erasure(request uuid, receipt jsonb, subject_hash text, signature text, key_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.forget_before(said jsonb, "user" uuid, faces uuid[], persons uuid[], words text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.forget_derived(event uuid, faces uuid[], persons uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.forget_event_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.event_keys k where k.event_id = new.id;
    return null;
end
$$;

CREATE FUNCTION memoria.forget_in_log(event uuid, "user" uuid, faces uuid[], persons uuid[], words text[], pseudonym uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.forget_others(event uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    others uuid[];
    request uuid;
begin
    perform from memoria.events e
    where e.id = event and e.analysis_mode = 'match_and_forget' for no key update;
    if not found then
        return 0;
    end if;
    others := array(select memoria.faces_of_others(event));
    if others = '{}' then
        return 0;
    end if;
    perform memoria.open(event, others, '{}');
    delete from memoria.faces f where f.event_id = event and f.id = any (others);
    perform memoria.shut(event, others, '{}');
    -- Their bytes go as those of any erased face do; no box of theirs is kept, as whoever agrees
    -- one day is to be found.
    insert into memoria.erasures (event_id, scope, status, source, reason, rows_at, counts)
    values (event, 'person', 'running', 'schedule', 'retention', clock_timestamp(),
        jsonb_build_object('faces', cardinality(others), 'embeddings', cardinality(others)))
    returning id into request;
    insert into memoria.erasure_requests (id, event_id, face_ids) values (request, event, others);
    update memoria.events e set epoch = e.epoch + 1 where e.id = event;
    update memoria.media m
    set faces_found = (select count(*) from memoria.faces f
                       where f.event_id = event and f.media_id = m.id and not f.lost)
    where m.event_id = event and m.status = 'analysed';
    return cardinality(others);
end
$$;

CREATE FUNCTION memoria.forget_results(event uuid, ids uuid[], words text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION memoria.forget_user("user" uuid, ids uuid[], words text[], pseudonym uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.hidden_boxes_of_archive() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if exists (select from memoria.hidden h where h.event_id = new.id) then
        insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
        select new.id, f.media_id, m.sha256, f.user_id, f.bbox
        from memoria.hidden_faces(new.id, null) f
        join memoria.media m on m.event_id = new.id and m.id = f.media_id;
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.hidden_boxes_of_gone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    event uuid;
begin
    for event in select distinct g.event_id from gone g
        where exists (select from memoria.hidden h where h.event_id = g.event_id) loop
        insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
        select event, g.media_id, m.sha256, p.user_id, g.bbox
        from gone g
        join memoria.media m on m.event_id = event and m.id = g.media_id
        left join memoria.hidden_persons(event) p on p.person_id = g.face_person_id
        where g.event_id = event and (p.user_id is not null
            or (g.face_person_id is null and g.verdict is distinct from 'not_a_face'
                -- where strangers are to be forgotten, not even their places are kept
                and exists (select from memoria.events e
                    where e.id = event and e.analysis_mode = 'full')));
    end loop;
    return null;
end
$$;

CREATE FUNCTION memoria.hidden_boxes_of_untagged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into memoria.hidden_boxes (event_id, media_id, sha256, user_id, bbox)
    select g.event_id, g.media_id, m.sha256, g.tagged_user_id,
        coalesce(g.bbox, '{"x": 0, "y": 0, "w": 1, "h": 1}')
    from gone g
    join memoria.hidden h on h.event_id = g.event_id and h.user_id = g.tagged_user_id
    join memoria.media m on m.event_id = g.event_id and m.id = g.media_id
    where memoria.is_open(g.event_id) and (g.bbox is not null or not exists (
        select from memoria.faces f join memoria.hidden_persons(g.event_id) p
            on p.person_id = f.face_person_id and p.user_id = g.tagged_user_id
        where f.event_id = g.event_id and f.media_id = g.media_id));
    return null;
end
$$;

CREATE FUNCTION memoria.hidden_faces(event uuid, photos uuid[]) RETURNS TABLE(media_id uuid, user_id uuid, bbox jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with theirs as materialized (select * from memoria.hidden_persons(event)),
    seen as (
        select f.media_id, t.user_id, f.bbox from memoria.faces f
        join theirs t on t.person_id = f.face_person_id
        where f.event_id = event and (photos is null or f.media_id = any (photos))
        union all
        select f.media_id, null, f.bbox from memoria.faces f
        where f.event_id = event and (photos is null or f.media_id = any (photos))
            and f.face_person_id is null and f.verdict is distinct from 'not_a_face'
    ), tagged as (
        select t.media_id, t.tagged_user_id as user_id, coalesce(t.bbox, f.bbox) as bbox
        from memoria.media_tags t
        join memoria.hidden h on h.event_id = event and h.user_id = t.tagged_user_id
        left join memoria.faces f on f.event_id = event and f.id = t.face_id
        where t.event_id = event and (photos is null or t.media_id = any (photos))
    )
    select * from seen
    union all
    select t.media_id, t.user_id, coalesce(t.bbox, '{"x": 0, "y": 0, "w": 1, "h": 1}')
    from tagged t
    where t.bbox is not null or not exists (
        select from seen s where s.media_id = t.media_id and s.user_id = t.user_id)
$$;

CREATE FUNCTION memoria.hidden_persons(event uuid) RETURNS TABLE(person_id uuid, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with recursive theirs as (
        select p.id, h.user_id from memoria.hidden h
        join memoria.face_persons p on p.event_id = event and p.linked_user_id = h.user_id
        where h.event_id = event
        union
        select p.id, t.user_id from memoria.face_persons p
        join theirs t on p.merged_into_id = t.id
        where p.event_id = event
    )
    select id, user_id from theirs
    union
    select p.id, t.user_id from theirs t
    join memoria.questions q on q.event_id = event and q.kind = 'same_person'
        and q.answered_at is null and t.id = any (q.persons)
    join memoria.face_persons p on p.event_id = event and p.id = any (q.persons)
        and p.status = 'pending'
$$;

CREATE FUNCTION memoria.hide(event uuid, "user" uuid, hide boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    own boolean := coalesce("user" = memoria.current_user_id(), false);
begin
    if not exists (select from memoria.event_members m
            where m.event_id = event and m.user_id = "user")
        or current_setting('role') = 'authenticated' and not coalesce(
            own and event in (
                select memoria.my_events('organiser', 'photographer', 'member', 'guest'))
            or event in (select memoria.my_events('organiser')), false) then
        raise exception 'event %: only its organisers, and the member, say who is shown', event
            using errcode = 'insufficient_privilege';
    end if;
    if hide then
        insert into memoria.hidden as h (event_id, user_id, by_self) values (event, "user", own)
        on conflict (event_id, user_id) do update set by_self = h.by_self or excluded.by_self;
    else
        delete from memoria.hidden h
        where h.event_id = event and h.user_id = "user" and (own or not h.by_self);
        if found then
            delete from memoria.hidden_boxes b
            where b.event_id = event and (b.user_id = "user" or not exists (
                select from memoria.hidden h where h.event_id = event));
        end if;
    end if;
    return exists (select from memoria.hidden h where h.event_id = event and h.user_id = "user");
end
$$;

CREATE FUNCTION memoria.hold_address(address text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select pg_advisory_xact_lock(hashtextextended('memoria address ' || lower(btrim(address)), 0))
$$;

CREATE FUNCTION memoria.is_erasure(id uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (select from memoria.erasures e where e.id = is_erasure.id)
$$;

CREATE FUNCTION memoria.is_member("user" uuid, elsewhere_than uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select exists (select from memoria.event_members m
        where m.user_id = "user" and m.event_id <> elsewhere_than)
$$;

CREATE FUNCTION memoria.is_open(event uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    select exists (select from memoria.opened
        where transaction = pg_current_xact_id_if_assigned() and event_id = event
            and what = 'event' and id = event)
$$;

CREATE FUNCTION memoria.known_as(id uuid, event uuid) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when known_as.id is not null then coalesce(
        (select e.id from memoria.erasures e
         where e.event_id = event and e.scope = 'event' and e.status <> 'completed' limit 1),
        (select r.id from memoria.erasure_requests r
         where r.user_id = known_as.id and (r.event_id = event or event is null) limit 1),
        known_as.id) end
$$;

CREATE FUNCTION memoria.less(those uuid[], gone uuid[]) RETURNS uuid[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select array(select t.id from unnest(those) with ordinality as t (id, place)
        where not exists (select from unnest(gone) as g (id) where g.id = t.id) order by t.place)
$$;

CREATE FUNCTION memoria.lock_event(event uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform from memoria.events where id = event for no key update;
    if not found and exists (select from memoria.events where id = event) then
        raise exception 'event %: only its organisers decide', event
            using errcode = 'insufficient_privilege';
    end if;
end
$$;

CREATE FUNCTION memoria.look_again(event uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    update memoria.media m set status = 'pending', attempts = 0
    where m.event_id = event and m.status = 'analysed' and m.faces_erased_at is null
$$;

CREATE FUNCTION memoria.media_arrives() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.arrived := pg_current_xact_id();
    new.arrived_at := clock_timestamp();
    return new;
end
$$;

CREATE FUNCTION memoria.media_frees_copies() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    update memoria.media m
    set status = 'pending', duplicate_of = null
    from gone
    where m.event_id = gone.event_id and m.duplicate_of = gone.id;
    return null;
end
$$;

CREATE FUNCTION memoria.media_stays_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.media_tags_guard() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.event_id := coalesce(new.event_id,
        (select event_id from memoria.media where id = new.media_id));
    if new.face_id is not null and not exists (
        select from memoria.faces
        where event_id = new.event_id and id = new.face_id and media_id = new.media_id
    ) then
        raise exception 'face %: not a face of photo %', new.face_id, new.media_id
            using errcode = 'foreign_key_violation';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.media_tags_untagged() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.mentions(said text, ids uuid[], words text[]) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select said is not null and (
        exists (select from unnest(words) as word
            where word <> '' and strpos(lower(said), word) > 0 and lower(said) ~ (
                '(?<![[:alnum:]._%+-])' || regexp_replace(word, '([^[:alnum:]])', '\\\1', 'g')
                || '(?![[:alnum:]-]|\.[[:alnum:]])'))
        or exists (select from regexp_matches(said,
                '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'gi') as found (id)
            join unnest(ids) as named (id) on named.id = (found.id)[1]::uuid))
$$;

CREATE FUNCTION memoria.ml_jobs_hold_no_vector() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    if new.result @? '$.**.embedding' or new.result @? '$.**.landmarks'
        -- by whatever name
        or new.result @? 'strict $.** ? (@.type() == "array" && @.size() >= 64
            && @[0].type() == "number")' then
        new.result := memoria.only_counts(new.result);
    end if;
    return new;
end
$_$;

CREATE FUNCTION memoria.ml_jobs_settled() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.my_events(VARIADIC roles text[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.event_id
    from memoria.event_members m
    join memoria.events e on e.id = m.event_id and e.status <> 'deleted'
    where m.user_id = memoria.current_user_id() and m.role = any (roles)
$$;

CREATE FUNCTION memoria.my_persons() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.my_selfies() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.id from memoria.untagged u
    join memoria.media m on m.id = u.media_id and m.status = 'selfie'
    where u.user_id = memoria.current_user_id()
$$;

CREATE FUNCTION memoria.my_tagged_photos() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select t.media_id from memoria.media_tags t
    where t.tagged_user_id = memoria.current_user_id()
        and t.event_id in (select memoria.my_events('guest'))
$$;

CREATE FUNCTION memoria.named_subject(request uuid) RETURNS memoria.erasure_requests
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.no_key_of_the_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform from memoria.events e where e.id = new.event_id and e.status <> 'deleted' for share;
    if not found then
        raise exception 'event %: it is deleted, and gets no key', new.event_id
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

CREATE FUNCTION memoria.not_truncated() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    raise exception 'memoria.% is not truncated: humans decided on what is in it', tg_table_name
        using hint = 'delete the event', errcode = 'insufficient_privilege';
end
$$;

CREATE FUNCTION memoria.note(verb text, event uuid, thing text, thing_id uuid DEFAULT NULL::uuid, times integer DEFAULT 1) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    actor uuid := memoria.current_user_id();
begin
    event := coalesce(event, case note.thing
        when 'photo' then (select m.event_id from memoria.media m where m.id = note.thing_id)
        when 'person' then (select p.event_id from memoria.face_persons p where p.id = note.thing_id)
        end);
    if note.verb not in ('looked', 'exported') then
        raise exception 'only looks and exports are noted so, not %', note.verb
            using errcode = 'insufficient_privilege';
    end if;
    if current_setting('role') = 'authenticated' and not coalesce(actor is not null and event in (
            select memoria.my_events('organiser', 'photographer', 'member', 'guest')), false) then
        return;
    end if;
    if note.verb = 'looked' and exists (
        select from memoria.audit a
        where a.actor_id is not distinct from actor and a.event_id is not distinct from event
            and a.verb = 'looked' and a.thing = note.thing
            and a.thing_id is not distinct from note.thing_id
            and a.at >= date_trunc('hour', now())) then
        return;
    end if;
    perform memoria.write_audit(actor, note.verb, event, note.thing, note.thing_id, null, times);
end
$$;

CREATE FUNCTION memoria.only_counts(said jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select case when jsonb_typeof(said) = 'object' then (
        select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(said)
        where jsonb_typeof(value) in ('number', 'boolean', 'null')
            or key in ('status', 'cluster_run') and jsonb_typeof(value) = 'string') end
$$;

CREATE FUNCTION memoria.only_here(event uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.user_id from memoria.event_members m where m.event_id = event
    except
    select m.user_id from memoria.event_members m where m.event_id <> event
$$;

CREATE FUNCTION memoria.open(event uuid, faces uuid[], persons uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    insert into memoria.opened (event_id, what, id)
    select event, 'face', one.id from unnest(faces) as one (id) where one.id is not null
    union
    select event, 'person', one.id from unnest(persons) as one (id) where one.id is not null
    on conflict do nothing
$$;

CREATE FUNCTION memoria.overlap(one jsonb, other jsonb) RETURNS double precision
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select common / nullif(a.w * a.h + b.w * b.h - common, 0)
    from jsonb_to_record(one) as a (x float8, y float8, w float8, h float8),
        jsonb_to_record(other) as b (x float8, y float8, w float8, h float8),
        lateral (select greatest(least(a.x + a.w, b.x + b.w) - greatest(a.x, b.x), 0)
            * greatest(least(a.y + a.h, b.y + b.h) - greatest(a.y, b.y), 0) as common) as shared
$$;

CREATE FUNCTION memoria.partition_name(event uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select 'faces_' || replace(event::text, '-', '')
$$;

CREATE FUNCTION memoria.person_for("user" uuid, event uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    person uuid;
begin
    select p.id into person from memoria.face_persons p
    where p.event_id = event and p.linked_user_id = "user" and p.status = 'linked'
    order by p.created_at, p.id limit 1;
    if found or "user" not in (select memoria.comparable(event)) then
        return person;
    end if;
    person := gen_random_uuid();
    insert into memoria.decisions (event_id, kind, actor_id, person_id, subject_user_id, reason,
        affected_person_ids, before)
    values (event, 'assign', "user", person, "user", 'consent', array[person],
        jsonb_build_object('made', jsonb_build_array(person), 'persons', '{}'::jsonb,
            'faces', '[]'::jsonb));
    insert into memoria.face_persons (id, event_id, status, linked_user_id, human_touched, metadata)
    values (person, event, 'linked', "user", true, '{"manual_edits": 1}');
    return person;
end
$$;

CREATE FUNCTION memoria.persons_erased(event uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select e.person_id from memoria.erased_persons e where e.event_id = event
$$;

CREATE FUNCTION memoria.photo_root_of(event uuid) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if has_column_privilege('memoria.events', 'photo_root', 'select') then
        return (select photo_root from memoria.events where id = event);
    end if;
    return null;
end
$$;

CREATE FUNCTION memoria.purge_face_data_for_user("user" uuid, event uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    request uuid;
begin
    request := memoria.request_erasure('person', event, "user", null, null, 'sql', 'request', null);
    return memoria.told(request, array['persons', 'faces', 'embeddings', 'tags']);
end
$$;

CREATE FUNCTION memoria.purge_for_caller("user" uuid, event uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return memoria.told(
        memoria.request_for_caller('person', event, "user", null, 'api'),
        array['persons', 'faces', 'embeddings', 'tags']);
end
$$;

CREATE FUNCTION memoria.refresh_person_counts(event uuid, persons uuid[] DEFAULT NULL::uuid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
declare
    selfies uuid[];
begin
    if to_regclass(format('memoria.%I', memoria.partition_name(event))) is null then
        return;
    end if;
    persons := coalesce(persons,
        array(select p.id from memoria.face_persons p where p.event_id = event));
    selfies := array(select memoria.selfies_of(event));
    perform from memoria.face_persons p
    where p.event_id = event and p.id = any (persons) order by p.id for no key update;
    with counted as (
        select f.face_person_id, count(*) as faces,
            round(avg(f.quality_score)::numeric, 4) as quality,
            (array_agg(f.id order by f.lost, f.quality_class, f.quality_score desc, f.id))[1] as best
        from memoria.faces f
        where f.event_id = event and f.face_person_id = any (persons)
            and f.media_id <> all (selfies)
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

CREATE FUNCTION memoria.request_erasure(scope text, event uuid, "user" uuid, persons uuid[], photos uuid[], source text, reason text, by uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.request_for_caller(scope text, event uuid, "user" uuid, persons uuid[], source text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.selfies_go() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    delete from memoria.media m using gone
    where m.event_id = gone.event_id and m.id = gone.media_id and m.status = 'selfie';
    return null;
end
$$;

CREATE FUNCTION memoria.selfies_of(event uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select m.id from memoria.media m where m.event_id = event and m.status = 'selfie'
        and (current_setting('role') <> 'authenticated'
            or event in (select memoria.my_events('organiser'))
            or m.id in (select memoria.my_selfies()))
$$;

CREATE FUNCTION memoria.shut(event uuid, faces uuid[], persons uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    delete from memoria.opened
    where transaction = pg_current_xact_id() and event_id = event
        and (what, id) in (select 'face', unnest(faces) union all select 'person', unnest(persons))
$$;

CREATE FUNCTION memoria.signs_in_somewhere() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.stays_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

CREATE FUNCTION memoria.take_back(event uuid, purpose text, source text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who uuid := memoria.current_user_id();
    before record;
    request uuid;
begin
    if who is null or event not in (
            select memoria.my_events('organiser', 'photographer', 'member', 'guest')) then
        raise exception 'event %: only its members take back what they agreed to', event
            using errcode = 'insufficient_privilege';
    end if;
    if purpose = 'grouping' then
        raise exception 'event %: the switch is turned at the event itself', event
            using errcode = 'invalid_parameter_value';
    end if;
    perform from memoria.events e where e.id = event for no key update;
    select c.* into before from memoria.consents c
    where c.event_id = event and c.user_id = who and c.purpose = take_back.purpose
    order by c.seq desc limit 1;
    if not found or not before.given then
        return null;
    end if;
    insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,
        recorded_by, minor)
    values (event, who, purpose, false, before.text_version, before.language, who, before.minor);
    -- where all faces are kept, nothing rests on what other events show
    if purpose = 'other_events' and (memoria.agrees(who, event, 'own_photos') or exists (
            select from memoria.events e where e.id = event and e.analysis_mode = 'full')) then
        return null;
    end if;
    request := memoria.request_erasure('person', event, who, null, null, source, 'withdrawn', who);
    perform memoria.erase_rows(request);
    return request;
end
$$;

CREATE FUNCTION memoria.told(request uuid, names text[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    counts jsonb := memoria.erase_rows(request);
begin
    return (select jsonb_object_agg(name, coalesce(counts -> name, '0')) from unnest(names) as name)
        || jsonb_build_object('erasure', request);
end
$$;

CREATE FUNCTION memoria.unname_audit(event uuid, pseudonym uuid, "user" uuid, whole boolean) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    with gone as materialized (
        select "user" as id where "user" is not null and not memoria.is_member("user", event)
        union all
        select memoria.only_here(event) where whole
    )
    update memoria.audit a set
        actor_id = case when a.event_id is null and a.actor_id in (select id from gone)
                or a.event_id = event and (a.actor_id = "user" or (whole and a.actor_id is not null))
            then pseudonym else a.actor_id end,
        thing_id = case when a.event_id = event and whole and a.verb <> 'erased' then null
            when a.event_id is null and a.thing_id in (select id from gone)
                or a.event_id = event and (a.thing_id = "user"
                    or a.thing_id in (select memoria.persons_erased(event)))
            then pseudonym else a.thing_id end
    where a.event_id = event and (whole or a.actor_id = "user" or a.thing_id = "user"
            or a.thing_id in (select memoria.persons_erased(event)))
        or a.event_id is null and (a.actor_id in (select id from gone)
            or a.thing_id in (select id from gone))
$$;

CREATE FUNCTION memoria.user_of_address(address text) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select user_id from memoria.event_members where email = lower(btrim(address))
    order by created_at, user_id limit 1
$$;

CREATE FUNCTION memoria.write_audit(actor uuid, verb text, event uuid, thing text, thing_id uuid, via text DEFAULT NULL::text, times integer DEFAULT 1) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into memoria.audit (actor_id, verb, event_id, thing, thing_id, via, times)
    values (memoria.known_as(nullif(actor, '00000000-0000-0000-0000-000000000000'), event), verb,
        event, thing, memoria.known_as(thing_id, event),
        coalesce(via, nullif(current_setting('memoria.via', true), ''), 'sql'), times);
end
$$;

CREATE TABLE memoria.cluster_runs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    method text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    measures jsonb DEFAULT '{}'::jsonb NOT NULL,
    model text NOT NULL,
    fingerprint text NOT NULL,
    status text DEFAULT 'proposed'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    published_at timestamp with time zone,
    kind text DEFAULT 'full'::text NOT NULL,
    diff jsonb,
    plan jsonb,
    reason text,
    turned_down boolean DEFAULT false NOT NULL,
    failures jsonb,
    seen text,
    CONSTRAINT cluster_runs_check CHECK (((status = 'published'::text) = (published_at IS NOT NULL))),
    CONSTRAINT cluster_runs_diff_check CHECK ((jsonb_typeof(diff) = 'object'::text)),
    CONSTRAINT cluster_runs_failures_check CHECK ((jsonb_typeof(failures) = 'array'::text)),
    CONSTRAINT cluster_runs_kind_check CHECK ((kind = ANY (ARRAY['full'::text, 'incremental'::text, 'model'::text]))),
    CONSTRAINT cluster_runs_measures_check CHECK ((jsonb_typeof(measures) = 'object'::text)),
    CONSTRAINT cluster_runs_parameters_check CHECK ((jsonb_typeof(parameters) = 'object'::text)),
    CONSTRAINT cluster_runs_plan_check CHECK ((jsonb_typeof(plan) = 'object'::text)),
    CONSTRAINT cluster_runs_status_check CHECK ((status = ANY (ARRAY['proposed'::text, 'published'::text, 'held'::text])))
);

ALTER TABLE ONLY memoria.cluster_runs FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.cluster_runs.fingerprint IS 'Of the faces that went in: the same faces have the same one.';

COMMENT ON COLUMN memoria.cluster_runs.diff IS 'What publishing it changes, for a human to read.';

COMMENT ON COLUMN memoria.cluster_runs.plan IS 'Of a proposal: its persons in the order of their clusters, and who redirects to whom.';

COMMENT ON COLUMN memoria.cluster_runs.reason IS 'Why it is held.';

COMMENT ON COLUMN memoria.cluster_runs.turned_down IS 'A human held it: the same is not proposed again.';

COMMENT ON COLUMN memoria.cluster_runs.failures IS 'Expectations of quality that it did not meet: name, observed, least, most.';

COMMENT ON COLUMN memoria.cluster_runs.seen IS 'What faces_seen said before the faces were read, with those that it placed; null: nobody knows.';

CREATE VIEW analytics.clusterings WITH (security_invoker='true') AS
 SELECT event_id,
    id AS cluster_run_id,
    kind,
    method,
    model,
    status,
    created_at,
    published_at,
    (((measures ->> 'faces'::text))::double precision)::bigint AS faces,
    (((measures ->> 'persons'::text))::double precision)::bigint AS persons,
    (((measures ->> 'single'::text))::double precision)::bigint AS single,
    ((measures ->> 'noise_ratio'::text))::double precision AS noise_ratio,
    ((measures ->> 'silhouette'::text))::double precision AS silhouette,
    ((measures ->> 'cohesion'::text))::double precision AS cohesion,
    ((measures ->> 'separation'::text))::double precision AS separation,
    ((measures ->> 'churn'::text))::double precision AS churn,
    (((measures ->> 'impure'::text))::double precision)::bigint AS impure,
    ((measures ->> 'merge_threshold'::text))::double precision AS merge_threshold,
    ((measures ->> 'seconds'::text))::double precision AS seconds
   FROM memoria.cluster_runs;

CREATE TABLE memoria.comparisons (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    model text NOT NULL,
    fingerprint text NOT NULL,
    parameters jsonb NOT NULL,
    groupings jsonb NOT NULL,
    similarities jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT comparisons_groupings_check CHECK ((jsonb_typeof(groupings) = 'array'::text)),
    CONSTRAINT comparisons_model_check CHECK ((model <> ''::text)),
    CONSTRAINT comparisons_parameters_check CHECK ((jsonb_typeof(parameters) = 'object'::text)),
    CONSTRAINT comparisons_similarities_check CHECK ((jsonb_typeof(similarities) = 'array'::text))
);

ALTER TABLE ONLY memoria.comparisons FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.comparisons.fingerprint IS 'Of the faces and decisions that went in: the same, grouped the same way, is not tried again.';

COMMENT ON COLUMN memoria.comparisons.groupings IS 'A list of {method, threshold, in_use, measures}; the threshold is null for hdbscan.';

COMMENT ON COLUMN memoria.comparisons.similarities IS 'A list of {similarity, one_photo, same_person, other_person}: pairs of faces per bin.';

CREATE VIEW analytics.comparisons WITH (security_invoker='true') AS
 SELECT c.event_id,
    c.created_at AS compared_at,
    c.model,
    (g.value ->> 'method'::text) AS method,
    ((g.value ->> 'threshold'::text))::double precision AS threshold,
    ((g.value ->> 'in_use'::text))::boolean AS in_use,
    (((g.value #>> '{measures,faces}'::text[]))::double precision)::bigint AS faces,
    (((g.value #>> '{measures,persons}'::text[]))::double precision)::bigint AS persons,
    (((g.value #>> '{measures,single}'::text[]))::double precision)::bigint AS single,
    ((g.value #>> '{measures,noise_ratio}'::text[]))::double precision AS noise_ratio,
    (((g.value #>> '{measures,impure}'::text[]))::double precision)::bigint AS impure,
    ((g.value #>> '{measures,silhouette}'::text[]))::double precision AS silhouette,
    ((g.value #>> '{measures,cohesion}'::text[]))::double precision AS cohesion,
    ((g.value #>> '{measures,separation}'::text[]))::double precision AS separation,
    ((g.value #>> '{measures,agreement}'::text[]))::double precision AS agreement,
    ((g.value #>> '{measures,seconds}'::text[]))::double precision AS seconds
   FROM memoria.comparisons c,
    LATERAL jsonb_array_elements(c.groupings) g(value);

COMMENT ON COLUMN analytics.comparisons.agreement IS 'B-cubed F with the people as they stand, what humans decided included.';

CREATE TABLE memoria.decisions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    actor_id uuid NOT NULL,
    face_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    person_id uuid,
    other_person_id uuid,
    media_id uuid,
    subject_user_id uuid,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    reason text,
    supersedes uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    rest_face_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    person_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    affected_face_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    affected_person_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    before jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT decisions_before_check CHECK ((jsonb_typeof(before) = 'object'::text)),
    CONSTRAINT decisions_check CHECK (((kind <> 'undo'::text) OR (supersedes IS NOT NULL))),
    CONSTRAINT decisions_details_check CHECK ((jsonb_typeof(details) = 'object'::text)),
    CONSTRAINT decisions_kind_check CHECK ((kind = ANY (ARRAY['confirm'::text, 'reject'::text, 'merge'::text, 'split'::text, 'move'::text, 'ignore'::text, 'not_a_face'::text, 'assign'::text, 'invite'::text, 'unassign'::text, 'undo'::text])))
);

ALTER TABLE ONLY memoria.decisions FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.decisions IS 'Append-only; the current state is a fold over it, by seq.';

COMMENT ON COLUMN memoria.decisions.face_ids IS 'The faces it says something of, as they stood.';

COMMENT ON COLUMN memoria.decisions.rest_face_ids IS 'The faces that those are told apart from.';

COMMENT ON COLUMN memoria.decisions.affected_face_ids IS 'All faces that it changed: an undo, for instance, names none itself.';

COMMENT ON COLUMN memoria.decisions.before IS 'What the machine said of them (faces) and what was of persons before it, for its undo.';

CREATE VIEW analytics.decisions WITH (security_invoker='true') AS
 SELECT event_id,
    date_trunc('minute'::text, created_at) AS minute,
    kind,
    count(*) AS decisions
   FROM memoria.decisions
  GROUP BY event_id, (date_trunc('minute'::text, created_at)), kind;

CREATE TABLE memoria.media (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    storage_key text NOT NULL,
    byte_size bigint,
    etag text,
    modified_at timestamp with time zone,
    sha256 text,
    width integer,
    height integer,
    status text DEFAULT 'pending'::text NOT NULL,
    error_code text,
    error text,
    attempts integer DEFAULT 0 NOT NULL,
    face_model text,
    duplicate_of uuid,
    analysed_at timestamp with time zone,
    faces_found integer,
    seconds real,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    arrived xid8 DEFAULT pg_current_xact_id(),
    arrived_at timestamp with time zone DEFAULT clock_timestamp(),
    faces_erased_at timestamp with time zone,
    CONSTRAINT media_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT media_byte_size_check CHECK ((byte_size >= 0)),
    CONSTRAINT media_check CHECK ((duplicate_of <> id)),
    CONSTRAINT media_check1 CHECK (((status = 'duplicate'::text) = (duplicate_of IS NOT NULL))),
    CONSTRAINT media_check2 CHECK (((status <> 'failed'::text) OR (error_code IS NOT NULL))),
    CONSTRAINT media_check3 CHECK (((status <> 'analysed'::text) OR ((analysed_at IS NOT NULL) AND (face_model IS NOT NULL) AND (faces_found IS NOT NULL)))),
    CONSTRAINT media_faces_found_check CHECK ((faces_found >= 0)),
    CONSTRAINT media_height_check CHECK ((height > 0)),
    CONSTRAINT media_seconds_check CHECK ((seconds >= (0)::double precision)),
    CONSTRAINT media_selfie_has_no_file CHECK (((status <> 'selfie'::text) OR (storage_key ~ '^selfie:[0-9a-f-]{36}$'::text))),
    CONSTRAINT media_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT media_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'analysed'::text, 'failed'::text, 'duplicate'::text, 'missing'::text, 'selfie'::text]))),
    CONSTRAINT media_storage_key_check CHECK ((storage_key <> ''::text)),
    CONSTRAINT media_width_check CHECK ((width > 0))
);

ALTER TABLE ONLY memoria.media FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.media.etag IS 'Changes when the file at the source changes.';

COMMENT ON COLUMN memoria.media.faces_found IS 'Stays when the faces go: an anonymous count.';

COMMENT ON COLUMN memoria.media.seconds IS 'What the analysis of this photo took.';

COMMENT ON COLUMN memoria.media.arrived IS 'The transaction that made it something to do.';

COMMENT ON COLUMN memoria.media.faces_erased_at IS 'Its faces were erased: none is looked for again.';

CREATE VIEW analytics.detection WITH (security_invoker='true') AS
 SELECT event_id,
    face_model,
    count(*) AS photos,
    round((avg(seconds))::numeric, 4) AS mean_seconds_per_photo,
    round(avg(faces_found), 4) AS mean_faces_per_photo
   FROM memoria.media
  WHERE (status = 'analysed'::text)
  GROUP BY event_id, face_model;

CREATE TABLE memoria.events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    code text,
    status text DEFAULT 'active'::text NOT NULL,
    face_recognition_enabled boolean DEFAULT false NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    retention_days integer,
    photo_root text,
    face_model text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    wanted_face_model text,
    epoch bigint DEFAULT 0 NOT NULL,
    keep_tombstones boolean DEFAULT true NOT NULL,
    erased_at timestamp with time zone,
    analysis_mode text DEFAULT 'full'::text NOT NULL,
    CONSTRAINT events_analysis_mode_check CHECK ((analysis_mode = ANY (ARRAY['full'::text, 'match_and_forget'::text]))),
    CONSTRAINT events_check CHECK (((ends_at IS NULL) OR (starts_at IS NULL) OR (ends_at >= starts_at))),
    CONSTRAINT events_name_check CHECK ((name <> ''::text)),
    CONSTRAINT events_retention_days_check CHECK ((retention_days >= 0)),
    CONSTRAINT events_status_check CHECK ((status = ANY (ARRAY['active'::text, 'archived'::text, 'deleted'::text]))),
    CONSTRAINT events_wanted_face_model_check CHECK ((wanted_face_model <> ''::text))
);

ALTER TABLE ONLY memoria.events FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.events.photo_root IS 'Folder or fsspec URL that its photos are in.';

COMMENT ON COLUMN memoria.events.face_model IS 'The model pack it started with; a backfill moves it.';

COMMENT ON COLUMN memoria.events.wanted_face_model IS 'The pack it is to move to, or null.';

COMMENT ON COLUMN memoria.events.epoch IS 'Grows with each erasure: what was read before one is not written after it.';

COMMENT ON COLUMN memoria.events.keep_tombstones IS 'Whether boxes of erased faces are kept, so that a photo that comes again brings nobody back.';

COMMENT ON COLUMN memoria.events.erased_at IS 'Nothing of it is left but this row, for good.';

COMMENT ON COLUMN memoria.events.analysis_mode IS 'match_and_forget: only faces of members who agreed are ever stored.';

CREATE VIEW analytics.event_coverage WITH (security_invoker='true') AS
 SELECT e.id AS event_id,
    count(m.id) AS photos,
    count(m.id) FILTER (WHERE (m.status = 'analysed'::text)) AS analysed,
    count(m.id) FILTER (WHERE (m.status = 'failed'::text)) AS failed,
    count(m.id) FILTER (WHERE (m.faces_found > 0)) AS photos_with_faces,
    round(((count(m.id) FILTER (WHERE (m.faces_found > 0)))::numeric / (NULLIF(count(m.id), 0))::numeric), 4) AS coverage
   FROM (memoria.events e
     LEFT JOIN memoria.media m ON (((m.event_id = e.id) AND (m.status <> ALL (ARRAY['missing'::text, 'duplicate'::text, 'selfie'::text])))))
  WHERE e.face_recognition_enabled
  GROUP BY e.id;

CREATE VIEW analytics.events_with_recognition WITH (security_invoker='true') AS
 SELECT status,
    count(*) AS events,
    count(*) FILTER (WHERE face_recognition_enabled) AS switched_on
   FROM memoria.events
  GROUP BY status;

CREATE VIEW analytics.failed_jobs WITH (security_invoker='true') AS
 SELECT id,
    event_id,
    job_type,
    attempts,
    error,
    created_at,
    completed_at
   FROM memoria.ml_jobs
  WHERE (status = 'failed'::text);

CREATE VIEW analytics.job_hours WITH (security_invoker='true') AS
 SELECT date_trunc('hour'::text, completed_at) AS hour,
    job_type,
    status,
    count(*) AS jobs,
    round((percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (completed_at - created_at)))::double precision)))::numeric, 3) AS median_seconds,
    round((percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (completed_at - created_at)))::double precision)))::numeric, 3) AS slow_seconds
   FROM memoria.ml_jobs
  WHERE (completed_at IS NOT NULL)
  GROUP BY (date_trunc('hour'::text, completed_at)), job_type, status;

COMMENT ON COLUMN analytics.job_hours.slow_seconds IS 'From its creation to its end, 95 of 100 jobs were faster.';

CREATE VIEW analytics.jobs WITH (security_invoker='true') AS
 SELECT job_type,
    count(*) FILTER (WHERE (status = 'pending'::text)) AS pending,
    count(*) FILTER (WHERE (status = 'processing'::text)) AS processing,
    count(*) FILTER (WHERE (status = 'completed'::text)) AS completed,
    count(*) FILTER (WHERE (status = 'failed'::text)) AS failed,
    round(((count(*) FILTER (WHERE (status = 'failed'::text)))::numeric / (NULLIF(count(*) FILTER (WHERE (status = ANY (ARRAY['completed'::text, 'failed'::text]))), 0))::numeric), 4) AS failure_rate,
    round(EXTRACT(epoch FROM avg((completed_at - started_at)) FILTER (WHERE (status = 'completed'::text))), 3) AS mean_seconds
   FROM memoria.ml_jobs
  GROUP BY job_type;

CREATE VIEW analytics.last_clustering WITH (security_invoker='true') AS
 SELECT DISTINCT ON (event_id) event_id,
    id AS cluster_run_id,
    method,
    model,
    published_at,
    ((measures ->> 'silhouette'::text))::double precision AS silhouette,
    ((measures ->> 'noise_ratio'::text))::double precision AS noise_ratio
   FROM memoria.cluster_runs
  WHERE (status = 'published'::text)
  ORDER BY event_id, published_at DESC, id;

CREATE TABLE memoria.face_persons (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    cluster_label integer,
    representative_face_id uuid,
    linked_user_id uuid,
    status text DEFAULT 'pending'::text NOT NULL,
    invitation_email text,
    merged_into_id uuid,
    metadata jsonb DEFAULT '{"face_count": 0, "avg_quality": null, "manual_edits": 0}'::jsonb NOT NULL,
    model text,
    version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    human_touched boolean DEFAULT false NOT NULL,
    CONSTRAINT face_persons_check CHECK ((merged_into_id <> id)),
    CONSTRAINT face_persons_check1 CHECK (((status <> 'merged'::text) OR (merged_into_id IS NOT NULL))),
    CONSTRAINT face_persons_check2 CHECK (((status <> 'linked'::text) OR (linked_user_id IS NOT NULL))),
    CONSTRAINT face_persons_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT face_persons_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'linked'::text, 'invited'::text, 'ignored'::text, 'merged'::text])))
);

ALTER TABLE ONLY memoria.face_persons FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.face_persons.metadata IS 'face_count, avg_quality, manual_edits: what applications show of a person.';

COMMENT ON COLUMN memoria.face_persons.model IS 'The model pack whose faces it was grouped from.';

COMMENT ON COLUMN memoria.face_persons.version IS 'For optimistic concurrency: grows whenever a person changes, bar the counts of a reviewed one.';

COMMENT ON COLUMN memoria.face_persons.human_touched IS 'An active decision names it.';

CREATE VIEW analytics.people WITH (security_invoker='true') AS
 SELECT event_id,
    status,
    count(*) AS clusters,
    COALESCE(sum(((metadata ->> 'face_count'::text))::integer), (0)::bigint) AS faces
   FROM memoria.face_persons
  GROUP BY event_id, status;

CREATE VIEW analytics.photo_failures WITH (security_invoker='true') AS
 SELECT event_id,
    error_code,
    count(*) AS photos,
    max(attempts) AS attempts
   FROM memoria.media
  WHERE (status = 'failed'::text)
  GROUP BY event_id, error_code;

CREATE VIEW analytics.review WITH (security_invoker='true') AS
 SELECT event_id,
    count(*) AS people,
    count(*) FILTER (WHERE ((status = 'pending'::text) AND (NOT human_touched))) AS awaiting,
    count(*) FILTER (WHERE ((status = 'pending'::text) AND human_touched)) AS reviewed,
    count(*) FILTER (WHERE (status = 'linked'::text)) AS linked,
    count(*) FILTER (WHERE (status = 'invited'::text)) AS invited,
    count(*) FILTER (WHERE (status = 'ignored'::text)) AS ignored,
    COALESCE(sum(((metadata ->> 'face_count'::text))::integer), (0)::bigint) AS faces,
    COALESCE(sum(((metadata ->> 'face_count'::text))::integer) FILTER (WHERE ((status = 'pending'::text) AND (NOT human_touched))), (0)::bigint) AS faces_awaiting
   FROM memoria.face_persons
  WHERE (status <> 'merged'::text)
  GROUP BY event_id;

CREATE VIEW analytics.similarities WITH (security_invoker='true') AS
 SELECT c.event_id,
    c.created_at AS compared_at,
    c.model,
    ((s.value ->> 'similarity'::text))::double precision AS similarity,
    ((s.value ->> 'one_photo'::text))::bigint AS one_photo,
    ((s.value ->> 'same_person'::text))::bigint AS same_person,
    ((s.value ->> 'other_person'::text))::bigint AS other_person
   FROM memoria.comparisons c,
    LATERAL jsonb_array_elements(c.similarities) s(value);

CREATE VIEW analytics.throughput WITH (security_invoker='true') AS
 SELECT event_id,
    date_bin('00:01:00'::interval, analysed_at, '2000-01-01 00:00:00+00'::timestamp with time zone) AS minute,
    count(*) AS photos,
    sum(faces_found) AS faces,
    round((sum(seconds))::numeric, 3) AS seconds
   FROM memoria.media
  WHERE (status = 'analysed'::text)
  GROUP BY event_id, (date_bin('00:01:00'::interval, analysed_at, '2000-01-01 00:00:00+00'::timestamp with time zone));

CREATE TABLE memoria.audit (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_id uuid,
    verb text NOT NULL,
    event_id uuid,
    thing text NOT NULL,
    thing_id uuid,
    via text NOT NULL,
    times integer DEFAULT 1 NOT NULL,
    CONSTRAINT audit_thing_check CHECK ((thing ~ '^[a-z_]{1,40}$'::text)),
    CONSTRAINT audit_times_check CHECK ((times >= 0)),
    CONSTRAINT audit_verb_check CHECK ((verb = ANY (ARRAY['looked'::text, 'decided'::text, 'exported'::text, 'erased'::text, 'invited'::text, 'signed_in'::text, 'changed'::text]))),
    CONSTRAINT audit_via_check CHECK ((via = ANY (ARRAY['page'::text, 'api'::text, 'cli'::text, 'job'::text, 'sql'::text, 'schedule'::text])))
);

ALTER TABLE ONLY memoria.audit FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.audit IS 'Append-only: who looked at, decided, exported or erased what.';

COMMENT ON COLUMN memoria.audit.actor_id IS 'The user; null: nobody who is known, as on the command line. Of who was erased: the erasure.';

COMMENT ON COLUMN memoria.audit.times IS 'How many things it was, of an export for instance.';

CREATE TABLE memoria.backfills (
    event_id uuid NOT NULL,
    model text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT backfills_model_check CHECK ((model <> ''::text))
);

ALTER TABLE ONLY memoria.backfills FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.callbacks (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    job_id uuid NOT NULL,
    event_id uuid NOT NULL,
    payload jsonb NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    claim_token uuid,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    last_status integer,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_at timestamp with time zone,
    dead_at timestamp with time zone,
    CONSTRAINT callbacks_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT callbacks_check CHECK (((delivered_at IS NULL) OR (dead_at IS NULL))),
    CONSTRAINT callbacks_payload_check CHECK ((jsonb_typeof(payload) = 'object'::text))
);

ALTER TABLE ONLY memoria.callbacks FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.callbacks.id IS 'webhook-id: the same each time it is sent.';

COMMENT ON COLUMN memoria.callbacks.next_attempt_at IS 'While it is being sent: when to try again.';

COMMENT ON COLUMN memoria.callbacks.dead_at IS 'Given up; `memoria jobs callbacks` sends it again.';

CREATE TABLE memoria.canaries (
    model text NOT NULL,
    settings text NOT NULL,
    missed integer NOT NULL,
    surplus integer NOT NULL,
    looked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT canaries_missed_check CHECK ((missed >= 0)),
    CONSTRAINT canaries_surplus_check CHECK ((surplus >= 0))
);

ALTER TABLE ONLY memoria.canaries FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.canaries IS 'What each pack last made of a photo whose faces are known.';

CREATE TABLE memoria.cluster_proposals (
    run_id uuid NOT NULL,
    event_id uuid NOT NULL,
    face_id uuid NOT NULL,
    person_id uuid,
    probability real,
    margin real,
    evidence uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT cluster_proposals_probability_check CHECK (((probability >= (0)::double precision) AND (probability <= (1)::double precision)))
);

ALTER TABLE ONLY memoria.cluster_proposals FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.consents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid,
    user_id uuid NOT NULL,
    purpose text NOT NULL,
    given boolean NOT NULL,
    text_version text NOT NULL,
    language text,
    recorded_by uuid NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    seq bigint NOT NULL,
    minor boolean DEFAULT false NOT NULL,
    guardian boolean DEFAULT false NOT NULL,
    guardian_user_id uuid,
    CONSTRAINT consents_guardian_agrees CHECK ((guardian OR (guardian_user_id IS NULL))),
    CONSTRAINT consents_minor_has_guardian CHECK ((guardian OR (NOT (given AND minor)))),
    CONSTRAINT consents_purpose_check CHECK ((purpose = ANY (ARRAY['grouping'::text, 'own_photos'::text, 'other_events'::text])))
);

ALTER TABLE ONLY memoria.consents FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.consents IS 'A ledger: the newest row of a user, event and purpose counts.';

COMMENT ON COLUMN memoria.consents.text_version IS 'What was shown; sql: nobody said.';

COMMENT ON COLUMN memoria.consents.seq IS 'Its place: two of one moment have an order.';

COMMENT ON COLUMN memoria.consents.minor IS 'The user is one; then a guardian agrees as well.';

COMMENT ON COLUMN memoria.consents.guardian_user_id IS 'The guardian, where that is a user.';

ALTER TABLE memoria.consents ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memoria.consents_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE memoria.decisions ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME memoria.decisions_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE memoria.erased_persons (
    event_id uuid NOT NULL,
    person_id uuid NOT NULL,
    erased_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY memoria.erased_persons FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.erased_persons IS 'Ids of persons that no decision makes again.';

CREATE TABLE memoria.erasures (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid,
    scope text NOT NULL,
    subject_hash text,
    status text DEFAULT 'requested'::text NOT NULL,
    receipt jsonb,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    source text DEFAULT 'sql'::text NOT NULL,
    reason text DEFAULT 'request'::text NOT NULL,
    due_at timestamp with time zone DEFAULT (now() + '1 day'::interval) NOT NULL,
    rows_at timestamp with time zone,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    error text,
    signature text,
    key_id text,
    CONSTRAINT erasures_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT erasures_check CHECK (((status = 'completed'::text) = (completed_at IS NOT NULL))),
    CONSTRAINT erasures_counts_check CHECK ((jsonb_typeof(counts) = 'object'::text)),
    CONSTRAINT erasures_reason_check CHECK ((reason = ANY (ARRAY['request'::text, 'withdrawn'::text, 'retention'::text, 'archived'::text, 'restored'::text]))),
    CONSTRAINT erasures_receipt_check CHECK ((jsonb_typeof(receipt) = 'object'::text)),
    CONSTRAINT erasures_scope_check CHECK ((scope = ANY (ARRAY['person'::text, 'photos'::text, 'archive'::text, 'event'::text]))),
    CONSTRAINT erasures_source_check CHECK ((source = ANY (ARRAY['page'::text, 'api'::text, 'cli'::text, 'job'::text, 'sql'::text, 'schedule'::text]))),
    CONSTRAINT erasures_status_check CHECK ((status = ANY (ARRAY['requested'::text, 'running'::text, 'completed'::text, 'failed'::text])))
);

ALTER TABLE ONLY memoria.erasures FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.erasures IS 'What was erased, without saying whom; for good once completed.';

COMMENT ON COLUMN memoria.erasures.subject_hash IS 'Keyed: tells only who knows the key and whom to ask for.';

COMMENT ON COLUMN memoria.erasures.rows_at IS 'When the rows were gone; the rest is under way.';

COMMENT ON COLUMN memoria.erasures.error IS 'The class of the last failure.';

CREATE TABLE memoria.event_keys (
    event_id uuid NOT NULL,
    wrapped bytea NOT NULL,
    master text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT event_keys_wrapped_check CHECK ((octet_length(wrapped) = 60))
);

ALTER TABLE ONLY memoria.event_keys FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.event_keys IS 'Keys of exports, each wrapped by the master key; an erased event has none.';

COMMENT ON COLUMN memoria.event_keys.master IS 'Which master key wrapped it: a fingerprint.';

CREATE TABLE memoria.event_members (
    event_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    display_name text,
    email text,
    CONSTRAINT event_members_display_name_check CHECK ((length(display_name) <= 200)),
    CONSTRAINT event_members_email_check CHECK (((email = lower(btrim(email))) AND (length(email) <= 320))),
    CONSTRAINT event_members_role_check CHECK ((role = ANY (ARRAY['organiser'::text, 'photographer'::text, 'member'::text, 'guest'::text])))
);

ALTER TABLE ONLY memoria.event_members FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.event_members.email IS 'Where sign-in links go; lower case.';

CREATE TABLE memoria.face_changes (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    came bigint DEFAULT 0 NOT NULL,
    which bigint DEFAULT 0 NOT NULL,
    other bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY memoria.face_changes FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.face_changes IS 'What a run adds up to see whether faces changed since.';

COMMENT ON COLUMN memoria.face_changes.which IS 'The faces that came, as one number: their ids, hashed.';

COMMENT ON COLUMN memoria.face_changes.other IS 'Faces went, or are not what they were.';

ALTER TABLE memoria.face_changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME memoria.face_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE memoria.faces (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    face_person_id uuid,
    bbox jsonb NOT NULL,
    landmarks jsonb,
    det_score real,
    quality_score real DEFAULT 0 NOT NULL,
    quality_class text DEFAULT 'A'::text NOT NULL,
    embedding public.halfvec(512),
    model text NOT NULL,
    probability real,
    margin real,
    evidence uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    human_touched boolean DEFAULT false NOT NULL,
    lost boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    embedded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    erased_at timestamp with time zone,
    machine_person_id uuid,
    verdict text,
    not_person_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    CONSTRAINT faces_bbox_check CHECK (COALESCE((((((bbox ->> 'x'::text))::double precision >= (0)::double precision) AND (((bbox ->> 'x'::text))::double precision <= (1)::double precision)) AND ((((bbox ->> 'y'::text))::double precision >= (0)::double precision) AND (((bbox ->> 'y'::text))::double precision <= (1)::double precision)) AND (((bbox ->> 'w'::text))::double precision > (0)::double precision) AND (((bbox ->> 'h'::text))::double precision > (0)::double precision) AND ((((bbox ->> 'x'::text))::double precision + ((bbox ->> 'w'::text))::double precision) <= (1.000001)::double precision) AND ((((bbox ->> 'y'::text))::double precision + ((bbox ->> 'h'::text))::double precision) <= (1.000001)::double precision)), false)),
    CONSTRAINT faces_check CHECK (((NOT lost) OR human_touched)),
    CONSTRAINT faces_det_score_check CHECK (((det_score >= (0)::double precision) AND (det_score <= (1)::double precision))),
    CONSTRAINT faces_embedding_unit_length CHECK (((embedding IS NULL) OR ((public.l2_norm(embedding) >= (0.99)::double precision) AND (public.l2_norm(embedding) <= (1.01)::double precision)))),
    CONSTRAINT faces_embedding_unless_erased CHECK (((embedding IS NULL) = (erased_at IS NOT NULL))),
    CONSTRAINT faces_not_whom_it_is_not CHECK ((NOT (face_person_id = ANY (not_person_ids)))),
    CONSTRAINT faces_probability_check CHECK (((probability >= (0)::double precision) AND (probability <= (1)::double precision))),
    CONSTRAINT faces_quality_class_check CHECK ((quality_class = ANY (ARRAY['A'::text, 'B'::text, 'C'::text]))),
    CONSTRAINT faces_quality_score_check CHECK (((quality_score >= (0)::double precision) AND (quality_score <= (1)::double precision))),
    CONSTRAINT faces_verdict_by_a_human CHECK ((human_touched OR ((verdict IS NULL) AND (not_person_ids = '{}'::uuid[])))),
    CONSTRAINT faces_verdict_check CHECK ((verdict = ANY (ARRAY['person'::text, 'ignored'::text, 'not_a_face'::text]))),
    CONSTRAINT faces_verdict_says_who CHECK (((verdict IS NULL) OR ((verdict = 'person'::text) = (face_person_id IS NOT NULL))))
)
PARTITION BY LIST (event_id);

ALTER TABLE ONLY memoria.faces FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.faces.face_person_id IS 'Who it is: what the verdict says, else the person the machine found, merges followed.';

COMMENT ON COLUMN memoria.faces.bbox IS '{x, y, w, h} in [0, 1] of the upright photo.';

COMMENT ON COLUMN memoria.faces.landmarks IS 'Five [x, y] in [0, 1] of the upright photo.';

COMMENT ON COLUMN memoria.faces.embedding IS 'Unit length, padded with zeros to 512; packs are never compared with one another.';

COMMENT ON COLUMN memoria.faces.probability IS 'That the face is of face_person_id.';

COMMENT ON COLUMN memoria.faces.margin IS 'How far the runner-up was behind.';

COMMENT ON COLUMN memoria.faces.human_touched IS 'An active decision names it, or it was lost so.';

COMMENT ON COLUMN memoria.faces.lost IS 'A human touched it, and no analysis finds it any more.';

COMMENT ON COLUMN memoria.faces.machine_person_id IS 'What the last automatic run said; frozen while a verdict stands, so that undo finds it.';

COMMENT ON COLUMN memoria.faces.verdict IS 'What a human said, or null: then the machine decides.';

COMMENT ON COLUMN memoria.faces.not_person_ids IS 'Whom a human said it is not.';

CREATE TABLE memoria.faces_beside (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    face_id uuid,
    bbox jsonb NOT NULL,
    landmarks jsonb,
    det_score real,
    quality_score real DEFAULT 0 NOT NULL,
    quality_class text DEFAULT 'A'::text NOT NULL,
    embedding public.halfvec(512) NOT NULL,
    model text NOT NULL,
    embedded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT faces_beside_det_score_check CHECK (((det_score >= (0)::double precision) AND (det_score <= (1)::double precision))),
    CONSTRAINT faces_beside_embedding_check CHECK (((public.l2_norm(embedding) >= (0.99)::double precision) AND (public.l2_norm(embedding) <= (1.01)::double precision))),
    CONSTRAINT faces_beside_quality_class_check CHECK ((quality_class = ANY (ARRAY['A'::text, 'B'::text, 'C'::text]))),
    CONSTRAINT faces_beside_quality_score_check CHECK (((quality_score >= (0)::double precision) AND (quality_score <= (1)::double precision)))
)
PARTITION BY LIST (event_id);

ALTER TABLE ONLY memoria.faces_beside FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.faces_beside IS 'What another pack finds, until the event moves to it.';

COMMENT ON COLUMN memoria.faces_beside.face_id IS 'The face that it is, matched by its box, or null.';

CREATE TABLE memoria.forecasts (
    event_id uuid NOT NULL,
    right_now real,
    answers jsonb DEFAULT '{}'::jsonb NOT NULL,
    total integer DEFAULT 0 NOT NULL,
    decisions_seq bigint DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT forecasts_answers_check CHECK ((jsonb_typeof(answers) = 'object'::text)),
    CONSTRAINT forecasts_right_now_check CHECK (((right_now >= (0)::double precision) AND (right_now <= (1)::double precision)))
);

ALTER TABLE ONLY memoria.forecasts FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.hidden (
    event_id uuid NOT NULL,
    user_id uuid NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    by_self boolean NOT NULL
);

ALTER TABLE ONLY memoria.hidden FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.hidden IS 'Who is blurred in what viewers get.';

COMMENT ON COLUMN memoria.hidden.user_id IS 'Of who was erased: the erasure, as in tombstones.';

COMMENT ON COLUMN memoria.hidden.by_self IS 'The person asked for it: no organiser takes it back.';

CREATE TABLE memoria.hidden_boxes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    sha256 text,
    user_id uuid,
    bbox jsonb NOT NULL
);

ALTER TABLE ONLY memoria.hidden_boxes FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.hidden_boxes IS 'Boxes of hidden persons that were archived or erased.';

COMMENT ON COLUMN memoria.hidden_boxes.user_id IS 'As in hidden; null: nobody knew whose it was.';

CREATE TABLE memoria.idempotency (
    user_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    status integer,
    body jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_key_check CHECK ((length(key) <= 255))
);

ALTER TABLE ONLY memoria.idempotency FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.invitations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    person_id uuid NOT NULL,
    email text NOT NULL,
    token_hash bytea,
    invited_by uuid NOT NULL,
    message text,
    media_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    used_at timestamp with time zone,
    used_by uuid,
    CONSTRAINT invitations_check CHECK (((used_at IS NULL) = (used_by IS NULL))),
    CONSTRAINT invitations_email_check CHECK (((email = lower(btrim(email))) AND (length(email) <= 320))),
    CONSTRAINT invitations_media_ids_check CHECK ((cardinality(media_ids) <= 5)),
    CONSTRAINT invitations_message_check CHECK ((length(message) <= 2000))
);

ALTER TABLE ONLY memoria.invitations FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.links (
    token_hash bytea NOT NULL,
    kind text DEFAULT 'sign_in'::text NOT NULL,
    user_id uuid NOT NULL,
    event_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT links_kind_check CHECK ((kind = 'sign_in'::text))
);

ALTER TABLE ONLY memoria.links FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.lookouts (
    name text NOT NULL,
    looked_at timestamp with time zone DEFAULT now() NOT NULL,
    next_look_at timestamp with time zone DEFAULT now() NOT NULL,
    signature text,
    problem text
);

ALTER TABLE ONLY memoria.lookouts FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.media_beside (
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    model text NOT NULL,
    etag text,
    seen timestamp with time zone,
    sha256 text,
    width integer,
    height integer,
    faces_found integer,
    seconds real,
    attempts integer DEFAULT 1 NOT NULL,
    error_code text,
    error text,
    done_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT media_beside_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT media_beside_check CHECK (((error_code IS NOT NULL) OR ((sha256 IS NOT NULL) AND (faces_found IS NOT NULL)))),
    CONSTRAINT media_beside_faces_found_check CHECK ((faces_found >= 0)),
    CONSTRAINT media_beside_height_check CHECK ((height > 0)),
    CONSTRAINT media_beside_seconds_check CHECK ((seconds >= (0)::double precision)),
    CONSTRAINT media_beside_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT media_beside_width_check CHECK ((width > 0))
);

ALTER TABLE ONLY memoria.media_beside FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.media_tags (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    tagged_user_id uuid NOT NULL,
    tagged_by_user_id uuid NOT NULL,
    source text NOT NULL,
    bbox jsonb,
    face_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT media_tags_source_check CHECK ((source = ANY (ARRAY['manual'::text, 'face_clustering'::text, 'imported'::text, 'suggested'::text])))
);

ALTER TABLE ONLY memoria.media_tags FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.migrations (
    name text NOT NULL,
    sha256 text,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT migrations_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

ALTER TABLE ONLY memoria.migrations FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.migrations IS 'Which files of sql/migrations this database has seen.';

CREATE SEQUENCE memoria.uploads_version
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE memoria.moves (
    event_id uuid NOT NULL,
    face_model text NOT NULL,
    wanted_at timestamp with time zone DEFAULT now() NOT NULL,
    version bigint DEFAULT nextval('memoria.uploads_version'::regclass) NOT NULL,
    asked_key text,
    asked_at timestamp with time zone,
    tried integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text,
    CONSTRAINT moves_tried_check CHECK ((tried >= 0))
);

ALTER TABLE ONLY memoria.moves FORCE ROW LEVEL SECURITY;

CREATE UNLOGGED TABLE memoria.opened (
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    event_id uuid NOT NULL,
    what text NOT NULL,
    id uuid NOT NULL,
    CONSTRAINT opened_what_check CHECK ((what = ANY (ARRAY['face'::text, 'person'::text, 'event'::text, 'decision'::text])))
);

ALTER TABLE ONLY memoria.opened FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.opened IS 'What a decision of the running transaction lets it change.';

CREATE TABLE memoria.questions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    rank integer NOT NULL,
    kind text NOT NULL,
    persons uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    faces uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    p real,
    gain real,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    decisions_seq bigint DEFAULT 0 NOT NULL,
    answered_at timestamp with time zone,
    answer text,
    decision_id uuid,
    skipped_at timestamp with time zone,
    CONSTRAINT questions_detail_check CHECK ((jsonb_typeof(detail) = 'object'::text)),
    CONSTRAINT questions_p_check CHECK (((p >= (0)::double precision) AND (p <= (1)::double precision)))
);

ALTER TABLE ONLY memoria.questions FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.run_answers (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    run_id uuid NOT NULL,
    event_id uuid NOT NULL,
    answer text NOT NULL,
    by_user uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    problem text,
    CONSTRAINT run_answers_answer_check CHECK ((answer = ANY (ARRAY['publish'::text, 'turn_down'::text])))
);

ALTER TABLE ONLY memoria.run_answers FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.sessions (
    token_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    csrf text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY memoria.sessions FORCE ROW LEVEL SECURITY;

CREATE TABLE memoria.tombstones (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    event_id uuid NOT NULL,
    media_id uuid,
    sha256 text,
    bbox jsonb NOT NULL,
    erasure_id uuid NOT NULL
);

ALTER TABLE ONLY memoria.tombstones FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.tombstones IS 'Boxes of erased faces: no template. A face found there again is left out.';

CREATE TABLE memoria.untagged (
    event_id uuid NOT NULL,
    media_id uuid NOT NULL,
    user_id uuid NOT NULL,
    untagged_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY memoria.untagged FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE memoria.untagged IS 'Who does not want to be tagged on a photo by a face.';

CREATE TABLE memoria.uploads (
    event_id uuid NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    quiet_since timestamp with time zone NOT NULL,
    photos integer DEFAULT 0 NOT NULL,
    gone boolean DEFAULT false NOT NULL,
    version bigint DEFAULT nextval('memoria.uploads_version'::regclass) NOT NULL,
    asked_key text,
    asked_at timestamp with time zone,
    tried integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    reason text,
    CONSTRAINT uploads_photos_check CHECK ((photos >= 0)),
    CONSTRAINT uploads_tried_check CHECK ((tried >= 0))
);

ALTER TABLE ONLY memoria.uploads FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.uploads.last_at IS 'When we last heard of a photo of it.';

COMMENT ON COLUMN memoria.uploads.quiet_since IS 'When its source last changed.';

COMMENT ON COLUMN memoria.uploads.photos IS 'That wait for analysis; counted up to a burst.';

COMMENT ON COLUMN memoria.uploads.gone IS 'Photos went: people have to follow.';

COMMENT ON COLUMN memoria.uploads.reason IS 'Why it waits.';

CREATE TABLE memoria.watched (
    event_id uuid NOT NULL,
    root text NOT NULL,
    kind text GENERATED ALWAYS AS (
CASE
    WHEN (root ~~ '%://%'::text) THEN 'bucket'::text
    ELSE 'folder'::text
END) STORED,
    signature text,
    looked_at timestamp with time zone,
    next_look_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    registered_at timestamp with time zone,
    quick boolean DEFAULT false NOT NULL,
    problem text,
    CONSTRAINT watched_root_check CHECK ((root <> ''::text))
);

ALTER TABLE ONLY memoria.watched FORCE ROW LEVEL SECURITY;

COMMENT ON COLUMN memoria.watched.signature IS 'Changes when a photo of it does.';

COMMENT ON COLUMN memoria.watched.changed_at IS 'By the clock of its files.';

COMMENT ON COLUMN memoria.watched.registered_at IS 'When a look last changed our photos.';

COMMENT ON COLUMN memoria.watched.quick IS 'A look costs so little that it may come early.';

COMMENT ON COLUMN memoria.watched.problem IS 'Why it could not be read; nothing was changed then.';

ALTER TABLE ONLY memoria.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.backfills
    ADD CONSTRAINT backfills_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY memoria.callbacks
    ADD CONSTRAINT callbacks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.canaries
    ADD CONSTRAINT canaries_pkey PRIMARY KEY (model, settings);

ALTER TABLE ONLY memoria.cluster_proposals
    ADD CONSTRAINT cluster_proposals_pkey PRIMARY KEY (run_id, face_id);

ALTER TABLE ONLY memoria.cluster_runs
    ADD CONSTRAINT cluster_runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.comparisons
    ADD CONSTRAINT comparisons_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.decisions
    ADD CONSTRAINT decisions_one_order UNIQUE (event_id, seq);

ALTER TABLE ONLY memoria.decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.erased_persons
    ADD CONSTRAINT erased_persons_pkey PRIMARY KEY (event_id, person_id);

ALTER TABLE ONLY memoria.erasure_requests
    ADD CONSTRAINT erasure_requests_pkey PRIMARY KEY (id);

ALTER TABLE memoria.erasures
    ADD CONSTRAINT erasures_completed_is_signed CHECK (((status <> 'completed'::text) OR (signature IS NOT NULL))) NOT VALID;

ALTER TABLE ONLY memoria.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.event_keys
    ADD CONSTRAINT event_keys_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY memoria.event_members
    ADD CONSTRAINT event_members_pkey PRIMARY KEY (event_id, user_id);

ALTER TABLE ONLY memoria.events
    ADD CONSTRAINT events_code_key UNIQUE (code);

ALTER TABLE ONLY memoria.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.face_changes
    ADD CONSTRAINT face_changes_pkey PRIMARY KEY (event_id, id);

ALTER TABLE ONLY memoria.face_persons
    ADD CONSTRAINT face_persons_event_id_id_key UNIQUE (event_id, id);

ALTER TABLE ONLY memoria.face_persons
    ADD CONSTRAINT face_persons_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.faces_beside
    ADD CONSTRAINT faces_beside_pkey PRIMARY KEY (id, event_id);

ALTER TABLE ONLY memoria.faces
    ADD CONSTRAINT faces_pkey PRIMARY KEY (id, event_id);

ALTER TABLE ONLY memoria.forecasts
    ADD CONSTRAINT forecasts_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY memoria.hidden_boxes
    ADD CONSTRAINT hidden_boxes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.hidden
    ADD CONSTRAINT hidden_pkey PRIMARY KEY (event_id, user_id);

ALTER TABLE ONLY memoria.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY memoria.invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.invitations
    ADD CONSTRAINT invitations_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY memoria.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY memoria.lookouts
    ADD CONSTRAINT lookouts_pkey PRIMARY KEY (name);

ALTER TABLE ONLY memoria.media_beside
    ADD CONSTRAINT media_beside_pkey PRIMARY KEY (event_id, media_id);

ALTER TABLE ONLY memoria.media
    ADD CONSTRAINT media_event_id_id_key UNIQUE (event_id, id);

ALTER TABLE ONLY memoria.media
    ADD CONSTRAINT media_event_id_storage_key_key UNIQUE (event_id, storage_key);

ALTER TABLE ONLY memoria.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.media_tags
    ADD CONSTRAINT media_tags_media_id_tagged_user_id_key UNIQUE (media_id, tagged_user_id);

ALTER TABLE ONLY memoria.media_tags
    ADD CONSTRAINT media_tags_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY memoria.ml_jobs
    ADD CONSTRAINT ml_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.moves
    ADD CONSTRAINT moves_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY memoria.opened
    ADD CONSTRAINT opened_pkey PRIMARY KEY (transaction, event_id, what, id);

ALTER TABLE ONLY memoria.questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.run_answers
    ADD CONSTRAINT run_answers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY memoria.tombstones
    ADD CONSTRAINT tombstones_pkey PRIMARY KEY (id);

ALTER TABLE ONLY memoria.untagged
    ADD CONSTRAINT untagged_pkey PRIMARY KEY (media_id, user_id);

ALTER TABLE ONLY memoria.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY memoria.watched
    ADD CONSTRAINT watched_pkey PRIMARY KEY (event_id);

CREATE INDEX audit_actor ON memoria.audit USING btree (actor_id, at DESC);

CREATE INDEX audit_event ON memoria.audit USING btree (event_id, at DESC);

CREATE INDEX audit_looks ON memoria.audit USING btree (event_id, actor_id, thing, thing_id, at) WHERE (verb = 'looked'::text);

CREATE INDEX callbacks_dead ON memoria.callbacks USING btree (dead_at) WHERE (dead_at IS NOT NULL);

CREATE INDEX callbacks_due ON memoria.callbacks USING btree (next_attempt_at) WHERE ((delivered_at IS NULL) AND (dead_at IS NULL));

CREATE INDEX callbacks_event ON memoria.callbacks USING btree (event_id);

CREATE INDEX callbacks_job ON memoria.callbacks USING btree (job_id);

CREATE INDEX cluster_proposals_event ON memoria.cluster_proposals USING btree (event_id);

CREATE INDEX cluster_runs_event ON memoria.cluster_runs USING btree (event_id, published_at DESC);

CREATE INDEX cluster_runs_newest ON memoria.cluster_runs USING btree (event_id, created_at DESC, id);

CREATE UNIQUE INDEX cluster_runs_proposed ON memoria.cluster_runs USING btree (event_id) WHERE (status = 'proposed'::text);

CREATE INDEX comparisons_event ON memoria.comparisons USING btree (event_id, created_at DESC);

CREATE INDEX consents_event ON memoria.consents USING btree (event_id);

CREATE INDEX consents_newest ON memoria.consents USING btree (event_id, user_id, purpose, seq DESC);

CREATE INDEX consents_user ON memoria.consents USING btree (user_id, event_id, purpose, recorded_at DESC);

CREATE INDEX decisions_faces ON memoria.decisions USING gin (face_ids);

CREATE INDEX decisions_other_person ON memoria.decisions USING btree (event_id, other_person_id) WHERE (other_person_id IS NOT NULL);

CREATE INDEX decisions_person ON memoria.decisions USING btree (event_id, person_id);

CREATE INDEX decisions_persons ON memoria.decisions USING gin (person_ids) WHERE (person_ids <> '{}'::uuid[]);

CREATE INDEX decisions_supersedes ON memoria.decisions USING btree (supersedes) WHERE (supersedes IS NOT NULL);

CREATE INDEX erasure_requests_subject ON memoria.erasure_requests USING btree (event_id, user_id);

CREATE INDEX erasures_event ON memoria.erasures USING btree (event_id);

CREATE INDEX erasures_open ON memoria.erasures USING btree (requested_at) WHERE (completed_at IS NULL);

CREATE INDEX event_members_address ON memoria.event_members USING btree (email) WHERE (email IS NOT NULL);

CREATE UNIQUE INDEX event_members_email ON memoria.event_members USING btree (event_id, email) WHERE (email IS NOT NULL);

CREATE INDEX event_members_user ON memoria.event_members USING btree (user_id);

CREATE UNIQUE INDEX events_photo_root ON memoria.events USING btree (photo_root) WHERE (status <> 'deleted'::text);

CREATE INDEX face_persons_linked ON memoria.face_persons USING btree (linked_user_id) WHERE (linked_user_id IS NOT NULL);

CREATE INDEX face_persons_merged ON memoria.face_persons USING btree (event_id, merged_into_id) WHERE (merged_into_id IS NOT NULL);

CREATE INDEX face_persons_status ON memoria.face_persons USING btree (event_id, status);

CREATE INDEX faces_beside_media ON ONLY memoria.faces_beside USING btree (event_id, media_id);

CREATE INDEX faces_machine_person ON ONLY memoria.faces USING btree (event_id, machine_person_id);

CREATE INDEX faces_media ON ONLY memoria.faces USING btree (event_id, media_id);

CREATE INDEX faces_person ON ONLY memoria.faces USING btree (event_id, face_person_id);

CREATE INDEX hidden_boxes_media ON memoria.hidden_boxes USING btree (event_id, media_id);

CREATE INDEX idempotency_age ON memoria.idempotency USING btree (created_at);

CREATE INDEX invitations_person ON memoria.invitations USING btree (event_id, person_id);

CREATE INDEX links_event ON memoria.links USING btree (event_id);

CREATE INDEX links_expired ON memoria.links USING btree (expires_at);

CREATE INDEX links_user ON memoria.links USING btree (user_id);

CREATE INDEX media_analysed_minute ON memoria.media USING btree (date_bin('00:01:00'::interval, analysed_at, '2000-01-01 00:00:00+00'::timestamp with time zone));

CREATE INDEX media_arrived ON memoria.media USING btree (arrived) WHERE (arrived IS NOT NULL);

CREATE INDEX media_duplicate_of ON memoria.media USING btree (event_id, duplicate_of) WHERE (duplicate_of IS NOT NULL);

CREATE INDEX media_failed ON memoria.media USING btree (error_code) WHERE (status = 'failed'::text);

CREATE INDEX media_pending ON memoria.media USING btree (created_at) WHERE (status = 'pending'::text);

CREATE INDEX media_sha256 ON memoria.media USING btree (event_id, sha256);

CREATE INDEX media_status ON memoria.media USING btree (event_id, status);

CREATE INDEX media_tags_event ON memoria.media_tags USING btree (event_id);

CREATE INDEX media_tags_face ON memoria.media_tags USING btree (event_id, face_id) WHERE (face_id IS NOT NULL);

CREATE INDEX media_tags_user ON memoria.media_tags USING btree (tagged_user_id, event_id);

CREATE INDEX ml_jobs_claims ON memoria.ml_jobs USING btree (claim_token) WHERE (claim_token IS NOT NULL);

CREATE INDEX ml_jobs_event ON memoria.ml_jobs USING btree (event_id, job_type, status);

CREATE INDEX ml_jobs_leases ON memoria.ml_jobs USING btree (lease_until) WHERE (status = 'processing'::text);

CREATE INDEX ml_jobs_pending ON memoria.ml_jobs USING btree ((
CASE priority
    WHEN 'high'::text THEN 0
    WHEN 'normal'::text THEN 1
    ELSE 2
END), created_at, id) WHERE (status = 'pending'::text);

CREATE INDEX moves_due ON memoria.moves USING btree (due_at);

CREATE INDEX questions_event ON memoria.questions USING btree (event_id, rank);

CREATE INDEX run_answers_event ON memoria.run_answers USING btree (event_id);

CREATE UNIQUE INDEX run_answers_open ON memoria.run_answers USING btree (run_id) WHERE (done_at IS NULL);

CREATE INDEX run_answers_run ON memoria.run_answers USING btree (run_id);

CREATE INDEX sessions_expired ON memoria.sessions USING btree (expires_at);

CREATE INDEX sessions_user ON memoria.sessions USING btree (user_id);

CREATE INDEX tombstones_bytes ON memoria.tombstones USING btree (event_id, sha256) WHERE (sha256 IS NOT NULL);

CREATE INDEX tombstones_erasure ON memoria.tombstones USING btree (erasure_id);

CREATE INDEX tombstones_media ON memoria.tombstones USING btree (event_id, media_id);

CREATE INDEX untagged_event ON memoria.untagged USING btree (event_id, media_id);

CREATE INDEX uploads_due ON memoria.uploads USING btree (due_at);

CREATE INDEX watched_early ON memoria.watched USING btree (next_look_at) WHERE quick;

CREATE INDEX watched_next ON memoria.watched USING btree (next_look_at);

CREATE INDEX watched_root ON memoria.watched USING btree (root);

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON memoria.audit FOR EACH ROW EXECUTE FUNCTION memoria.audit_append_only();

CREATE TRIGGER audit_not_truncated BEFORE TRUNCATE ON memoria.audit FOR EACH STATEMENT EXECUTE FUNCTION memoria.audit_append_only();

CREATE TRIGGER audited AFTER INSERT ON memoria.consents FOR EACH ROW EXECUTE FUNCTION memoria.audited('changed', 'consent', 'recorded_by', 'event_id', 'id');

CREATE TRIGGER audited AFTER INSERT ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.audited('decided', 'decision', 'actor_id', 'event_id', 'id');

CREATE TRIGGER audited AFTER INSERT ON memoria.erasure_requests FOR EACH ROW EXECUTE FUNCTION memoria.audited('erased', 'erasure', 'requested_by', 'event_id', 'id');

CREATE TRIGGER audited AFTER INSERT OR DELETE ON memoria.event_members FOR EACH ROW EXECUTE FUNCTION memoria.audited('changed', 'member', '', 'event_id', 'user_id');

CREATE TRIGGER audited AFTER UPDATE ON memoria.events FOR EACH ROW WHEN (((((((((old.name IS DISTINCT FROM new.name) OR (old.code IS DISTINCT FROM new.code)) OR (old.status IS DISTINCT FROM new.status)) OR (old.face_recognition_enabled IS DISTINCT FROM new.face_recognition_enabled)) OR (old.ends_at IS DISTINCT FROM new.ends_at)) OR (old.retention_days IS DISTINCT FROM new.retention_days)) OR (old.keep_tombstones IS DISTINCT FROM new.keep_tombstones)) OR (old.analysis_mode IS DISTINCT FROM new.analysis_mode))) EXECUTE FUNCTION memoria.audited('changed', 'event', '', 'id', 'id');

CREATE TRIGGER audited AFTER INSERT OR DELETE ON memoria.hidden FOR EACH ROW EXECUTE FUNCTION memoria.audited('changed', 'hidden', '', 'event_id', 'user_id');

CREATE TRIGGER audited AFTER INSERT ON memoria.invitations FOR EACH ROW EXECUTE FUNCTION memoria.audited('invited', 'invitation', 'invited_by', 'event_id', 'id');

CREATE TRIGGER audited AFTER INSERT ON memoria.run_answers FOR EACH ROW EXECUTE FUNCTION memoria.audited('decided', 'run', 'by_user', 'event_id', 'run_id');

CREATE TRIGGER audited AFTER INSERT ON memoria.sessions FOR EACH ROW EXECUTE FUNCTION memoria.audited('signed_in', 'session', 'user_id', '', '');

CREATE TRIGGER audited_changed AFTER UPDATE OF role ON memoria.event_members FOR EACH ROW WHEN ((old.role IS DISTINCT FROM new.role)) EXECUTE FUNCTION memoria.audited('changed', 'member', '', 'event_id', 'user_id');

CREATE TRIGGER cleanup_face_embeddings_on_event_archive AFTER UPDATE OF status ON memoria.events FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION memoria.cleanup_face_embeddings_on_event_archive();

CREATE TRIGGER consents_look_again AFTER INSERT ON memoria.consents FOR EACH ROW WHEN ((new.given AND (new.purpose = 'other_events'::text))) EXECUTE FUNCTION memoria.consents_look_again();

CREATE TRIGGER decisions_append_only BEFORE DELETE OR UPDATE ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.decisions_append_only();

CREATE TRIGGER decisions_in_order BEFORE INSERT ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.decisions_in_order();

CREATE TRIGGER decisions_not_truncated BEFORE TRUNCATE ON memoria.decisions FOR EACH STATEMENT EXECUTE FUNCTION memoria.decisions_append_only();

CREATE TRIGGER decisions_open AFTER INSERT ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.decisions_open();

CREATE CONSTRAINT TRIGGER decisions_shut AFTER INSERT ON memoria.decisions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION memoria.decisions_open();

CREATE TRIGGER decisions_stay_erased BEFORE INSERT ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.decisions_stay_erased();

CREATE TRIGGER erasures_append_only BEFORE DELETE OR UPDATE ON memoria.erasures FOR EACH ROW EXECUTE FUNCTION memoria.erasures_append_only();

CREATE TRIGGER erasures_not_truncated BEFORE TRUNCATE ON memoria.erasures FOR EACH STATEMENT EXECUTE FUNCTION memoria.erasures_append_only();

CREATE TRIGGER event_is_watched AFTER INSERT OR UPDATE OF status, photo_root, face_recognition_enabled, wanted_face_model, face_model ON memoria.events FOR EACH ROW EXECUTE FUNCTION memoria.event_is_watched();

CREATE TRIGGER event_members_address BEFORE INSERT OR UPDATE OF email ON memoria.event_members FOR EACH ROW EXECUTE FUNCTION memoria.event_members_address();

CREATE TRIGGER events_create_partition AFTER INSERT ON memoria.events FOR EACH ROW EXECUTE FUNCTION memoria.events_partition();

CREATE TRIGGER events_drop_partition BEFORE DELETE ON memoria.events FOR EACH ROW EXECUTE FUNCTION memoria.events_partition();

CREATE TRIGGER events_mode AFTER UPDATE OF analysis_mode ON memoria.events FOR EACH ROW WHEN ((old.analysis_mode IS DISTINCT FROM new.analysis_mode)) EXECUTE FUNCTION memoria.events_mode();

CREATE TRIGGER events_selfies_go AFTER UPDATE OF status ON memoria.events FOR EACH ROW WHEN ((new.status <> 'active'::text)) EXECUTE FUNCTION memoria.events_selfies_go();

CREATE TRIGGER events_switched AFTER UPDATE OF face_recognition_enabled ON memoria.events FOR EACH ROW WHEN ((old.face_recognition_enabled IS DISTINCT FROM new.face_recognition_enabled)) EXECUTE FUNCTION memoria.events_switch();

CREATE TRIGGER events_switched_on AFTER INSERT ON memoria.events FOR EACH ROW WHEN (new.face_recognition_enabled) EXECUTE FUNCTION memoria.events_switch();

CREATE TRIGGER events_without_tombstones AFTER UPDATE OF keep_tombstones ON memoria.events FOR EACH ROW WHEN ((old.keep_tombstones AND (NOT new.keep_tombstones))) EXECUTE FUNCTION memoria.events_without_tombstones();

CREATE TRIGGER face_changes_folded AFTER INSERT ON memoria.cluster_runs FOR EACH ROW EXECUTE FUNCTION memoria.face_changes_folded();

CREATE TRIGGER face_changes_gone AFTER UPDATE OF status ON memoria.events FOR EACH ROW WHEN ((new.status <> 'active'::text)) EXECUTE FUNCTION memoria.face_changes_gone();

CREATE TRIGGER face_changes_gone_with_event AFTER DELETE ON memoria.events FOR EACH ROW EXECUTE FUNCTION memoria.face_changes_gone();

CREATE TRIGGER face_persons_guard BEFORE INSERT OR UPDATE OF representative_face_id, event_id ON memoria.face_persons FOR EACH ROW WHEN ((new.representative_face_id IS NOT NULL)) EXECUTE FUNCTION memoria.face_persons_guard();

CREATE TRIGGER face_persons_keep_decided BEFORE DELETE ON memoria.face_persons FOR EACH ROW WHEN ((old.human_touched OR (old.status = ANY (ARRAY['linked'::text, 'invited'::text, 'ignored'::text])))) EXECUTE FUNCTION memoria.face_persons_keep_decisions();

CREATE TRIGGER face_persons_keep_decisions BEFORE UPDATE ON memoria.face_persons FOR EACH ROW WHEN ((old.human_touched OR new.human_touched OR (old.status = ANY (ARRAY['linked'::text, 'invited'::text, 'ignored'::text])))) EXECUTE FUNCTION memoria.face_persons_keep_decisions();

CREATE TRIGGER face_persons_keep_undecided BEFORE INSERT ON memoria.face_persons FOR EACH ROW WHEN (new.human_touched) EXECUTE FUNCTION memoria.face_persons_keep_decisions();

CREATE TRIGGER face_persons_not_truncated BEFORE TRUNCATE ON memoria.face_persons FOR EACH STATEMENT EXECUTE FUNCTION memoria.not_truncated();

CREATE TRIGGER face_persons_stay_erased BEFORE INSERT OR UPDATE OF id ON memoria.face_persons FOR EACH ROW EXECUTE FUNCTION memoria.face_persons_stay_erased();

CREATE TRIGGER faces_came AFTER INSERT ON memoria.faces REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION memoria.faces_came();

CREATE TRIGGER faces_changed AFTER UPDATE OF id, event_id, media_id, embedding, model, quality_score, quality_class, lost, erased_at, embedded_at ON memoria.faces FOR EACH ROW EXECUTE FUNCTION memoria.face_changes_noted();

CREATE TRIGGER faces_changes_written AFTER UPDATE OF id, event_id, media_id, embedding, model, quality_score, quality_class, lost, erased_at, embedded_at ON memoria.faces FOR EACH STATEMENT EXECUTE FUNCTION memoria.face_changes_written();

CREATE TRIGGER faces_gone AFTER DELETE ON memoria.faces REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.faces_gone();

CREATE TRIGGER faces_guard BEFORE INSERT OR UPDATE OF embedding, event_id ON memoria.faces FOR EACH ROW WHEN ((new.embedding IS NOT NULL)) EXECUTE FUNCTION memoria.faces_guard();

CREATE TRIGGER faces_guard BEFORE INSERT OR UPDATE OF embedding, event_id ON memoria.faces_beside FOR EACH ROW EXECUTE FUNCTION memoria.faces_guard();

CREATE TRIGGER faces_keep_decided BEFORE DELETE ON memoria.faces FOR EACH ROW WHEN (old.human_touched) EXECUTE FUNCTION memoria.faces_keep_decisions();

CREATE TRIGGER faces_keep_decisions BEFORE UPDATE ON memoria.faces FOR EACH ROW WHEN ((old.human_touched OR new.human_touched)) EXECUTE FUNCTION memoria.faces_keep_decisions();

CREATE TRIGGER faces_keep_undecided BEFORE INSERT ON memoria.faces FOR EACH ROW WHEN (new.human_touched) EXECUTE FUNCTION memoria.faces_keep_decisions();

CREATE TRIGGER faces_match BEFORE INSERT OR UPDATE OF embedding, event_id ON memoria.faces FOR EACH ROW WHEN ((new.embedding IS NOT NULL)) EXECUTE FUNCTION memoria.faces_match();

CREATE TRIGGER faces_match BEFORE INSERT OR UPDATE ON memoria.faces_beside FOR EACH ROW EXECUTE FUNCTION memoria.faces_beside_match();

CREATE TRIGGER faces_moved BEFORE UPDATE OF event_id ON memoria.faces FOR EACH ROW WHEN ((old.event_id <> new.event_id)) EXECUTE FUNCTION memoria.faces_moved();

CREATE TRIGGER faces_not_truncated BEFORE TRUNCATE ON memoria.faces FOR EACH STATEMENT EXECUTE FUNCTION memoria.not_truncated();

CREATE TRIGGER faces_selfies_go AFTER DELETE ON memoria.faces REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.selfies_go();

CREATE TRIGGER faces_stay_buried BEFORE INSERT ON memoria.faces FOR EACH ROW WHEN ((current_setting('memoria.tombstones_seen'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION memoria.faces_stay_buried();

CREATE TRIGGER faces_stay_buried BEFORE INSERT ON memoria.faces_beside FOR EACH ROW WHEN ((current_setting('memoria.tombstones_seen'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION memoria.faces_stay_buried();

CREATE TRIGGER faces_went AFTER DELETE ON memoria.faces REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.faces_went();

CREATE TRIGGER forget_event_key AFTER UPDATE OF status ON memoria.events FOR EACH ROW WHEN ((new.status = 'deleted'::text)) EXECUTE FUNCTION memoria.forget_event_key();

CREATE TRIGGER hidden_boxes_of_archive BEFORE UPDATE OF status ON memoria.events FOR EACH ROW WHEN (((old.status = 'active'::text) AND (new.status = 'archived'::text))) EXECUTE FUNCTION memoria.hidden_boxes_of_archive();

CREATE TRIGGER hidden_boxes_of_gone AFTER DELETE ON memoria.faces REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.hidden_boxes_of_gone();

CREATE TRIGGER hidden_boxes_of_untagged AFTER DELETE ON memoria.media_tags REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.hidden_boxes_of_untagged();

CREATE TRIGGER media_arrives BEFORE UPDATE OF status, etag ON memoria.media FOR EACH ROW WHEN (((new.status = ANY (ARRAY['pending'::text, 'missing'::text])) AND ((old.status IS DISTINCT FROM new.status) OR (old.etag IS DISTINCT FROM new.etag)))) EXECUTE FUNCTION memoria.media_arrives();

CREATE TRIGGER media_frees_copies AFTER DELETE ON memoria.media REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.media_frees_copies();

CREATE TRIGGER media_missed AFTER UPDATE OF status ON memoria.media FOR EACH ROW WHEN (((old.status <> new.status) AND (('missing'::text = old.status) OR ('missing'::text = new.status)))) EXECUTE FUNCTION memoria.face_changes_noted();

CREATE TRIGGER media_missed_written AFTER UPDATE OF status ON memoria.media FOR EACH STATEMENT EXECUTE FUNCTION memoria.face_changes_written();

CREATE TRIGGER media_stays_erased BEFORE UPDATE ON memoria.media FOR EACH ROW WHEN ((new.faces_erased_at IS NOT NULL)) EXECUTE FUNCTION memoria.media_stays_erased();

CREATE TRIGGER media_tags_guard BEFORE INSERT OR UPDATE OF event_id, media_id, face_id ON memoria.media_tags FOR EACH ROW EXECUTE FUNCTION memoria.media_tags_guard();

CREATE TRIGGER media_tags_tagged AFTER INSERT ON memoria.media_tags FOR EACH ROW WHEN ((new.source = 'manual'::text)) EXECUTE FUNCTION memoria.media_tags_untagged();

CREATE TRIGGER media_tags_untagged AFTER DELETE ON memoria.media_tags FOR EACH ROW EXECUTE FUNCTION memoria.media_tags_untagged();

CREATE TRIGGER ml_jobs_hold_no_vector BEFORE INSERT OR UPDATE OF result ON memoria.ml_jobs FOR EACH ROW EXECUTE FUNCTION memoria.ml_jobs_hold_no_vector();

CREATE TRIGGER ml_jobs_settled BEFORE UPDATE OF status ON memoria.ml_jobs FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION memoria.ml_jobs_settled();

CREATE TRIGGER no_key_of_the_deleted BEFORE INSERT ON memoria.event_keys FOR EACH ROW EXECUTE FUNCTION memoria.no_key_of_the_deleted();

CREATE TRIGGER signs_in_somewhere BEFORE INSERT ON memoria.links FOR EACH ROW EXECUTE FUNCTION memoria.signs_in_somewhere();

CREATE TRIGGER signs_in_somewhere BEFORE INSERT ON memoria.sessions FOR EACH ROW EXECUTE FUNCTION memoria.signs_in_somewhere();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.backfills FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.cluster_runs FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.comparisons FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.consents FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('user_id');

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.decisions FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('subject_user_id', 'email');

CREATE TRIGGER stays_erased BEFORE INSERT OR UPDATE OF user_id, email ON memoria.event_members FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('user_id', 'email');

CREATE TRIGGER stays_erased BEFORE INSERT OR UPDATE OF linked_user_id, invitation_email ON memoria.face_persons FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('linked_user_id', 'invitation_email');

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.forecasts FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT OR UPDATE OF email, used_by ON memoria.invitations FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('email', 'used_by');

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.links FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.media FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.media_tags FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('tagged_user_id');

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.ml_jobs FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.moves FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.questions FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.run_answers FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.tombstones FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.untagged FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased('user_id');

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.uploads FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER stays_erased BEFORE INSERT ON memoria.watched FOR EACH ROW EXECUTE FUNCTION memoria.stays_erased();

CREATE TRIGGER untagged_selfies_go AFTER DELETE ON memoria.untagged REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION memoria.selfies_go();

ALTER TABLE ONLY memoria.backfills
    ADD CONSTRAINT backfills_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.callbacks
    ADD CONSTRAINT callbacks_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.callbacks
    ADD CONSTRAINT callbacks_job_id_fkey FOREIGN KEY (job_id) REFERENCES memoria.ml_jobs(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.cluster_proposals
    ADD CONSTRAINT cluster_proposals_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.cluster_proposals
    ADD CONSTRAINT cluster_proposals_run_id_fkey FOREIGN KEY (run_id) REFERENCES memoria.cluster_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.cluster_runs
    ADD CONSTRAINT cluster_runs_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.comparisons
    ADD CONSTRAINT comparisons_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.consents
    ADD CONSTRAINT consents_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.decisions
    ADD CONSTRAINT decisions_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.decisions
    ADD CONSTRAINT decisions_supersedes_fkey FOREIGN KEY (supersedes) REFERENCES memoria.decisions(id);

ALTER TABLE ONLY memoria.erased_persons
    ADD CONSTRAINT erased_persons_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.erasure_requests
    ADD CONSTRAINT erasure_requests_id_fkey FOREIGN KEY (id) REFERENCES memoria.erasures(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.event_keys
    ADD CONSTRAINT event_keys_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.event_members
    ADD CONSTRAINT event_members_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.face_persons
    ADD CONSTRAINT face_persons_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.face_persons
    ADD CONSTRAINT face_persons_event_id_merged_into_id_fkey FOREIGN KEY (event_id, merged_into_id) REFERENCES memoria.face_persons(event_id, id);

ALTER TABLE memoria.faces_beside
    ADD CONSTRAINT faces_beside_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE memoria.faces
    ADD CONSTRAINT faces_event_id_face_person_id_fkey FOREIGN KEY (event_id, face_person_id) REFERENCES memoria.face_persons(event_id, id);

ALTER TABLE memoria.faces
    ADD CONSTRAINT faces_event_id_machine_person_id_fkey FOREIGN KEY (event_id, machine_person_id) REFERENCES memoria.face_persons(event_id, id);

ALTER TABLE memoria.faces
    ADD CONSTRAINT faces_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.forecasts
    ADD CONSTRAINT forecasts_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.hidden_boxes
    ADD CONSTRAINT hidden_boxes_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.hidden_boxes
    ADD CONSTRAINT hidden_boxes_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.hidden
    ADD CONSTRAINT hidden_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.invitations
    ADD CONSTRAINT invitations_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.links
    ADD CONSTRAINT links_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.media_beside
    ADD CONSTRAINT media_beside_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.media_beside
    ADD CONSTRAINT media_beside_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.media
    ADD CONSTRAINT media_event_id_duplicate_of_fkey FOREIGN KEY (event_id, duplicate_of) REFERENCES memoria.media(event_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY memoria.media
    ADD CONSTRAINT media_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.media_tags
    ADD CONSTRAINT media_tags_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.media_tags
    ADD CONSTRAINT media_tags_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.ml_jobs
    ADD CONSTRAINT ml_jobs_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.moves
    ADD CONSTRAINT moves_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.questions
    ADD CONSTRAINT questions_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.run_answers
    ADD CONSTRAINT run_answers_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.run_answers
    ADD CONSTRAINT run_answers_run_id_fkey FOREIGN KEY (run_id) REFERENCES memoria.cluster_runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.tombstones
    ADD CONSTRAINT tombstones_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.untagged
    ADD CONSTRAINT untagged_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.untagged
    ADD CONSTRAINT untagged_event_id_media_id_fkey FOREIGN KEY (event_id, media_id) REFERENCES memoria.media(event_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.uploads
    ADD CONSTRAINT uploads_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

ALTER TABLE ONLY memoria.watched
    ADD CONSTRAINT watched_event_id_fkey FOREIGN KEY (event_id) REFERENCES memoria.events(id) ON DELETE CASCADE;

CREATE POLICY analyst_reads ON memoria.cluster_runs FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.comparisons FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.decisions FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.events FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.face_persons FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.media FOR SELECT TO memoria_analyst USING (true);

CREATE POLICY analyst_reads ON memoria.ml_jobs FOR SELECT TO memoria_analyst USING (true);

ALTER TABLE memoria.audit ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.backfills ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.callbacks ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.canaries ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.cluster_proposals ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.cluster_runs ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.comparisons ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.consents ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.decisions ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.erased_persons ENABLE ROW LEVEL SECURITY;

CREATE POLICY erasure ON memoria.audit TO memoria_erasure USING (true) WITH CHECK (true);

CREATE POLICY erasure ON memoria.decisions TO memoria_erasure USING (true) WITH CHECK (true);

CREATE POLICY erasure ON memoria.hidden TO memoria_erasure USING (true) WITH CHECK (true);

CREATE POLICY erasure ON memoria.hidden_boxes TO memoria_erasure USING (true) WITH CHECK (true);

ALTER TABLE memoria.erasure_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.erasures ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.event_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.event_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.events ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.face_changes ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.face_persons ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.faces ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.faces_beside ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.forecasts ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.hidden ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.hidden_boxes ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.invitations ENABLE ROW LEVEL SECURITY;

CREATE POLICY linked_or_organiser_reads ON memoria.face_persons FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((linked_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text, 'member'::text]) AS my_events)))));

ALTER TABLE memoria.links ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.lookouts ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.media ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.media_beside ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.media_tags ENABLE ROW LEVEL SECURITY;

CREATE POLICY members_read ON memoria.events FOR SELECT TO authenticated USING ((id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text, 'member'::text, 'guest'::text]) AS my_events)));

CREATE POLICY members_read ON memoria.media FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text, 'member'::text]) AS my_events)) OR (id IN ( SELECT memoria.my_tagged_photos() AS my_tagged_photos))));

CREATE POLICY members_tag_by_hand ON memoria.media_tags FOR INSERT TO authenticated WITH CHECK (((source = 'manual'::text) AND (tagged_by_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text]) AS my_events)) OR ((tagged_user_id = tagged_by_user_id) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['member'::text]) AS my_events))))));

ALTER TABLE memoria.migrations ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.ml_jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.moves ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.opened ENABLE ROW LEVEL SECURITY;

CREATE POLICY organiser_answers ON memoria.questions FOR UPDATE TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_answers ON memoria.run_answers FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (by_user = ( SELECT memoria.current_user_id() AS current_user_id)) AND (EXISTS ( SELECT
   FROM memoria.cluster_runs r
  WHERE ((r.id = run_answers.run_id) AND (r.event_id = run_answers.event_id))))));

CREATE POLICY organiser_decides ON memoria.decisions FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND ((actor_id = ( SELECT memoria.current_user_id() AS current_user_id)) OR ((actor_id = '00000000-0000-0000-0000-000000000000'::uuid) AND (reason = 'found so'::text) AND (face_ids = '{}'::uuid[]) AND (rest_face_ids = '{}'::uuid[]) AND (person_ids = '{}'::uuid[]) AND (affected_face_ids = '{}'::uuid[]) AND (affected_person_ids = '{}'::uuid[]) AND (other_person_id IS NULL) AND (media_id IS NULL) AND (supersedes IS NULL) AND (EXISTS ( SELECT
   FROM memoria.face_persons p
  WHERE ((p.event_id = decisions.event_id) AND (p.id = decisions.person_id) AND (p.status =
        CASE decisions.kind
            WHEN 'assign'::text THEN 'linked'::text
            WHEN 'invite'::text THEN 'invited'::text
            WHEN 'ignore'::text THEN 'ignored'::text
            ELSE NULL::text
        END) AND (NOT (p.linked_user_id IS DISTINCT FROM decisions.subject_user_id)) AND (COALESCE(p.invitation_email, ''::text) = COALESCE((decisions.details ->> 'email'::text), ''::text)))))))));

CREATE POLICY organiser_decides ON memoria.face_persons FOR UPDATE TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding))));

CREATE POLICY organiser_decides ON memoria.faces FOR UPDATE TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding))));

CREATE POLICY organiser_decides ON memoria.media_tags FOR UPDATE TO authenticated USING (((source = 'face_clustering'::text) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)))) WITH CHECK (((source = 'face_clustering'::text) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding))));

CREATE POLICY organiser_deletes ON memoria.event_members FOR DELETE TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (user_id <> ( SELECT memoria.current_user_id() AS current_user_id))));

CREATE POLICY organiser_deletes ON memoria.face_persons FOR DELETE TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding))));

CREATE POLICY organiser_inserts ON memoria.event_members FOR INSERT TO authenticated WITH CHECK ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_inserts ON memoria.face_persons FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding))));

CREATE POLICY organiser_inserts ON memoria.invitations FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (invited_by = ( SELECT memoria.current_user_id() AS current_user_id)) AND (EXISTS ( SELECT
   FROM memoria.face_persons p
  WHERE ((p.event_id = invitations.event_id) AND (p.id = invitations.person_id))))));

CREATE POLICY organiser_reads ON memoria.cluster_runs FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.decisions FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.erased_persons FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.forecasts FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.invitations FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.questions FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_reads ON memoria.run_answers FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_tags_by_faces ON memoria.media_tags FOR INSERT TO authenticated WITH CHECK (((source = 'face_clustering'::text) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND (event_id IN ( SELECT memoria.deciding() AS deciding)) AND (EXISTS ( SELECT
   FROM (memoria.faces f
     JOIN memoria.face_persons p ON (((p.event_id = f.event_id) AND (p.id = f.face_person_id))))
  WHERE ((f.event_id = media_tags.event_id) AND (f.id = media_tags.face_id) AND (f.verdict = 'person'::text) AND (p.linked_user_id = media_tags.tagged_user_id))))));

CREATE POLICY organiser_updates ON memoria.event_members FOR UPDATE TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) AND ((role = 'organiser'::text) OR (user_id <> ( SELECT memoria.current_user_id() AS current_user_id)))));

CREATE POLICY organiser_updates ON memoria.events FOR UPDATE TO authenticated USING ((id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK ((id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY organiser_updates ON memoria.invitations FOR UPDATE TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))) WITH CHECK ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)));

CREATE POLICY own ON memoria.idempotency TO authenticated USING ((user_id = ( SELECT memoria.current_user_id() AS current_user_id))) WITH CHECK ((user_id = ( SELECT memoria.current_user_id() AS current_user_id)));

CREATE POLICY own_inserts ON memoria.consents FOR INSERT TO authenticated WITH CHECK (((user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (recorded_by = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text, 'member'::text, 'guest'::text]) AS my_events)) AND (purpose <> 'grouping'::text)));

CREATE POLICY own_or_organiser_reads ON memoria.audit FOR SELECT TO authenticated USING (((actor_id = ( SELECT memoria.current_user_id() AS current_user_id)) OR (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))));

CREATE POLICY own_or_organiser_reads ON memoria.event_members FOR SELECT TO authenticated USING (((user_id = ( SELECT memoria.current_user_id() AS current_user_id)) OR (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events))));

CREATE POLICY own_or_organiser_reads ON memoria.faces FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((face_person_id IN ( SELECT memoria.my_persons() AS my_persons)) AND (EXISTS ( SELECT
   FROM memoria.media m
  WHERE ((m.event_id = faces.event_id) AND (m.id = faces.media_id)))))));

CREATE POLICY own_or_organiser_reads ON memoria.hidden FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text, 'member'::text, 'guest'::text]) AS my_events)))));

CREATE POLICY own_reads ON memoria.consents FOR SELECT TO authenticated USING ((user_id = ( SELECT memoria.current_user_id() AS current_user_id)));

CREATE POLICY own_selfie ON memoria.media FOR SELECT TO authenticated USING (((status = 'selfie'::text) AND (id IN ( SELECT memoria.my_selfies() AS my_selfies))));

CREATE POLICY owner ON memoria.opened USING (true) WITH CHECK (true);

CREATE POLICY photographer_asks ON memoria.ml_jobs FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text]) AS my_events)) AND (status = 'pending'::text) AND (job_type = ANY (ARRAY['detect'::text, 'cluster'::text]))));

CREATE POLICY photographer_inserts ON memoria.media FOR INSERT TO authenticated WITH CHECK (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text]) AS my_events)) AND (storage_key !~ '(^|/)\.\.?(/|$)|^/|\\|://|[[:cntrl:]]'::text)));

CREATE POLICY photographer_reads ON memoria.ml_jobs FOR SELECT TO authenticated USING ((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text, 'photographer'::text]) AS my_events)));

ALTER TABLE memoria.questions ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.run_answers ENABLE ROW LEVEL SECURITY;

CREATE POLICY selfies_are_their_own ON memoria.media AS RESTRICTIVE FOR SELECT TO authenticated USING (((status <> 'selfie'::text) OR (id IN ( SELECT memoria.my_selfies() AS my_selfies))));

CREATE POLICY servers ON memoria.idempotency TO memoria_api USING ((user_id = '00000000-0000-0000-0000-000000000000'::uuid)) WITH CHECK ((user_id = '00000000-0000-0000-0000-000000000000'::uuid));

CREATE POLICY service ON memoria.audit TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.backfills TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.callbacks TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.canaries TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.cluster_proposals TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.cluster_runs TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.comparisons TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.consents TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.decisions TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.erased_persons TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.erasure_requests TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.erasures TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.event_keys TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.event_members TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.events TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.face_changes TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.face_persons TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.faces TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.faces_beside TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.forecasts TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.hidden TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.hidden_boxes TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.idempotency TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.invitations TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.links TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.lookouts TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.media TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.media_beside TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.media_tags TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.migrations TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.ml_jobs TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.moves TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.questions TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.run_answers TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.sessions TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.tombstones TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.untagged TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.uploads TO memoria_service USING (true) WITH CHECK (true);

CREATE POLICY service ON memoria.watched TO memoria_service USING (true) WITH CHECK (true);

ALTER TABLE memoria.sessions ENABLE ROW LEVEL SECURITY;

CREATE POLICY tagged_or_organiser_deletes ON memoria.media_tags FOR DELETE TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((tagged_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text, 'member'::text, 'guest'::text]) AS my_events))) OR ((source = 'manual'::text) AND (tagged_by_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text]) AS my_events)))));

CREATE POLICY tagged_or_organiser_reads ON memoria.media_tags FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((tagged_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text, 'member'::text, 'guest'::text]) AS my_events))) OR ((tagged_by_user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text]) AS my_events)))));

CREATE POLICY tagged_or_organiser_reads ON memoria.untagged FOR SELECT TO authenticated USING (((event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['organiser'::text]) AS my_events)) OR ((user_id = ( SELECT memoria.current_user_id() AS current_user_id)) AND (event_id IN ( SELECT memoria.my_events(VARIADIC ARRAY['photographer'::text, 'member'::text, 'guest'::text]) AS my_events)))));

ALTER TABLE memoria.tombstones ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.untagged ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.uploads ENABLE ROW LEVEL SECURITY;

ALTER TABLE memoria.watched ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA analytics TO memoria_service;
GRANT USAGE ON SCHEMA analytics TO memoria_analyst;

GRANT USAGE ON SCHEMA memoria TO memoria_service;
GRANT USAGE ON SCHEMA memoria TO authenticated;
GRANT USAGE ON SCHEMA memoria TO memoria_analyst;
GRANT USAGE ON SCHEMA memoria TO memoria_api;
GRANT USAGE ON SCHEMA memoria TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.added(one jsonb, other jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.agrees("user" uuid, event uuid, purpose text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.agrees("user" uuid, event uuid, purpose text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_accept_invitation(token_hash bytea, user_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_accept_invitation(token_hash bytea, user_name text) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_accept_invitation(token_hash bytea, user_name text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_arm_invitation(invitation uuid, token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_arm_invitation(invitation uuid, token_hash bytea) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_arm_invitation(invitation uuid, token_hash bytea) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_clusters(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_clusters(event uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_clusters(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_create_event("user" uuid, name text, code text, consent boolean, text_version text, language text, photo_root text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_create_event("user" uuid, name text, code text, consent boolean, text_version text, language text, photo_root text) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_create_event("user" uuid, name text, code text, consent boolean, text_version text, language text, photo_root text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_end_session(token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_end_session(token_hash bytea) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_end_session(token_hash bytea) TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.ml_jobs TO memoria_service;
GRANT SELECT ON TABLE memoria.ml_jobs TO authenticated;

GRANT SELECT(id) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(job_type) ON TABLE memoria.ml_jobs TO memoria_analyst;
GRANT INSERT(job_type) ON TABLE memoria.ml_jobs TO authenticated;

GRANT SELECT(event_id) ON TABLE memoria.ml_jobs TO memoria_analyst;
GRANT INSERT(event_id) ON TABLE memoria.ml_jobs TO authenticated;

GRANT INSERT(media_ids) ON TABLE memoria.ml_jobs TO authenticated;

GRANT SELECT(status) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(priority) ON TABLE memoria.ml_jobs TO memoria_analyst;
GRANT INSERT(priority) ON TABLE memoria.ml_jobs TO authenticated;

GRANT SELECT(attempts) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(error) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(created_at) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(started_at) ON TABLE memoria.ml_jobs TO memoria_analyst;

GRANT SELECT(completed_at) ON TABLE memoria.ml_jobs TO memoria_analyst;

REVOKE ALL ON FUNCTION memoria.api_enqueue(job_type text, event uuid, media_ids uuid[], priority text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_enqueue(job_type text, event uuid, media_ids uuid[], priority text) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_enqueue(job_type text, event uuid, media_ids uuid[], priority text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_face_counts(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_face_counts(event uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_face_counts(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_face_source(event uuid, face uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_face_source(event uuid, face uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_face_source(event uuid, face uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_finish_job(job uuid, status text, error text, result jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_finish_job(job uuid, status text, error text, result jsonb) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_finish_job(job uuid, status text, error text, result jsonb) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_invitation(token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_invitation(token_hash bytea) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_invitation(token_hash bytea) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_job(job uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_job(job uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_job(job uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_keep_selfie("user" uuid, event uuid, face jsonb, embedding real[], model text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_keep_selfie("user" uuid, event uuid, face jsonb, embedding real[], model text) TO memoria_service;
GRANT ALL ON FUNCTION memoria.api_keep_selfie("user" uuid, event uuid, face jsonb, embedding real[], model text) TO memoria_api;

REVOKE ALL ON FUNCTION memoria.api_link_for(email text, token_hash bytea, seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_link_for(email text, token_hash bytea, seconds integer) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_link_for(email text, token_hash bytea, seconds integer) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_may_analyse(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_may_analyse(event uuid) TO memoria_service;
GRANT ALL ON FUNCTION memoria.api_may_analyse(event uuid) TO memoria_api;

REVOKE ALL ON FUNCTION memoria.api_photo_root(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_photo_root(event uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_photo_root(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_photo_source(event uuid, media uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_photo_source(event uuid, media uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_photo_source(event uuid, media uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_session(token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_session(token_hash bytea) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_session(token_hash bytea) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_start_session("user" uuid, token_hash bytea, csrf text, seconds integer) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_start_session("user" uuid, token_hash bytea, csrf text, seconds integer) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_start_session("user" uuid, token_hash bytea, csrf text, seconds integer) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_tombstones(event uuid, media uuid, sha256 text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_tombstones(event uuid, media uuid, sha256 text) TO memoria_service;
GRANT ALL ON FUNCTION memoria.api_tombstones(event uuid, media uuid, sha256 text) TO memoria_api;

REVOKE ALL ON FUNCTION memoria.api_use_link(token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_use_link(token_hash bytea) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_use_link(token_hash bytea) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.api_veil(event uuid, media uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.api_veil(event uuid, media uuid) TO memoria_api;
GRANT ALL ON FUNCTION memoria.api_veil(event uuid, media uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.buried(event uuid, photo uuid, box jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.buried(event uuid, photo uuid, box jsonb) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.comparable(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.comparable(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.consents_look_again() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.create_beside_partition(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.create_beside_partition(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.create_event_partition(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.deciding() FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.deciding() TO authenticated;
GRANT ALL ON FUNCTION memoria.deciding() TO memoria_service;

REVOKE ALL ON FUNCTION memoria.decisions_about(event uuid, faces uuid[], persons uuid[], named uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.decisions_about(event uuid, faces uuid[], persons uuid[], named uuid[]) TO authenticated;
GRANT ALL ON FUNCTION memoria.decisions_about(event uuid, faces uuid[], persons uuid[], named uuid[]) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.decisions_stay_erased() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.drop_beside_partition(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.drop_beside_partition(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.drop_event_partition(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.drop_log(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_also("user" uuid, event uuid, scope text, pseudonym uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_archive(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_consents("user" uuid, event uuid, scope text, pseudonym uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_event(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_faces(event uuid, faces uuid[], persons uuid[], request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_faces_of_photos(event uuid, photos uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.erase_faces_of_photos(event uuid, photos uuid[]) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.erase_for_caller(event uuid, "user" uuid, persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.erase_for_caller(event uuid, "user" uuid, persons uuid[]) TO memoria_service;
GRANT ALL ON FUNCTION memoria.erase_for_caller(event uuid, "user" uuid, persons uuid[]) TO authenticated;

REVOKE ALL ON FUNCTION memoria.erase_person(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_photos(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.erase_rows(request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.erase_rows(request uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.erasures_append_only() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.event_is_watched() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.events_mode() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.events_selfies_go() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.events_switch() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.events_without_tombstones() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.face_changes_folded() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.face_changes_gone() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.face_changes_written() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_beside_match() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_came() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_match() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_of_others(event uuid) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.erasure_requests TO memoria_service;

REVOKE ALL ON FUNCTION memoria.faces_on_copies(r memoria.erasure_requests) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_seen(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.faces_seen(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.faces_stay_buried() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.faces_went() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.find_subject(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.finish_erasure(request uuid, receipt jsonb, subject_hash text, signature text, key_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.finish_erasure(request uuid, receipt jsonb, subject_hash text, signature text, key_id text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.forget_before(said jsonb, "user" uuid, faces uuid[], persons uuid[], words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.forget_before(said jsonb, "user" uuid, faces uuid[], persons uuid[], words text[]) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.forget_derived(event uuid, faces uuid[], persons uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.forget_event_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.forget_in_log(event uuid, "user" uuid, faces uuid[], persons uuid[], words text[], pseudonym uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.forget_others(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.forget_others(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.forget_results(event uuid, ids uuid[], words text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.forget_user("user" uuid, ids uuid[], words text[], pseudonym uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.hidden_faces(event uuid, photos uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.hidden_persons(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.hide(event uuid, "user" uuid, hide boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.hide(event uuid, "user" uuid, hide boolean) TO authenticated;
GRANT ALL ON FUNCTION memoria.hide(event uuid, "user" uuid, hide boolean) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.hold_address(address text) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.is_erasure(id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.is_erasure(id uuid) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.is_member("user" uuid, elsewhere_than uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.is_member("user" uuid, elsewhere_than uuid) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.is_open(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.known_as(id uuid, event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.less(those uuid[], gone uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.less(those uuid[], gone uuid[]) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.lock_event(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.lock_event(event uuid) TO authenticated;
GRANT ALL ON FUNCTION memoria.lock_event(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.look_again(event uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.mentions(said text, ids uuid[], words text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.mentions(said text, ids uuid[], words text[]) TO memoria_service;
GRANT ALL ON FUNCTION memoria.mentions(said text, ids uuid[], words text[]) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.ml_jobs_hold_no_vector() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.my_events(VARIADIC roles text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.my_events(VARIADIC roles text[]) TO authenticated;
GRANT ALL ON FUNCTION memoria.my_events(VARIADIC roles text[]) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.my_persons() FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.my_persons() TO authenticated;
GRANT ALL ON FUNCTION memoria.my_persons() TO memoria_service;

REVOKE ALL ON FUNCTION memoria.my_selfies() FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.my_selfies() TO memoria_service;
GRANT ALL ON FUNCTION memoria.my_selfies() TO authenticated;

REVOKE ALL ON FUNCTION memoria.my_tagged_photos() FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.my_tagged_photos() TO authenticated;
GRANT ALL ON FUNCTION memoria.my_tagged_photos() TO memoria_service;

REVOKE ALL ON FUNCTION memoria.named_subject(request uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.no_key_of_the_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.note(verb text, event uuid, thing text, thing_id uuid, times integer) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.note(verb text, event uuid, thing text, thing_id uuid, times integer) TO authenticated;
GRANT ALL ON FUNCTION memoria.note(verb text, event uuid, thing text, thing_id uuid, times integer) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.only_counts(said jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.only_counts(said jsonb) TO memoria_service;
GRANT ALL ON FUNCTION memoria.only_counts(said jsonb) TO authenticated;

REVOKE ALL ON FUNCTION memoria.only_here(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.only_here(event uuid) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.open(event uuid, faces uuid[], persons uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.overlap(one jsonb, other jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.overlap(one jsonb, other jsonb) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.person_for("user" uuid, event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.person_for("user" uuid, event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.persons_erased(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.persons_erased(event uuid) TO memoria_erasure;

REVOKE ALL ON FUNCTION memoria.photo_root_of(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.photo_root_of(event uuid) TO authenticated;
GRANT ALL ON FUNCTION memoria.photo_root_of(event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.purge_face_data_for_user("user" uuid, event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.purge_face_data_for_user("user" uuid, event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.purge_for_caller("user" uuid, event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.purge_for_caller("user" uuid, event uuid) TO authenticated;
GRANT ALL ON FUNCTION memoria.purge_for_caller("user" uuid, event uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.refresh_person_counts(event uuid, persons uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.refresh_person_counts(event uuid, persons uuid[]) TO memoria_service;
GRANT ALL ON FUNCTION memoria.refresh_person_counts(event uuid, persons uuid[]) TO authenticated;

REVOKE ALL ON FUNCTION memoria.request_erasure(scope text, event uuid, "user" uuid, persons uuid[], photos uuid[], source text, reason text, by uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.request_erasure(scope text, event uuid, "user" uuid, persons uuid[], photos uuid[], source text, reason text, by uuid) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.request_for_caller(scope text, event uuid, "user" uuid, persons uuid[], source text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.request_for_caller(scope text, event uuid, "user" uuid, persons uuid[], source text) TO memoria_service;
GRANT ALL ON FUNCTION memoria.request_for_caller(scope text, event uuid, "user" uuid, persons uuid[], source text) TO authenticated;

REVOKE ALL ON FUNCTION memoria.selfies_go() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.selfies_of(event uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.selfies_of(event uuid) TO memoria_service;
GRANT ALL ON FUNCTION memoria.selfies_of(event uuid) TO authenticated;

REVOKE ALL ON FUNCTION memoria.shut(event uuid, faces uuid[], persons uuid[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.signs_in_somewhere() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.stays_erased() FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.take_back(event uuid, purpose text, source text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.take_back(event uuid, purpose text, source text) TO memoria_service;
GRANT ALL ON FUNCTION memoria.take_back(event uuid, purpose text, source text) TO authenticated;

REVOKE ALL ON FUNCTION memoria.told(request uuid, names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.unname_audit(event uuid, pseudonym uuid, "user" uuid, whole boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION memoria.user_of_address(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION memoria.user_of_address(address text) TO memoria_service;

REVOKE ALL ON FUNCTION memoria.write_audit(actor uuid, verb text, event uuid, thing text, thing_id uuid, via text, times integer) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.cluster_runs TO memoria_service;
GRANT SELECT ON TABLE memoria.cluster_runs TO authenticated;

GRANT SELECT(id) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(event_id) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(method) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(measures) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(model) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(status) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(created_at) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(published_at) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT(kind) ON TABLE memoria.cluster_runs TO memoria_analyst;

GRANT SELECT ON TABLE analytics.clusterings TO memoria_analyst;
GRANT SELECT ON TABLE analytics.clusterings TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.comparisons TO memoria_service;

GRANT SELECT(event_id) ON TABLE memoria.comparisons TO memoria_analyst;

GRANT SELECT(model) ON TABLE memoria.comparisons TO memoria_analyst;

GRANT SELECT(groupings) ON TABLE memoria.comparisons TO memoria_analyst;

GRANT SELECT(similarities) ON TABLE memoria.comparisons TO memoria_analyst;

GRANT SELECT(created_at) ON TABLE memoria.comparisons TO memoria_analyst;

GRANT SELECT ON TABLE analytics.comparisons TO memoria_analyst;
GRANT SELECT ON TABLE analytics.comparisons TO memoria_service;

GRANT SELECT,INSERT ON TABLE memoria.decisions TO memoria_service;
GRANT SELECT ON TABLE memoria.decisions TO authenticated;
GRANT SELECT,DELETE,UPDATE ON TABLE memoria.decisions TO memoria_erasure;

GRANT INSERT(id) ON TABLE memoria.decisions TO authenticated;

GRANT SELECT(event_id) ON TABLE memoria.decisions TO memoria_analyst;
GRANT INSERT(event_id) ON TABLE memoria.decisions TO authenticated;

GRANT SELECT(kind) ON TABLE memoria.decisions TO memoria_analyst;
GRANT INSERT(kind) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(actor_id) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(face_ids) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(person_id) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(other_person_id) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(media_id) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(subject_user_id) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(details) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(reason) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(supersedes) ON TABLE memoria.decisions TO authenticated;

GRANT SELECT(created_at) ON TABLE memoria.decisions TO memoria_analyst;

GRANT INSERT(rest_face_ids) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(person_ids) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(affected_face_ids) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(affected_person_ids) ON TABLE memoria.decisions TO authenticated;

GRANT INSERT(before) ON TABLE memoria.decisions TO authenticated;

GRANT SELECT ON TABLE analytics.decisions TO memoria_analyst;
GRANT SELECT ON TABLE analytics.decisions TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.media TO memoria_service;
GRANT SELECT ON TABLE memoria.media TO authenticated;

GRANT SELECT(id) ON TABLE memoria.media TO memoria_analyst;
GRANT INSERT(id) ON TABLE memoria.media TO authenticated;

GRANT SELECT(event_id) ON TABLE memoria.media TO memoria_analyst;
GRANT INSERT(event_id) ON TABLE memoria.media TO authenticated;

GRANT INSERT(storage_key) ON TABLE memoria.media TO authenticated;

GRANT INSERT(byte_size) ON TABLE memoria.media TO authenticated;

GRANT INSERT(etag) ON TABLE memoria.media TO authenticated;

GRANT INSERT(modified_at) ON TABLE memoria.media TO authenticated;

GRANT SELECT(status) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(error_code) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(attempts) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(face_model) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(analysed_at) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(faces_found) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT(seconds) ON TABLE memoria.media TO memoria_analyst;

GRANT SELECT ON TABLE analytics.detection TO memoria_analyst;
GRANT SELECT ON TABLE analytics.detection TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.events TO memoria_service;

GRANT SELECT(id) ON TABLE memoria.events TO authenticated;
GRANT SELECT(id) ON TABLE memoria.events TO memoria_analyst;

GRANT SELECT(name),UPDATE(name) ON TABLE memoria.events TO authenticated;

GRANT SELECT(code),UPDATE(code) ON TABLE memoria.events TO authenticated;

GRANT SELECT(status) ON TABLE memoria.events TO authenticated;
GRANT SELECT(status) ON TABLE memoria.events TO memoria_analyst;

GRANT SELECT(face_recognition_enabled),UPDATE(face_recognition_enabled) ON TABLE memoria.events TO authenticated;
GRANT SELECT(face_recognition_enabled) ON TABLE memoria.events TO memoria_analyst;

GRANT SELECT(starts_at),UPDATE(starts_at) ON TABLE memoria.events TO authenticated;

GRANT SELECT(ends_at),UPDATE(ends_at) ON TABLE memoria.events TO authenticated;

GRANT SELECT(retention_days),UPDATE(retention_days) ON TABLE memoria.events TO authenticated;

GRANT SELECT(face_model) ON TABLE memoria.events TO authenticated;

GRANT SELECT(created_at) ON TABLE memoria.events TO authenticated;
GRANT SELECT(created_at) ON TABLE memoria.events TO memoria_analyst;

GRANT SELECT(updated_at),UPDATE(updated_at) ON TABLE memoria.events TO authenticated;

GRANT SELECT(archived_at) ON TABLE memoria.events TO authenticated;
GRANT SELECT(archived_at) ON TABLE memoria.events TO memoria_analyst;

GRANT SELECT(epoch) ON TABLE memoria.events TO authenticated;

GRANT SELECT(keep_tombstones),UPDATE(keep_tombstones) ON TABLE memoria.events TO authenticated;

GRANT SELECT(erased_at) ON TABLE memoria.events TO authenticated;

GRANT SELECT(analysis_mode),UPDATE(analysis_mode) ON TABLE memoria.events TO authenticated;

GRANT SELECT ON TABLE analytics.event_coverage TO memoria_analyst;
GRANT SELECT ON TABLE analytics.event_coverage TO memoria_service;

GRANT SELECT ON TABLE analytics.events_with_recognition TO memoria_analyst;
GRANT SELECT ON TABLE analytics.events_with_recognition TO memoria_service;

GRANT SELECT ON TABLE analytics.failed_jobs TO memoria_analyst;
GRANT SELECT ON TABLE analytics.failed_jobs TO memoria_service;

GRANT SELECT ON TABLE analytics.job_hours TO memoria_analyst;
GRANT SELECT ON TABLE analytics.job_hours TO memoria_service;

GRANT SELECT ON TABLE analytics.jobs TO memoria_analyst;
GRANT SELECT ON TABLE analytics.jobs TO memoria_service;

GRANT SELECT ON TABLE analytics.last_clustering TO memoria_analyst;
GRANT SELECT ON TABLE analytics.last_clustering TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.face_persons TO memoria_service;
GRANT SELECT,DELETE ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT(id) ON TABLE memoria.face_persons TO memoria_analyst;
GRANT INSERT(id) ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT(event_id) ON TABLE memoria.face_persons TO memoria_analyst;
GRANT INSERT(event_id) ON TABLE memoria.face_persons TO authenticated;

GRANT UPDATE(representative_face_id) ON TABLE memoria.face_persons TO authenticated;

GRANT INSERT(linked_user_id),UPDATE(linked_user_id) ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT(status) ON TABLE memoria.face_persons TO memoria_analyst;
GRANT INSERT(status),UPDATE(status) ON TABLE memoria.face_persons TO authenticated;

GRANT INSERT(invitation_email),UPDATE(invitation_email) ON TABLE memoria.face_persons TO authenticated;

GRANT INSERT(merged_into_id),UPDATE(merged_into_id) ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT(metadata) ON TABLE memoria.face_persons TO memoria_analyst;
GRANT INSERT(metadata),UPDATE(metadata) ON TABLE memoria.face_persons TO authenticated;

GRANT UPDATE(version) ON TABLE memoria.face_persons TO authenticated;

GRANT UPDATE(updated_at) ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT(human_touched) ON TABLE memoria.face_persons TO memoria_analyst;
GRANT INSERT(human_touched),UPDATE(human_touched) ON TABLE memoria.face_persons TO authenticated;

GRANT SELECT ON TABLE analytics.people TO memoria_analyst;
GRANT SELECT ON TABLE analytics.people TO memoria_service;

GRANT SELECT ON TABLE analytics.photo_failures TO memoria_analyst;
GRANT SELECT ON TABLE analytics.photo_failures TO memoria_service;

GRANT SELECT ON TABLE analytics.review TO memoria_analyst;
GRANT SELECT ON TABLE analytics.review TO memoria_service;

GRANT SELECT ON TABLE analytics.similarities TO memoria_analyst;
GRANT SELECT ON TABLE analytics.similarities TO memoria_service;

GRANT SELECT ON TABLE analytics.throughput TO memoria_analyst;
GRANT SELECT ON TABLE analytics.throughput TO memoria_service;

GRANT SELECT ON TABLE memoria.audit TO memoria_service;
GRANT SELECT ON TABLE memoria.audit TO authenticated;
GRANT SELECT ON TABLE memoria.audit TO memoria_erasure;

GRANT UPDATE(actor_id) ON TABLE memoria.audit TO memoria_erasure;

GRANT UPDATE(thing_id) ON TABLE memoria.audit TO memoria_erasure;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.backfills TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.callbacks TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.canaries TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.cluster_proposals TO memoria_service;

GRANT SELECT,INSERT ON TABLE memoria.consents TO memoria_service;
GRANT SELECT ON TABLE memoria.consents TO authenticated;

GRANT INSERT(event_id) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(user_id) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(purpose) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(given) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(text_version) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(language) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(recorded_by) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(minor) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(guardian) ON TABLE memoria.consents TO authenticated;

GRANT INSERT(guardian_user_id) ON TABLE memoria.consents TO authenticated;

GRANT SELECT ON SEQUENCE memoria.decisions_seq_seq TO memoria_service;

GRANT SELECT ON TABLE memoria.erased_persons TO memoria_service;
GRANT SELECT ON TABLE memoria.erased_persons TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.erasures TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.event_keys TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.event_members TO memoria_service;
GRANT SELECT,DELETE ON TABLE memoria.event_members TO authenticated;

GRANT INSERT(event_id) ON TABLE memoria.event_members TO authenticated;

GRANT INSERT(user_id) ON TABLE memoria.event_members TO authenticated;

GRANT INSERT(role),UPDATE(role) ON TABLE memoria.event_members TO authenticated;

GRANT INSERT(display_name),UPDATE(display_name) ON TABLE memoria.event_members TO authenticated;

GRANT INSERT(email) ON TABLE memoria.event_members TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.face_changes TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.faces TO memoria_service;

GRANT SELECT(id) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(event_id) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(media_id) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(face_person_id),UPDATE(face_person_id) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(bbox) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(landmarks) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(det_score) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(quality_score) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(quality_class) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(model) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(probability),UPDATE(probability) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(margin),UPDATE(margin) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(evidence),UPDATE(evidence) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(human_touched),UPDATE(human_touched) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(lost) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(created_at) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(erased_at) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(machine_person_id),UPDATE(machine_person_id) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(verdict),UPDATE(verdict) ON TABLE memoria.faces TO authenticated;

GRANT SELECT(not_person_ids),UPDATE(not_person_ids) ON TABLE memoria.faces TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.faces_beside TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.forecasts TO memoria_service;
GRANT SELECT ON TABLE memoria.forecasts TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.hidden TO memoria_service;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.hidden TO memoria_erasure;
GRANT SELECT ON TABLE memoria.hidden TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.hidden_boxes TO memoria_service;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.hidden_boxes TO memoria_erasure;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.idempotency TO memoria_service;
GRANT SELECT ON TABLE memoria.idempotency TO authenticated;
GRANT SELECT ON TABLE memoria.idempotency TO memoria_api;

GRANT INSERT(user_id) ON TABLE memoria.idempotency TO authenticated;
GRANT INSERT(user_id) ON TABLE memoria.idempotency TO memoria_api;

GRANT INSERT(key) ON TABLE memoria.idempotency TO authenticated;
GRANT INSERT(key) ON TABLE memoria.idempotency TO memoria_api;

GRANT INSERT(fingerprint) ON TABLE memoria.idempotency TO authenticated;
GRANT INSERT(fingerprint) ON TABLE memoria.idempotency TO memoria_api;

GRANT INSERT(status),UPDATE(status) ON TABLE memoria.idempotency TO authenticated;
GRANT INSERT(status),UPDATE(status) ON TABLE memoria.idempotency TO memoria_api;

GRANT INSERT(body),UPDATE(body) ON TABLE memoria.idempotency TO authenticated;
GRANT INSERT(body),UPDATE(body) ON TABLE memoria.idempotency TO memoria_api;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.invitations TO memoria_service;

GRANT SELECT(id),INSERT(id) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(event_id),INSERT(event_id) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(person_id),INSERT(person_id) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(email),INSERT(email) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(invited_by),INSERT(invited_by) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(message),INSERT(message) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(media_ids),INSERT(media_ids) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(language),INSERT(language) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(created_at) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(expires_at),INSERT(expires_at),UPDATE(expires_at) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(sent_at),INSERT(sent_at),UPDATE(sent_at) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(used_at) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT(used_by) ON TABLE memoria.invitations TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.links TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.lookouts TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.media_beside TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.media_tags TO memoria_service;
GRANT SELECT,DELETE ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(id) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(event_id) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(media_id) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(tagged_user_id) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(tagged_by_user_id),UPDATE(tagged_by_user_id) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(source) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(bbox),UPDATE(bbox) ON TABLE memoria.media_tags TO authenticated;

GRANT INSERT(face_id),UPDATE(face_id) ON TABLE memoria.media_tags TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.migrations TO memoria_service;

GRANT USAGE ON SEQUENCE memoria.uploads_version TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.moves TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.questions TO memoria_service;
GRANT SELECT ON TABLE memoria.questions TO authenticated;

GRANT UPDATE(answered_at) ON TABLE memoria.questions TO authenticated;

GRANT UPDATE(answer) ON TABLE memoria.questions TO authenticated;

GRANT UPDATE(decision_id) ON TABLE memoria.questions TO authenticated;

GRANT UPDATE(skipped_at) ON TABLE memoria.questions TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.run_answers TO memoria_service;
GRANT SELECT ON TABLE memoria.run_answers TO authenticated;

GRANT INSERT(id) ON TABLE memoria.run_answers TO authenticated;

GRANT INSERT(run_id) ON TABLE memoria.run_answers TO authenticated;

GRANT INSERT(event_id) ON TABLE memoria.run_answers TO authenticated;

GRANT INSERT(answer) ON TABLE memoria.run_answers TO authenticated;

GRANT INSERT(by_user) ON TABLE memoria.run_answers TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.sessions TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.tombstones TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.untagged TO memoria_service;
GRANT SELECT ON TABLE memoria.untagged TO authenticated;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.uploads TO memoria_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE memoria.watched TO memoria_service;
