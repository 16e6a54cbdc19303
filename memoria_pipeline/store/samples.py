"""The planner's samples of tables that are empty now: ANALYZE finds no row and keeps the old ones.

They hold whole values, such as addresses and ids.
"""

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError


def clear(conn: sa.Connection) -> list[str]:
    """Drop the samples of our tables that hold no row; those whose samples we may not drop.

    On a connection on which every statement commits by itself. Owners may since PostgreSQL 18,
    before it superusers only.
    """
    return [name for name in _empty(conn) if not _cleared(conn, name)]


def _empty(conn: sa.Connection) -> list[str]:
    quote = conn.dialect.identifier_preparer.quote
    tables = list(conn.scalars(_TABLES))
    return [name for name in tables if conn.scalar(sa.text(_EMPTY.format(quote(name))))]


# Not by pg_stats, which shows nobody under row level security what is sampled.
_TABLES = sa.text(
    "select relname from pg_class where relnamespace = 'memoria'::regnamespace"
    " and relkind in ('r', 'p') and not relispartition order by relname"
)
_EMPTY = "select not exists (select from memoria.{})"


def _cleared(conn: sa.Connection, name: str) -> bool:
    number = conn.execute(sa.text("show server_version_num")).scalar_one()
    try:
        conn.execute(_CLEAR if int(number) >= 180_000 else _DELETE, {"name": name})
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != "42501":
            raise
        return False
    return True


_CLEAR = sa.text(
    "select pg_clear_attribute_stats('memoria', :name, a.attname::text, i.inherited)"
    " from pg_attribute a cross join (values (false), (true)) as i (inherited)"
    " join pg_class c on c.oid = a.attrelid and (c.relkind = 'r' or i.inherited)"
    " where c.relnamespace = 'memoria'::regnamespace and c.relname = :name"
    " and a.attnum > 0 and not a.attisdropped"
)
_DELETE = sa.text(
    "delete from pg_catalog.pg_statistic s using pg_catalog.pg_class c"
    " where c.oid = s.starelid and c.relnamespace = 'memoria'::regnamespace and c.relname = :name"
)
