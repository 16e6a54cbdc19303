"""The bytes of what was erased: tables rewritten, statistics too, the write-ahead log let go.

A deleted row stays in its page, its indexes and the log until something writes over it; VACUUM
leaves a third of it. VACUUM FULL copies what lives into new files, but also what an older snapshot
may still see: hence those are waited for first.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.store import db, samples
from memoria_pipeline.store.locks import Locks

_LOCK = "rewrite"  # one at a time: they would only wait for one another's snapshots
_EVERY = 0.1  # seconds between two looks for older snapshots
_TRIES = 12  # of the lock on a table
_STATISTICS = ("pg_catalog", "pg_statistic")


@dataclass(frozen=True, slots=True)
class Table:
    """One table with its indexes and TOAST, in bytes; file: which one holds it now."""

    schema: str
    name: str
    size: int
    file: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """How many tables were; those left to the night as too large; those we may not rewrite; and
    whether the write-ahead log of before is gone: "gone", "reused" by the server in its time, or
    "left", where we may not ask for it."""

    tables: int
    too_large: list[str]
    refused: list[str]
    log: str


def rewrite(engine: sa.Engine, events: list[UUID], most: int, patience: float = 60.0) -> Rewritten:
    """Rewrite every table of ours up to `most` bytes; of the faces, those of these events only.

    Raises ErasureError where a transaction that began before does not end within `patience`
    seconds, or a table cannot be had.
    """
    with _alone(engine) as conn:
        _await_older(conn, patience)
        tables = _tables(conn, events)
        small = [each for each in tables if each.size <= most]
        refused = [each.name for each in small if not _rewritten(conn, each)]
        done = len(small) - len(refused)
        too_large = [each.name for each in tables if each.size > most]
        refused += _forget_samples(conn, too_large, patience)
        return Rewritten(done, too_large, refused, _let_log_go(conn))


def rewrite_dagster(engine: sa.Engine, names: list[str], patience: float = 60.0) -> None:
    """The same for tables of Dagster's own database, where something had to be masked."""
    with _alone(engine) as conn:
        _await_older(conn, patience)
        for name in names:
            schema = conn.execute(sa.text("select current_schema()")).scalar_one()
            _rewritten(conn, Table(schema, name, 0, 0))
        _let_log_go(conn)


def rewrite_these(engine: sa.Engine, names: list[str], patience: float = 600.0) -> list[str]:
    """Rewrite tables of these names, whatever their size; those that we may not rewrite."""
    with _alone(engine) as conn:
        _await_older(conn, patience)
        chosen = [each for each in _tables(conn, None) if each.name in names]
        refused = [each.name for each in chosen if not _rewritten(conn, each)]
        refused += _forget_samples(conn, [], patience)
        _let_log_go(conn)
        return refused


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which every statement commits by itself, as VACUUM must."""
    locks = Locks(engine)  # not waited for inside the server: that would be a snapshot, too
    try:
        locks.take(_LOCK)
        with db.opened(engine).execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(sa.text("set lock_timeout = '2s'; set client_min_messages = error"))
            try:
                yield conn
            finally:
                conn.execute(sa.text("reset lock_timeout; reset client_min_messages"))
    finally:
        locks.close()


def _await_older(conn: sa.Connection, patience: float) -> None:
    """Until every transaction has begun after what was erased went: none sees it any more."""
    mark = conn.execute(sa.text("select txid_current()")).scalar_one()
    until = time.monotonic() + patience
    while holders := conn.execute(_OLDER, {"mark": mark}).scalar_one():
        if time.monotonic() >= until:
            raise ErasureError(
                f"{holders} transactions that began before the erasure still run, and keep what"
                " they see. It is tried again; see pg_stat_activity and pg_replication_slots for"
                " what does not end."
            )
        time.sleep(_EVERY)


_OLDER = sa.text("""
    with mark as (select age((mod(:mark, 4294967296))::text::xid) as old)
    select (select count(*) from pg_stat_activity a, mark
            where a.pid <> pg_backend_pid() and a.datname = current_database()
                and (age(a.backend_xmin) > mark.old or age(a.backend_xid) > mark.old))
        + (select count(*) from pg_prepared_xacts p, mark
           where p.database = current_database() and age(p.transaction) > mark.old)
        + (select count(*) from pg_replication_slots s, mark where age(s.xmin) > mark.old)
