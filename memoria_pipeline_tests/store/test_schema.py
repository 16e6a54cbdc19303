"""Every rule that the database itself keeps, tried out by breaking it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.store import media, persons
from memoria_pipeline_tests.store.factories import (
    PACK,
    a_face,
    an_album,
    an_event,
    analysed,
    faces_of,
    group,
    one,
    photos,
)

# Length 11.3, as a worker that does not normalise may send it.
_VECTOR = "array_fill(cast(0.5 as real), array[512])::halfvec(512)"
_TABLES = sa.text(
    "select c.relname, c.relrowsecurity and c.relforcerowsecurity as closed from pg_class c"
    " join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = 'memoria' and c.relkind in ('r', 'p')"
)


@contextmanager
def refused(conn: sa.Connection, why: str) -> Iterator[None]:
    """What runs in it is refused by the database, with these words; the transaction goes on."""
    with pytest.raises(DBAPIError, match=why), conn.begin_nested():
        yield


def _do(conn: sa.Connection, statement: str, **values: object) -> int:
    return conn.execute(sa.text(statement), values).rowcount


def _insert_face(
    conn: sa.Connection, event: UUID, photo: UUID, table: str = "faces", **other: str
) -> None:
    columns = {"bbox": """'{"x": 0, "y": 0, "w": 1, "h": 1}'""", "embedding": _VECTOR} | other
    columns |= {"event_id": f"'{event}'", "media_id": f"'{photo}'"}
    target = sa.table(table, *map(sa.column, columns), schema="memoria")
    literals: list[sa.ColumnElement[str]] = [sa.literal_column(value) for value in columns.values()]
    conn.execute(sa.insert(target).from_select(list(columns), sa.select(*literals)))


def _decide(conn: sa.Connection, event: UUID) -> None:
    _do(
        conn,
        "insert into memoria.decisions (event_id, kind, actor_id) values (:event, 'confirm', :who)",
        event=event,
        who=uuid4(),
    )


def test_row_level_security_is_on_and_forced_for_every_table(conn: sa.Connection) -> None:
    an_event(conn)
    tables = {row.relname: row.closed for row in conn.execute(_TABLES)}
    assert len(tables) >= 13
    assert [name for name, closed in tables.items() if not closed] == []
    listed = one(
        conn,
        "select count(*) from pg_tables where schemaname = 'memoria' and not rowsecurity",
    )
    assert listed == 0


def test_no_function_looks_into_a_callers_temporary_schema_first(conn: sa.Connection) -> None:
    paths = conn.execute(
        sa.text(
            "select p.proname, p.prosecdef, c.setting from pg_proc p"
            " left join unnest(p.proconfig) as c (setting) on c.setting like 'search_path=%'"
            " where p.pronamespace in ('memoria'::regnamespace, 'analytics'::regnamespace)"
        )
    ).all()
    assert sum(row.prosecdef for row in paths) >= 10
    odd = [row.proname for row in paths if not (row.setting or "").endswith(", pg_temp")]
    assert odd == []


def test_a_type_of_the_callers_runs_nothing_as_the_owner(database: sa.Engine) -> None:
    """In a session of its own: what a session has called once, it does not look up again."""
    with database.begin() as conn:
        event = str(an_event(conn))  # a UUID would be sent as a literal of the caller's type
    with database.connect() as conn:
        for statement in (
            "set local role memoria_service",
            "create function pg_temp.leak(pg_catalog.text) returns boolean language plpgsql as"
            " $$ begin raise exception 'runs as %', current_user; end $$",
            "create domain pg_temp.text as pg_catalog.text check (pg_temp.leak(value))",
            "create domain pg_temp.uuid as pg_catalog.uuid"
            " check (pg_temp.leak(value::pg_catalog.text))",
        ):
            _do(conn, statement)
        _do(conn, "select memoria.purge_face_data_for_user(gen_random_uuid(), :e)", e=event)
        _do(conn, "update memoria.events set status = 'archived' where id = :e", e=event)
        _do(conn, "update memoria.events set status = 'active' where id = :e", e=event)


def test_another_application_stores_a_face_by_the_columns_it_knows(conn: sa.Connection) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    _do(conn, "set local role memoria_service")
    _insert_face(conn, event, photo)
    assert one(conn, "select model from memoria.faces") == PACK
    assert one(conn, "select l2_norm(embedding) from memoria.faces") == pytest.approx(1, abs=1e-3)
    changed = (
        'update memoria.faces set bbox = \'{"x": 0, "y": 0, "w": 0.5, "h": 1}\' where id = :id'
    )
    assert _do(conn, changed, id=faces_of(conn, photo)[0]) == 1


def test_no_face_is_stored_while_the_switch_is_off(conn: sa.Connection) -> None:
    event = an_event(conn, consent=False)
    (photo,) = photos(conn, event, "1")
    with refused(conn, "switched off"):
        _insert_face(conn, event, photo)
    with refused(conn, "switched off"):
        media.save_analysis(conn, [analysed(photo, a_face())], PACK)
    with refused(conn, "switched off"):
        partition = one(conn, "select memoria.partition_name(:event)", event=event)
        _insert_face(conn, event, photo, partition)


def test_a_face_lies_in_its_photo(conn: sa.Connection) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    for box in (
        '{"x": -0.1, "y": 0, "w": 0.5, "h": 1}',
        '{"x": 0.6, "y": 0, "w": 0.5, "h": 1}',
        '{"x": 0, "y": 0, "w": 0, "h": 1}',
        '{"x": 0, "y": 0, "w": 1}',
    ):
        with refused(conn, "bbox"):
            _insert_face(conn, event, photo, bbox=f"'{box}'")


def test_a_face_has_a_vector_unless_that_was_erased(conn: sa.Connection) -> None:
    event = an_event(conn)
    (photo,) = photos(conn, event, "1")
    with refused(conn, "unless_erased"):
        _insert_face(conn, event, photo, embedding="null", model="'m'")
    with refused(conn, "unless_erased"):
        _insert_face(conn, event, photo, erased_at="now()")
    _insert_face(conn, event, photo, embedding="null", model="'m'", erased_at="now()")


def test_a_face_its_photo_and_its_person_are_of_one_event(conn: sa.Connection) -> None:
    album, other = an_album(conn, 1), an_album(conn, 1)
    group(conn, other.event, [other.faces[0][:1]])
    (stranger,) = persons.current(conn, other.event).values()
    with refused(conn, "foreign key"):
        _insert_face(conn, album.event, other.photos[0])
    with refused(conn, "foreign key"):
        _do(
            conn,
            "update memoria.faces set face_person_id = :p where event_id = :e",
            p=stranger,
            e=album.event,
        )
    with refused(conn, "no such face in event"):
        _do(
            conn, "update memoria.face_persons set representative_face_id = :f", f=album.faces[0][0]
        )
    with refused(conn, "foreign key"):
        _do(
            conn,
            "update memoria.face_persons set status = 'merged', merged_into_id = :p",
            p=uuid4(),
        )


def test_decisions_are_never_changed_nor_removed_even_by_a_superuser(conn: sa.Connection) -> None:
    event = an_event(conn)
    _decide(conn, event)
    _do(conn, "set constraints all immediate")
    for attempt in (
        "update memoria.decisions set reason = 'x'",
        "delete from memoria.decisions",
        "truncate memoria.decisions",
        "truncate memoria.events cascade",
    ):
        with refused(conn, "append-only|not truncated"):
            _do(conn, attempt)
    _do(conn, "delete from memoria.events where id = :event", event=event)
    assert one(conn, "select count(*) from memoria.decisions") == 0


def test_a_tag_says_who_made_it_and_is_one_per_photo_and_member(conn: sa.Connection) -> None:
    album = an_album(conn, 2)
    tag = (
        "insert into memoria.media_tags"
        " (media_id, tagged_user_id, tagged_by_user_id, source, face_id)"
        " values (:photo, :user, :by, 'face_clustering', :face)"
    )
    values = {"photo": album.photos[0], "user": uuid4(), "by": uuid4(), "face": album.faces[0][0]}
    with refused(conn, "tagged_by_user_id"):
        _do(conn, tag, **(values | {"by": None}))
    with refused(conn, "not a face of photo"):
        _do(conn, tag, **(values | {"face": album.faces[1][0]}))
    with refused(conn, "source"):
        _do(conn, tag.replace("face_clustering", "machine"), **values)
    _do(conn, tag, **values)
    assert one(conn, "select event_id from memoria.media_tags") == album.event
    with refused(conn, "unique"):
        _do(conn, tag, **values)


def test_two_faces_of_one_photo_may_be_one_person_if_the_organiser_says_so(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 1)
    group(conn, album.event, [album.faces[0]])
    assert len(set(persons.current(conn, album.event).values())) == 1


def test_a_deleted_event_leaves_no_row_and_no_partition(conn: sa.Connection) -> None:
    album, other = an_album(conn, 2), an_album(conn, 1)
    group(conn, album.event, [[album.faces[0][0], album.faces[1][0]]])
    media.save_duplicate(conn, album.photos[1], album.photos[0].hex * 2, album.photos[0])
    before = len(conn.execute(_TABLES).all())
    _do(conn, "delete from memoria.events where id = :event", event=album.event)
    conn.execute(sa.text("set constraints all immediate"))
    assert len(conn.execute(_TABLES).all()) == before - 1
    assert one(conn, "select count(*) from memoria.faces") == 2
    assert one(conn, "select count(*) from memoria.media") == len(other.photos)
    assert one(conn, "select count(*) from memoria.face_persons") == 0


def test_what_is_claimed_is_being_processed(conn: sa.Connection) -> None:
    event = an_event(conn)
    _do(conn, "insert into memoria.ml_jobs (job_type, event_id) values ('erase', :e)", e=event)
    with refused(conn, "ml_jobs"):
        _do(conn, "update memoria.ml_jobs set claim_token = gen_random_uuid()")
    with refused(conn, "job_type"):
        _do(conn, "update memoria.ml_jobs set job_type = 'dance'")
