"""Dagster's own storage: in the PostgreSQL of our settings, the embedded one included.

`dagster.yaml` names this class, so that the plain `dagster` and `dg` work in a checkout without a
variable set: where MEMORIA_DAGSTER_DATABASE_URL is not given, the server is started or joined.
"""

import atexit
import gc
import os
from contextlib import ExitStack
from functools import cache
from typing import Any, Self

import sqlalchemy as sa
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from memoria_pipeline import logs
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db

# Here, because every process of Dagster imports this module: the daemon and the webserver before
# they set up their own loggers, a code server and a run with the definitions.
if settings().log_format == "json":
    logs.install()

# What a process of Dagster's makes while it loads stays, and Python looks through it for cycles
# again and again: a CPU-second for each run. Another one goes when it ends, where the system takes
# all back anyway; what has to be put in order has its own atexit.
gc.set_threshold(50_000, 20, 50)
atexit.register(gc.freeze)


@cache
def databases() -> db.Databases:
    """Ours and Dagster's; the server is held until this process ends."""
    chosen = settings()
    held = ExitStack()
    atexit.register(held.close)
    found = db.running(chosen.home, chosen.database_url, chosen.dagster_database_url)
    return held.enter_context(found)


@cache
def _connections(url: str) -> sa.Engine:
    """This process's connections to Dagster's tables.

    dagster-postgres opens one for every statement: idle sensors cost the server more than all else
    then, 4.8 CPU-seconds a minute for three of them. Two stay open; one that the server ended is
    opened again, and a process that is forked opens its own.
    """
    engine = sa.create_engine(
        url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, pool_size=2, max_overflow=30
    )
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


_met: set[str] = set()  # whose tables are there: looking for them once in a process is enough


class Storage(DagsterPostgresStorage):
    """dagster-postgres, with the URL from our settings and connections that are kept."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "Storage":
        """What Dagster calls when it opens the instance, in a code server for every tick."""
        return cls.at(databases().dagster, inst_data)

    @classmethod
    def at(cls, url: str, inst_data: ConfigurableClassData | None = None) -> Self:
        """That of the database at `url`, whose tables are made where they are missing."""
        storage = cls(
            postgres_url=url, inst_data=inst_data, should_autocreate_tables=url not in _met
        )
        _met.add(url)
        parts: list[Any] = [storage.run_storage, storage.event_log_storage]
        for part in (*parts, storage.schedule_storage):
            part._engine = _connections(url)
        return storage
