"""Who may do what, tried: every role, every table, every verb, on rows of every kind.

The list is row_level_security.py; a table that is not in it fails here.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline_tests.store.row_level_security import ROLES, TABLES
from memoria_pipeline_tests.store.rows_of_everyone import Row, World, rows
from memoria_pipeline_tests.store.seeds_of_everyone import allow, seed
from memoria_pipeline_tests.store.trying import USERS, become, columns, does, inserts

VERBS = {"s": "select", "i": "insert", "u": "update", "d": "delete"}
SCOPES = ("mine", "event", "elsewhere", "other")
"""A row about the caller in the caller's event, about another member of it; the same in an event
that the caller is not in."""
_WHERE = {"all": SCOPES, "own": ("mine", "elsewhere"), "others": ("event",)}


def allowed(cell: str) -> set[tuple[str, str]]:
    """The (verb, scope) of a cell such as `Si`: see row_level_security.py."""
    found: set[tuple[str, str]] = set()
    for part in cell.split(","):
        where, _, letters = part.rpartition(":")
        for letter in letters.strip("-"):
            scopes = _WHERE.get(where)
            near = ("mine", "event") if letter.isupper() else ("mine",)
            found |= {(VERBS[letter.lower()], scope) for scope in scopes or near}
    return found


@pytest.fixture(scope="module")
def seeded(module_database: sa.Engine) -> tuple[sa.Engine, World]:
    with module_database.begin() as conn:
        return module_database, seed(conn)


@pytest.fixture
def trying(seeded: tuple[sa.Engine, World]) -> Iterator[tuple[sa.Connection, World]]:
    with seeded[0].connect() as conn:
        yield conn, seeded[1]


def _at(world: World, role: str, scope: str) -> tuple[UUID, str]:
    me = role if role in USERS else "organiser"
    return {
        "mine": (world.first, me),
        "event": (world.first, "other"),
        "elsewhere": (world.second, me),
        "other": (world.second, "third"),
    }[scope]


def _key(conn: sa.Connection, relation: str) -> list[str]:
    query = (
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid"
        " and a.attnum = any (i.indkey) where i.indrelid = to_regclass(:t) and i.indisprimary"
    )
    return list(conn.scalars(sa.text(query), {"t": relation}))


def _equal(names: Iterable[str]) -> str:
    return " and ".join(f"cast({name} as text) = cast(:{name} as text)" for name in names)


def _found(conn: sa.Connection, world: World, role: str, table: str) -> set[tuple[str, str]]:
    """(verb, scope) of all that a role gets done on a table, each undone again."""
    relation = f"memoria.{table.split()[0]}"
    key = _key(conn, relation)
    may = {verb: columns(conn, role, relation, verb) for verb in VERBS.values() if verb != "delete"}
    sets = ", ".join(f"{c} = {c}" for c in may["update"] or key[:1])
    allow(conn, world, world.first, *USERS, "other")
    allow(conn, world, world.second, *USERS, "third")
    become(conn, role)
    done = set()
    for scope in SCOPES:
        event, name = _at(world, role, scope)
        made = rows(world, event, name, fresh=True)[table]
        if inserts(conn, table, {c: made[c] for c in made if c in may["insert"]} or made):
            done.add(("insert", scope))
        row = world.seeded.get((table, event, name))
        for verb in ("select", "update", "delete") if row else ():
            by = _by(row or {}, key, may["select"], verb)
            parts = {"relation": relation, "sets": sets, "where": _equal(by)}
            if does(conn, verb, by, **parts):
                done.add((verb, scope))
    conn.rollback()
    return done


def _by(row: Row, key: list[str], readable: list[str], verb: str) -> Row:
    """By what a row is found: its key, or, to look at it, as much of it as the role may read."""
    known = [c for c in row if c in readable and isinstance(row[c], str)]
    whole = verb != "select" or set(key) <= set(readable) or not known
    return {c: row[c] for c in (key if whole else known)}


def _asked(world: World, role: str, table: str) -> set[tuple[str, str]]:
    """What a table says, for the rows that there are to try it on."""
    asked = allowed(TABLES[table][ROLES.index(role)])
    there = {s for s in SCOPES if (table, *_at(world, role, s)) in world.seeded}
    return {(verb, scope) for verb, scope in asked if verb == "insert" or scope in there}


@pytest.mark.parametrize("table", TABLES)
def test_each_role_does_with_a_table_what_the_list_says_and_no_more(
    trying: tuple[sa.Connection, World], table: str
) -> None:
    conn, world = trying
    wrong = {}
    for role in ROLES:
        found, asked = _found(conn, world, role, table), _asked(world, role, table)
        if found != asked:
            wrong[role] = {"leaks": found - asked, "lacks": asked - found}
    assert wrong == {}


_RELATIONS = sa.text(
    "select relname from pg_class where relnamespace = 'memoria'::regnamespace"
    " and relkind in ('r', 'p', 'f') and not relispartition"
)


def test_the_list_has_every_table_that_there_is(conn: sa.Connection) -> None:
    assert {table.split()[0] for table in TABLES} == set(conn.scalars(_RELATIONS))
    assert all(len(cells) == len(ROLES) for cells in TABLES.values())
