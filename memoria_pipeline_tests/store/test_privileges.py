"""What is granted beside rows: columns, views, partitions, and functions that run as their owner.

The lists are in row_level_security.py; a view, column or function that is not in them fails here.
"""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from memoria_pipeline_tests.store.factories import acting_as, one
from memoria_pipeline_tests.store.row_level_security import (
    DEFINERS,
    HIDDEN_COLUMNS,
    ROLES,
    TABLES,
    VIEWS,
)
from memoria_pipeline_tests.store.rows_of_everyone import World, user
from memoria_pipeline_tests.store.seeds_of_everyone import seed
from memoria_pipeline_tests.store.trying import STATEMENTS, become, columns, does, reads


@pytest.fixture(scope="module")
def seeded(module_database: sa.Engine) -> tuple[sa.Engine, World]:
    with module_database.begin() as conn:
        return module_database, seed(conn)


@pytest.fixture
def trying(seeded: tuple[sa.Engine, World]) -> Iterator[tuple[sa.Connection, World]]:
    with seeded[0].connect() as conn:
        yield conn, seeded[1]


def test_no_user_moves_a_row_to_another_event_or_user(conn: sa.Connection) -> None:
    fixed = {"id", "event_id", "user_id", "media_id", "tagged_user_id", "source", "actor_id"}
    movable = {
        (table, column)
        for table in TABLES
        for column in set(columns(conn, "member", f"memoria.{table.split()[0]}", "update")) & fixed
    }
    assert movable == set()


def test_what_is_hidden_of_a_table_that_users_read_is_what_the_list_says(
    conn: sa.Connection,
) -> None:
    hidden = {}
    for name in {table.split()[0] for table in TABLES}:
        table = f"memoria.{name}"
        seen = set(columns(conn, "member", table, "select"))
        if seen and (rest := set(columns(conn, "memoria_service", table, "select")) - seen):
            hidden[name] = rest
    assert hidden == HIDDEN_COLUMNS


def test_the_list_has_every_view_that_there_is(conn: sa.Connection) -> None:
    query = (
        "select oid::regclass::text from pg_class where (relnamespace = 'memoria'::regnamespace"
        " and relkind in ('v', 'm')) or (relnamespace = 'analytics'::regnamespace"
        " and relkind not in ('i', 'c'))"
    )
    assert set(conn.scalars(sa.text(query))) == VIEWS


@pytest.mark.parametrize("role", ROLES)
def test_views_are_read_by_the_analyst_and_the_service_and_written_by_nobody(
    trying: tuple[sa.Connection, World], role: str
) -> None:
    conn, _ = trying
    first = {view: columns(conn, "memoria_service", view, "select")[0] for view in VIEWS}
    become(conn, role)
    done = set()
    for view, column in first.items():
        parts = {"relation": view, "column": column, "sets": f"{column} = null", "where": "true"}
        done |= {verb for verb in ("insert", "update", "delete") if does(conn, verb, None, **parts)}
        if reads(conn, view, column):
            done.add(view)
    may = role in ("memoria_analyst", "memoria_service")
    assert done == (VIEWS if may else set())


def test_a_view_looks_with_the_eyes_of_who_asks(conn: sa.Connection) -> None:
    query = (
        "select c.oid::regclass::text from pg_class c where c.relkind = 'v' and c.relnamespace in"
        " ('memoria'::regnamespace, 'analytics'::regnamespace)"
        " and not coalesce('security_invoker=true' = any (c.reloptions), false)"
    )
    assert conn.scalars(sa.text(query)).all() == []


@pytest.mark.parametrize("role", ROLES)
def test_partitions_are_reached_through_their_table_alone(
    trying: tuple[sa.Connection, World], role: str
) -> None:
    conn, world = trying
    of = ("partition_name", "beside_name")
    names = [one(conn, f"select 'memoria.' || memoria.{each}(:e)", e=world.first) for each in of]
    assert all(one(conn, "select to_regclass(:n)", n=name) for name in names)
    become(conn, role)
    for name in names:
        parts = {"relation": name, "column": "id", "sets": "quality_score = 0", "where": "true"}
        assert [verb for verb in STATEMENTS if does(conn, verb, None, **parts)] == []


def test_functions_that_run_as_their_owner_are_called_by_whom_the_list_says(
    conn: sa.Connection,
) -> None:
    query = sa.text(
        "select p.proname, array(select r.rolname from pg_roles r where r.rolname = any (:roles)"
        " and has_function_privilege(r.oid, p.oid, 'execute') order by 1) as who"
        " from pg_proc p where p.prosecdef and p.prorettype <> 'trigger'::regtype"
        " and p.pronamespace in ('memoria'::regnamespace, 'analytics'::regnamespace)"
    )
    # PUBLIC would show as all of them
    roles = ["authenticated", "anon", "memoria_api", "memoria_analyst", "memoria_service"]
    rows_ = conn.execute(query, {"roles": roles})
    assert {row.proname: list(row.who) for row in rows_} == DEFINERS


_SHOWN = "(select media_id from memoria.media_tags where tagged_user_id = :u and event_id = :e)"
_COUNT = "select count(*) from memoria.{}"
_GUESTS = {
    "media": "select count(*) from memoria.media where event_id = :e and id in ",
    "media_tags": "select count(*) from memoria.media_tags where event_id = :e"
    " and tagged_user_id = :u and media_id in ",
    "faces": "select count(*) from memoria.faces where event_id = :e and face_person_id in"
    " (select id from memoria.face_persons where linked_user_id = :u) and media_id in ",
}


def test_a_guests_counts_are_those_of_the_photos_that_the_guest_may_see(
    trying: tuple[sa.Connection, World],
) -> None:
    conn, world = trying
    about = {"e": world.first, "u": user("guest")}
    off = "delete from memoria.media_tags where tagged_user_id = :u and source = 'manual'"
    for photos, statement in ((2, None), (1, off)):  # whose face is there still
        if statement:
            conn.execute(sa.text(statement), about)
        wanted = {table: one(conn, query + _SHOWN, **about) for table, query in _GUESTS.items()}
        with acting_as(conn, user("guest")):
            seen = {table: one(conn, _COUNT.format(table)) for table in wanted}
        assert seen == wanted == dict.fromkeys(wanted, photos)
