-- The schema, its roles, and the record of what has been applied.
-- Every file of this folder runs once, in the order of its number, in one transaction:
-- by the package (`memoria_pipeline.store.migrate`), or by hand with
--     psql --single-transaction --set ON_ERROR_STOP=1 -f 0001_roles.sql   (and so on, in order)
-- Needed: PostgreSQL 14 or newer, pgvector 0.7 or newer. Nothing here needs a superuser, apart from
-- creating the extension and the roles where they are missing.

create schema if not exists memoria;
create schema if not exists analytics;

-- pgvector: Supabase keeps extensions in a schema of that name, a plain server in public.
do $$
begin
    if not exists (select from pg_extension where extname = 'vector') then
        if exists (select from pg_namespace where nspname = 'extensions') then
            create extension vector with schema extensions;
        else
            create extension vector;
        end if;
    end if;
    if to_regtype('halfvec') is null then
        raise exception 'pgvector 0.7 or newer is needed, in a schema on the search path (%)',
            current_setting('search_path')
            using hint = 'run: alter extension vector update; or add its schema to search_path';
    end if;
end
$$;

-- authenticated and anon are Supabase's; a plain server gets its own. Roles belong to the whole
-- server, so another database may be creating the same ones at this moment.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['anon', 'authenticated', 'memoria_service', 'memoria_analyst'] loop
        continue when exists (select from pg_roles where rolname = wanted);
        begin
            execute format('create role %I nologin', wanted);
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception 'role % is missing and % may not create it', wanted, current_user
                    using hint = format('ask an administrator to run: create role %I nologin', wanted),
                          errcode = 'insufficient_privilege';
        end;
    end loop;
    -- Whoever owns the tables is subject to row level security too: it is forced. As a member of
    -- the service role the owner still runs the pipeline, the functions and the migrations to come.
    if not (select rolsuper from pg_roles where rolname = current_user)
        and not pg_has_role(current_user, 'memoria_service', 'usage') then
        begin
            execute format('grant memoria_service to %I', current_user);
        exception when insufficient_privilege then
            -- since PostgreSQL 16 only for whoever made the role, which another database's owner did
            raise exception '% is no member of memoria_service and may not become one', current_user
                using hint = format('ask an administrator to run: grant memoria_service to %I',
                          current_user),
                      errcode = 'insufficient_privilege';
        end;
    end if;
    -- Supabase's key for servers is a service here as well.
    if exists (select from pg_roles where rolname = 'service_role')
        and not pg_has_role('service_role', 'memoria_service', 'usage') then
        begin
            grant memoria_service to service_role;
        exception when insufficient_privilege then
            raise exception '% may not make service_role a member of memoria_service', current_user
                using hint = 'ask an administrator to run: grant memoria_service to service_role',
                      errcode = 'insufficient_privilege';
        end;
    end if;
end
$$;

grant usage on schema memoria to memoria_service, authenticated, memoria_analyst;
grant usage on schema analytics to memoria_service, memoria_analyst;

-- sha256 stays null where psql applied the file; the package fills it in when it next looks.
create table memoria.migrations (
    name text primary key,
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null default now()
);

comment on table memoria.migrations is 'Which files of sql/migrations this database has seen.';

-- Who asks: the subject of the verified token, in Supabase's convention; null for nobody.
create function memoria.current_user_id() returns uuid
language sql stable
set search_path = ''
as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

insert into memoria.migrations (name) values ('0001_roles');