""")


def _tables(conn: sa.Connection, events: list[UUID] | None) -> list[Table]:
    values = {"events": events, "all": events is None}
    return [Table(*row) for row in conn.execute(_TABLES, values)]


# Generated columns, foreign keys, RLS: VACUUM FULL minds none. Partitions of other events hold
# nobody of these.
_TABLES = sa.text("""
    select n.nspname, c.relname, pg_total_relation_size(c.oid), pg_relation_filenode(c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'memoria' and c.relkind = 'r' and c.relpersistence <> 't'
        and (not c.relispartition or :all or c.relname in (
            select part from unnest(cast(:events as uuid[])) as e (id)
            cross join lateral (values (memoria.partition_name(e.id)),
                (memoria.beside_name(e.id))) as p (part)))
    order by c.relname
""")


def _rewritten(conn: sa.Connection, table: Table) -> bool:
    """Whether it was: what we may not rewrite, the server passes over with a warning."""
    name = f"{_quoted(conn, table.schema)}.{_quoted(conn, table.name)}"

    def vacuum() -> None:
        conn.execute(sa.text(f"vacuum (full, analyze) {name}"))

    _patiently(vacuum, table.name)
    now = conn.execute(_FILE, {"name": name}).scalar_one_or_none()
    return now != table.file  # None: it was dropped meanwhile, with all its bytes


_FILE = sa.text("select pg_relation_filenode(to_regclass(:name))")


def _patiently(do: Callable[[], None], name: str) -> None:
    """Somebody else may be in the table; who waits for it with others behind waits 2 s at most."""
    for tries in range(_TRIES):
        try:
            do()
            return
        except DBAPIError as error:
            state = getattr(error.orig, "pgcode", "")
            if state == "42P01":  # dropped meanwhile
                return
            if state not in ("55P03", "40P01") or tries == _TRIES - 1:
                raise ErasureError(
                    f"The table {name} could not be rewritten [{state}]; it is tried again."
                ) from None
            time.sleep(random.uniform(0.2, 1.0))


def _forget_samples(conn: sa.Connection, names: list[str], patience: float) -> list[str]:
    """The planner's statistics hold values: made anew, and the file of the old ones replaced.

    names: tables that were not rewritten. A partitioned table has samples only where somebody
    analysed it as a whole. Returns those whose samples stay, as we may not drop them.
    """
    for name in (*names, *conn.scalars(_SAMPLED)):
        conn.execute(sa.text(f"analyze memoria.{_quoted(conn, name)}"))
    stay = [f"samples of {name}" for name in samples.clear(conn)]
    _await_older(conn, patience)  # who still sees the old samples has them copied
    schema, name = _STATISTICS

    def vacuum() -> None:
        conn.execute(sa.text(f"vacuum full {schema}.{name}"))

    _patiently(vacuum, name)
    return stay


_SAMPLED = sa.text(
    "select c.relname from pg_class c where c.relkind = 'p'"
    " and c.relnamespace = 'memoria'::regnamespace"
    " and exists (select from pg_stats s where s.schemaname = 'memoria'"
    "  and s.tablename = c.relname and s.inherited)"
)


def _let_log_go(conn: sa.Connection) -> str:
    """End the segment that is written, and checkpoint: only then are those before it not needed."""
    reuses = conn.execute(sa.text("show wal_recycle")).scalar_one() == "on"
    try:
        if not reuses:
            _pass_reused(conn)
        conn.execute(sa.text("select pg_switch_wal()"))
        conn.execute(sa.text("checkpoint"))
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != "42501":
            raise
        return "left"
    return "reused" if reuses else "gone"


def _pass_reused(conn: sa.Connection) -> None:
    """A server that once reused segments has some ahead that still hold what they held."""
    for _ in range(conn.execute(_AHEAD).scalar_one()):
        conn.execute(sa.text("select pg_logical_emit_message(false, 'memoria', '')"))
        conn.execute(sa.text("select pg_switch_wal()"))


_AHEAD = sa.text(
    "select count(*) from pg_ls_waldir()"
    " where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_lsn())"
)


def _quoted(conn: sa.Connection, name: str) -> str:
    return conn.dialect.identifier_preparer.quote(name)
