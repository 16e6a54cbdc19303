import hashlib
import multiprocessing
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import checks, db, decisions, embedded, faces, persons
from memoria_pipeline.store.migrate import dump, folder, migrate
from memoria_pipeline_tests.store.factories import (
    ORGANISER,
    PACK,
    an_album,
    an_event,
    group,
    one,
)

NAMES = sorted(path.stem for path in folder().glob("*.sql"))
_RECORDS = sa.text("select name, sha256 from memoria.migrations order by name")


@pytest.fixture
def empty(server: str) -> Iterator[sa.Engine]:
    url = db.create_database(server, f"empty_{uuid.uuid4().hex}")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield engine
    maintenance = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with maintenance.connect() as admin:
        admin.execute(sa.text(f"drop database {engine.url.database} with (force)"))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder(), tmp_path / "migrations"))


def _psql(engine: sa.Engine, path: Path) -> None:
    where = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    psql = str(embedded.binaries() / "psql")
    command = [psql, "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(path), where]
    subprocess.run(command, check=True, capture_output=True)


def _sha256(name: str) -> str:
    return hashlib.sha256((folder() / f"{name}.sql").read_bytes()).hexdigest()


def _race(url: str, start: Barrier, told: "Queue[list[str]]") -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    start.wait(60)
    told.put(migrate(engine))


def test_it_applies_every_file_once_and_in_order(empty: sa.Engine) -> None:
    assert migrate(empty) == NAMES
    assert migrate(empty) == []


def test_two_processes_at_once_share_the_work_and_double_nothing(empty: sa.Engine) -> None:
    ctx = multiprocessing.get_context("spawn")
    start, told = ctx.Barrier(2), ctx.Queue()
    url = empty.url.render_as_string(hide_password=False)
    both = [ctx.Process(target=_race, args=(url, start, told)) for _ in range(2)]
    for each in both:
        each.start()
    applied = told.get(timeout=60) + told.get(timeout=60)
    for each in both:
        each.join(60)
    assert sorted(applied) == NAMES


def test_what_psql_applied_is_taken_over_and_gives_the_same_schema(
    empty: sa.Engine, template: str
) -> None:
    for path in sorted(folder().glob("*.sql")):
        _psql(empty, path)
    with empty.connect() as conn:
        assert {row.sha256 for row in conn.execute(_RECORDS)} == {None}
    assert migrate(empty) == []
    with empty.connect() as conn:
        assert conn.execute(_RECORDS).all() == [(name, _sha256(name)) for name in NAMES]
    pg_dump = embedded.binaries() / "pg_dump"
    assert dump(str(empty.url), pg_dump) == dump(template, pg_dump)


@pytest.mark.parametrize("by_psql", [False, True])
def test_a_file_changed_after_it_was_applied_is_named(
    empty: sa.Engine, copied: Path, by_psql: bool
) -> None:
    if by_psql:
        for path in sorted(copied.glob("*.sql")):
            _psql(empty, path)
    migrate(empty, copied)
    (copied / "0002_events.sql").write_text("select 1;")
    with pytest.raises(DatabaseError, match="0002_events was changed"):
        migrate(empty, copied)


def test_a_database_newer_than_the_code_is_refused(empty: sa.Engine, copied: Path) -> None:
    later = copied / "9999_later.sql"
    later.write_text("select 1;")
    migrate(empty, copied)
    later.unlink()
    with pytest.raises(DatabaseError, match="9999_later"):
        migrate(empty, copied)


def test_a_file_that_fails_is_named_and_leaves_nothing(empty: sa.Engine, copied: Path) -> None:
    (copied / "9998_broken.sql").write_text("create table memoria.half (id int);\nselect 1/0;")
    with pytest.raises(DatabaseError, match="9998_broken failed and changed nothing: division"):
        migrate(empty, copied)
    with empty.connect() as conn:
        assert conn.scalar(sa.text("select to_regclass('memoria.half')")) is None
        assert len(conn.execute(_RECORDS).all()) == len(NAMES)


def test_the_files_are_numbered_without_a_gap_and_each_records_itself() -> None:
    for number, path in enumerate(sorted(folder().glob("*.sql")), 1):
        assert re.match(rf"{number:04}_[a-z_]+$", path.stem)
        assert f"('{path.stem}')" in path.read_text("utf8")


def test_what_humans_had_touched_before_there_was_a_log_of_it_is_decided(
    empty: sa.Engine, copied: Path
) -> None:
    later = [path for path in copied.glob("*.sql") if path.stem > "0011"]
    for path in later:
        path.unlink()
    migrate(empty, copied)
    moved, nobody, merged, free = (uuid.uuid4() for _ in range(4))
    p, q, old = (uuid.uuid4() for _ in range(3))
    with db.connect(empty) as conn:
        event, photo = an_event(conn), uuid.uuid4()
        insert = "insert into memoria.media (id, event_id, storage_key) values (:id, :e, '1.jpg')"
        conn.execute(sa.text(insert), {"id": photo, "e": event})
        person = (
            "insert into memoria.face_persons (id, event_id, status, merged_into_id)"
            " values (:id, :e, :status, :into)"
        )
        for id_, into in ((p, None), (q, None), (old, q)):
            status = "merged" if into else "pending"
            values = {"id": id_, "e": event, "status": status, "into": into}
            conn.execute(sa.text(person), values)
        face = (
            "insert into memoria.faces (id, event_id, media_id, bbox, embedding, face_person_id,"
            """ human_touched) values (:id, :e, :m, '{"x"\\: 0, "y"\\: 0, "w"\\: 1, "h"\\: 1}',"""
            " array_fill(cast(0.5 as real), array[512])::halfvec(512), :p, :touched)"
        )
        for id_, who in ((moved, p), (nobody, None), (merged, old), (free, p)):
            values = {"id": id_, "e": event, "m": photo, "p": who, "touched": id_ != free}
            conn.execute(sa.text(face), values)
    assert migrate(empty) == [name for name in NAMES if name > "0011"]
    with db.connect(empty) as conn:
        rows = conn.execute(
            sa.text("select id, verdict, face_person_id, machine_person_id from memoria.faces")
        )
        assert {row.id: tuple(row)[1:] for row in rows} == {
            moved: ("person", p, p),
            nobody: ("ignored", None, None),
            merged: ("person", q, q),
            free: (None, p, p),
        }
        assert checks.faces_not_as_decided(conn, event) == 0
        log = decisions.log(conn, event)
        assert sorted(each.kind for each in log) == ["confirm", "confirm", "ignore"]
        assert one(conn, "select array_agg(distinct reason) from memoria.decisions") == ["found so"]
        group(conn, event, [[moved, nobody, merged, free]])
        assert checks.faces_not_as_decided(conn, event) == 0
        (confirm,) = [each for each in log if each.person == p]
        decisions.undo(conn, event, confirm.id, actor=ORGANISER)
        assert persons.current(conn, event)[moved] == p
        assert checks.faces_not_as_decided(conn, event) == 0


def test_schema_sql_is_the_dump_of_a_migrated_database(template: str) -> None:
    kept = folder().parent / "schema.sql"
    pg_dump = embedded.binaries() / "pg_dump"
    version = subprocess.run([pg_dump, "--version"], capture_output=True, text=True, check=True)
    if " 18" not in version.stdout:
        pytest.skip(f"sql/schema.sql is of PostgreSQL 18, here is {version.stdout.strip()}")
    remake = "python -m memoria_pipeline.store.migrate > sql/schema.sql"
    assert dump(template, pg_dump) == kept.read_text("utf8"), f"drifted; run {remake}"


def test_an_owner_who_is_no_superuser_migrates_and_runs_everything(
    server: str, empty: sa.Engine
) -> None:
    """As on Supabase: a role that may create roles, where an administrator added pgvector."""
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    with empty.begin() as admin:
        admin.execute(sa.text("create extension vector"))
        admin.execute(sa.text(f"create role {owner} login createrole"))
        admin.execute(sa.text(f'grant create on database "{empty.url.database}" to {owner}'))
        roles = ("memoria_service", "memoria_analyst", "authenticated", "anon", "memoria_api")
        for role in (*roles, "memoria_erasure"):
            if admin.scalar(sa.text("select to_regrole(:role) is not null"), {"role": role}):
                admin.execute(sa.text(f"grant {role} to {owner} with admin option"))
    theirs = sa.create_engine(empty.url.set(username=owner), poolclass=sa.NullPool)
    assert migrate(theirs) == NAMES
    with theirs.connect() as conn:
        album = an_album(conn, 2)
        group(conn, album.event, [[album.faces[0][0], album.faces[1][0]]])
        assert len(faces.load(conn, album.event, PACK).ids) == 4
        purge = "select memoria.purge_face_data_for_user(gen_random_uuid(), :event)"
        assert one(conn, purge, event=album.event)["faces"] == 0
        conn.execute(sa.text("update memoria.events set status = 'archived'"))
        conn.execute(sa.text("delete from memoria.events"))
    with empty.begin() as admin:
        admin.execute(sa.text(f"drop owned by {owner} cascade"))
        admin.execute(sa.text(f"drop role {owner}"))


def test_a_second_owner_on_one_server_is_told_which_grant_is_missing(
    template: str, empty: sa.Engine
) -> None:
    """Since PostgreSQL 16 only who made memoria_service, or a superuser, may grant it."""
    owner = f"second_{uuid.uuid4().hex[:8]}"
    with empty.begin() as admin:
        admin.execute(sa.text("create extension vector"))
        admin.execute(sa.text(f"create role {owner} login createrole"))
        admin.execute(sa.text(f'grant create on database "{empty.url.database}" to {owner}'))
    theirs = sa.create_engine(empty.url.set(username=owner), poolclass=sa.NullPool)
    with pytest.raises(DatabaseError, match=f"administrator to run: grant .* to {owner}"):
        migrate(theirs)
    with empty.begin() as admin:
        admin.execute(sa.text(f"grant memoria_service, memoria_erasure to {owner}"))
    assert migrate(theirs) == NAMES
    with empty.begin() as admin:
        admin.execute(sa.text(f"drop owned by {owner} cascade"))
        admin.execute(sa.text(f"drop role {owner}"))
