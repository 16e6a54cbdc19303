"""Which database, and connections to it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import embedded


@dataclass(frozen=True, slots=True)
class Databases:
    """The URLs of our own database and of Dagster's storage, both for psycopg2."""

    memoria: str
    dagster: str


@contextmanager
def running(
    home: Path, url: str | None = None, dagster_url: str | None = None
) -> Iterator[Databases]:
    """Both databases, on the server at `url`, or on the embedded one under `home` while in use."""
    if url is not None:
        ours = normalised(url)
        yield Databases(ours, normalised(dagster_url) if dagster_url else _beside(ours))
        return
    with embedded.running(home) as server:
        text = server.render_as_string(hide_password=False)
        dagster = normalised(dagster_url) if dagster_url else create_database(text, "dagster")
        yield Databases(create_database(text, "memoria"), dagster)


def normalised(url: str) -> str:
    """The same URL for psycopg2: to SQLAlchemy 2.1 a plain `postgresql://` is another driver."""
    try:
        parsed = sa.make_url(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg2://", url))
    except SQLAlchemyError:
        parsed = None
    if parsed is None or not parsed.drivername.startswith("postgresql"):
        raise DatabaseError(
            "MEMORIA_DATABASE_URL is not the address of a PostgreSQL; "
            "write postgresql://user:password@host:5432/name."
        )
    return parsed.render_as_string(hide_password=False)


def of_the_review(url: str) -> str:
    """The same database for the review's own login, which needs no password on our own socket."""
    theirs = sa.make_url(url).set(username="memoria_api", password=None)
    return theirs.render_as_string(hide_password=False)


def _beside(url: str) -> str:
    """Dagster's tables in a schema of their own, in the same database."""
    parsed = sa.make_url(url)
    options = (*_listed(parsed.query.get("options", ())), "-csearch_path=dagster")
    with connect(engine(url)) as conn:
        # Looked for first: `if not exists` asks for the right to create all the same.
        if conn.execute(sa.text("select to_regnamespace('dagster') is null")).scalar():
            conn.execute(_LOCK_SCHEMA)
            conn.execute(sa.text("create schema if not exists dagster"))
    with_schema = parsed.update_query_dict({"options": " ".join(options)})
    return with_schema.render_as_string(hide_password=False)


# Two at once would otherwise both see it missing, and one of them fail.
_LOCK_SCHEMA = sa.text("select pg_advisory_xact_lock(hashtextextended('create schema dagster', 0))")


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def create_database(url: str, name: str) -> str:
    """Make database `name` on the server of `url` where it is missing; return its URL."""
    maintenance = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with maintenance.connect() as conn:
        found = conn.execute(
            sa.text("select 1 from pg_database where datname = :name"), {"name": name}
        )
        if found.first() is None:
            _create(conn, name)
    return sa.make_url(url).set(database=name).render_as_string(hide_password=False)


def _create(conn: sa.Connection, name: str) -> None:
    quoted = conn.dialect.identifier_preparer.quote(name)
    try:
        conn.execute(sa.text(f"create database {quoted}"))
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", "") not in ("42P04", "23505"):  # somebody was faster
            raise


@lru_cache(maxsize=8)
def engine(url: str) -> sa.Engine:
    """The pool of connections to `url`; one per process and URL.

    Parameters stay out of error messages: those reach Dagster's log, and may be names and vectors.
    A server that went without a word, its machine or the network, is noticed within half a minute.
    """
    return sa.create_engine(
        normalised(url), pool_pre_ping=True, hide_parameters=True, connect_args=_ALIVE
    )


def pooled(url: str, size: int) -> sa.Engine:
    """A pool of its own with `size` connections, and as many again for who needs a second one."""
    return sa.create_engine(
        normalised(url),
        pool_size=size,
        max_overflow=size,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=_ALIVE,
    )


# What libpq looks at on TCP only; milliseconds in the last one.
_ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_PATIENCE = 30.0  # seconds; a supervisor has the embedded server back within 10
_EVERY = 0.25
_met: WeakSet[sa.Engine] = WeakSet()  # those that have answered in this process


def opened(engine: sa.Engine) -> sa.Connection:
    """A connection; a server that is being started again is waited for, 30 seconds at most.

    Raises DatabaseError when it cannot be reached; at once where it never answered, over TCP,
    because then the address is wrong.
    """
    waits = engine in _met or str(engine.url.query.get("host", "")).startswith("/")
    until = time.monotonic() + (_PATIENCE if waits else 0)
    while True:
        try:
            conn = engine.connect()
        except OperationalError as error:
            if time.monotonic() >= until or not _comes_back(error):
                raise _unreachable(engine, error) from error
            time.sleep(_EVERY)
        else:
            _met.add(engine)
            return conn


def _comes_back(error: OperationalError) -> bool:
    """Not where a living server refused us: a wrong password, a missing database."""
    said = str(error.orig)
    return "FATAL" not in said or re.search("starting up|shutting down|recovery", said) is not None


def _unreachable(engine: sa.Engine, error: OperationalError) -> DatabaseError:
    shown = engine.url.render_as_string(hide_password=True)
    return DatabaseError(
        f"No connection to {shown}: {str(error.orig).strip()}. "
        "Is the server up, and is MEMORIA_DATABASE_URL right?"
    )


@contextmanager
def connect(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction: committed at the end, rolled back on an error.

    Raises DatabaseError when the server cannot be reached, and for whatever it refuses: without
    values, which PostgreSQL and the driver repeat in their own messages and Dagster would log.
    """
    conn = opened(engine)
    try:
        with conn, conn.begin():
            yield conn
    except DBAPIError as error:
        raise _without_values(error) from None


def _without_values(error: DBAPIError) -> DatabaseError:
    about = getattr(error.orig, "diag", None)
    state = getattr(about, "sqlstate", None) or "the connection was lost"
    said = _VALUE.sub("…", getattr(about, "message_primary", None) or "")
    where = getattr(about, "constraint_name", None) or getattr(about, "table_name", None)
    made = DatabaseError(
        f"PostgreSQL refused a {type(error).__name__} [{state}]: {said}"
        + (f" ({where})" if where else "")
        + ". A server of your own has the statement in its log; of this nothing was kept."
    )
    made.lasting = state[:2] in _LASTING
    return made


# What is quoted, and ids: those of persons and members are personal, and Dagster keeps messages.
_VALUE = re.compile(
    r""""[^"]*"|'[^']*'|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"""
)
_LASTING = ("22", "42")  # a value that does not fit; a name, a right or a syntax that is wrong


def steady(conn: sa.Connection) -> None:
    """Let all that this transaction reads be of one moment; for a transaction that only reads, and
    before anything else in it."""
    conn.execute(sa.text("set transaction isolation level repeatable read, read only"))


@contextmanager
def held(engine: sa.Engine, name: str) -> Iterator[None]:
    """Hold the server's lock called `name`; it ends with this block, or with this process.

    A lock of the session: a transaction pooler between us and the server would lose it.
    """
    with engine.connect() as conn:
        conn.execute(_HOLD, {"name": name})
        conn.commit()
        try:
            yield
        finally:
            conn.invalidate()  # closed, not put back into the pool with the lock on it


def is_held(conn: sa.Connection, name: str) -> bool:
    """Whether some living process holds the lock called `name`."""
    free: bool = conn.execute(_TRY, {"name": name}).scalar_one()
    return not free


_HOLD = sa.text("select pg_advisory_lock(hashtextextended(:name, 0))")
_TRY = sa.text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
