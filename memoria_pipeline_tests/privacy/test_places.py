"""Nothing personal is anywhere that the list of places does not know."""

import pytest
import sqlalchemy as sa

from memoria_pipeline.privacy import places
from memoria_pipeline.privacy.places import PLACES
from memoria_pipeline_tests.store.factories import an_album, one

_THERE = sa.text(
    "select format('%s.%s.%s', n.nspname, c.relname, a.attname) from pg_class c"
    " join pg_namespace n on n.oid = c.relnamespace"
    " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " where n.nspname in ('memoria', 'analytics') and c.relkind = any (:kinds)"
    " and not c.relispartition"
)


@pytest.mark.parametrize(
    ("store", "kinds"), [("table", ["r", "p", "f"]), ("view", ["v", "m"])], ids=["tables", "views"]
)
def test_every_column_that_there_is_is_classified_and_no_other(
    conn: sa.Connection, store: places.Store, kinds: list[str]
) -> None:
    there = set(conn.scalars(_THERE, {"kinds": kinds}))
    known = set(places.columns(store))
    assert (there - known, known - there) == (set(), set())


def test_a_live_partition_has_the_columns_of_its_table_and_no_other(conn: sa.Connection) -> None:
    album = an_album(conn, 1)
    columns = (
        "select array_agg(attname::text order by attname) from pg_attribute"
        " where attrelid = to_regclass(:t) and attnum > 0 and not attisdropped"
    )
    part = one(conn, "select 'memoria.' || memoria.partition_name(:e)", e=album.event)
    assert one(conn, columns, t=part) == one(conn, columns, t="memoria.faces")


def test_no_table_is_in_a_schema_that_the_list_does_not_know(conn: sa.Connection) -> None:
    query = (
        "select array_agg(c.oid::regclass::text) from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f', 'm')"
        " and n.nspname !~ '^(pg_|information_schema)' and n.nspname not in ('memoria')"
    )
    assert one(conn, query) is None


def test_no_place_is_listed_twice_and_each_says_what_becomes_of_it() -> None:
    names = [place.name for place in PLACES]
    assert len(names) == len(set(names))
    assert all(place.person and place.event and place.archive for place in PLACES)


@pytest.mark.parametrize("kind", ["uuid", "uuid[]", "jsonb", "text[]"])
def test_what_can_hold_an_id_of_somebody_is_looked_at(conn: sa.Connection, kind: str) -> None:
    """Columns that are said to hold nothing are keys of their own tables, or numbers."""
    query = sa.text(
        "select format('memoria.%s.%s', c.relname, a.attname) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'memoria'::regnamespace and c.relkind in ('r', 'p')"
        " and not c.relispartition and format_type(a.atttypid, null) = :kind"
    )
    known = places.columns()
    silent = {
        name.split(".")[-1]
        for name in conn.scalars(query, {"kind": kind})
        if known[name].holds == "none"
    }
    keys = {"id", "event_id", "run_id", "job_id", "erasure_id", "claim_token", "decision_id"}
    numbers = {"parameters", "measures", "groupings", "similarities", "answers"}
    assert silent <= keys | {"supersedes", "counts", "receipt"} | numbers
