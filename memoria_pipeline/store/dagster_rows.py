"""What Dagster's own tables hold of an event that is erased, or of anybody at all.

Its API deletes runs; ticks, checks, caches and what was reported outside of a run stay. All columns
that hold text are looked at, whatever tables its next version has.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

_NOBODY = str(UUID(int=0))
# A row of these is about more than the event: its id is taken out of it. Other rows go.
_SHARED = ("asset_keys", "bulk_actions", "instigators", "jobs", "kvs", "snapshots")
_CACHES = ("cached_status_data", "last_materialization")  # of asset_keys: made anew when asked for


def forget(conn: sa.Connection, event_id: UUID) -> int:
    """Take the event out of every table; how many rows were changed or went."""
    values = {"like": f"%{event_id}%", "id": str(event_id), "nobody": _NOBODY}
    return sum(
        conn.execute(sa.text(_statement(table, column)), values).rowcount
        for table, column in _columns(conn)
    )


def _statement(table: str, column: str) -> str:
    where = f'where "{column}" like :like'
    if column in _CACHES:
        return f'update "{table}" set "{column}" = null {where}'  # noqa: S608
    if table in _SHARED:
        changed = f'replace("{column}", :id, :nobody)'
        return f'update "{table}" set "{column}" = {changed} {where}'  # noqa: S608
    return f'delete from "{table}" {where}'  # noqa: S608


def mask(conn: sa.Connection, texts: Sequence[str]) -> list[str]:
    """Write over any of these wherever it stands; the tables that had one.

    None is expected: what we let Dagster keep is nothing personal.
    """
    changed = set()
    for table, column in _columns(conn) if texts else ():
        values = {"like": [f"%{each}%" for each in texts], "any": "|".join(map(_escaped, texts))}
        if conn.execute(sa.text(_masking(table, column)), values).rowcount:
            changed.add(table)
    return sorted(changed)


def _masking(table: str, column: str) -> str:
    masked = f"""regexp_replace("{column}", :any, '{"*" * 36}', 'gi')"""
    return f'update "{table}" set "{column}" = {masked} where "{column}" ilike any (:like)'  # noqa: S608


def _escaped(text: str) -> str:
    return re.sub(r"([^\w@-])", r"\\\1", text)


def naming(conn: sa.Connection, texts: Sequence[str]) -> dict[str, int]:
    """Table.column → rows with any of these texts, of those that have any."""
    if not texts:
        return {}
    found = {}
    values = {"likes": [f"%{each}%" for each in texts]}
    for table, column in _columns(conn):
        counted = f'select count(*) from "{table}" where "{column}" ilike any (:likes)'  # noqa: S608
        if number := conn.execute(sa.text(counted), values).scalar_one():
            found[f"dagster.{table}.{column}"] = number
    return found


def _columns(conn: sa.Connection) -> list[tuple[str, str]]:
    return [(row.table_name, row.column_name) for row in conn.execute(_COLUMNS)]


# Names of Dagster's own: whoever could make a column with a quote in it has no need of us.
_COLUMNS = sa.text("""
    select c.table_name, c.column_name from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where c.table_schema = current_schema() and t.table_type = 'BASE TABLE'
        and c.data_type in ('text', 'character varying') and c.table_name <> 'alembic_version'
    order by c.table_name = 'runs', c.table_name, c.column_name
""")
