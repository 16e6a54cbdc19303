-- One row per photo: where it is, what it is, and what became of it.

create table memoria.media (
    id uuid primary key default gen_random_uuid(),
    event_id uuid not null references memoria.events (id) on delete cascade,
    storage_key text not null check (storage_key <> ''),
    byte_size bigint check (byte_size >= 0),
    etag text,
    modified_at timestamptz,
    sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
    width integer check (width > 0),
    height integer check (height > 0),
    status text not null default 'pending'
        check (status in ('pending', 'analysed', 'failed', 'duplicate', 'missing')),
    error_code text,
    error text,
    attempts integer not null default 0 check (attempts >= 0),
    face_model text,
    duplicate_of uuid,
    analysed_at timestamptz,
    faces_found integer check (faces_found >= 0),
    seconds real check (seconds >= 0),
    created_at timestamptz not null default now(),
    unique (event_id, storage_key),
    unique (event_id, id),
    -- Deferred, so that deleting a photo can first hand its copies back (media_frees_copies).
    foreign key (event_id, duplicate_of) references memoria.media (event_id, id)
        deferrable initially deferred,
    check (duplicate_of <> id),
    check ((status = 'duplicate') = (duplicate_of is not null)),
    check (status <> 'failed' or error_code is not null),
    check (status <> 'analysed' or (analysed_at is not null and face_model is not null
        and faces_found is not null))
);

comment on column memoria.media.etag is 'Changes when the file at the source changes.';
comment on column memoria.media.faces_found is 'Stays when the faces go: an anonymous count.';
comment on column memoria.media.seconds is 'What the analysis of this photo took.';

create index media_status on memoria.media (event_id, status);
create index media_sha256 on memoria.media (event_id, sha256);
create index media_duplicate_of on memoria.media (event_id, duplicate_of)
    where duplicate_of is not null;

-- When a photo goes, its exact copies have to be looked at themselves.
create function memoria.media_frees_copies() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update memoria.media m
    set status = 'pending', duplicate_of = null
    from gone
    where m.event_id = gone.event_id and m.duplicate_of = gone.id;
    return null;
end
$$;

create trigger media_frees_copies after delete on memoria.media
    referencing old table as gone
    for each statement execute function memoria.media_frees_copies();

insert into memoria.migrations (name) values ('0003_media');
