"""Dagster's own storage: in the PostgreSQL of our settings, the embedded one included.

`dagster.yaml` names this class, so that the plain `dagster` and `dg` work in a checkout without a
variable set: where MEMORIA_DAGSTER_DATABASE_URL is not given, the server is started or joined.
"""

import atexit
from contextlib import ExitStack
from functools import cache
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from memoria_pipeline import logs
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db

# Here, because every process of Dagster imports this module: the daemon and the webserver before
# they set up their own loggers, a code server and a run with the definitions.
if settings().log_format == "json":
    logs.install()


@cache
def databases() -> db.Databases:
    """Ours and Dagster's; the server is held until this process ends."""
    chosen = settings()
    held = ExitStack()
    atexit.register(held.close)
    found = db.running(chosen.home, chosen.database_url, chosen.dagster_database_url)
    return held.enter_context(found)


class Storage(DagsterPostgresStorage):
    """dagster-postgres, with the URL from our settings instead of from the file."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "Storage":
        """What Dagster calls when it opens the instance."""
        return cls(postgres_url=databases().dagster, inst_data=inst_data)
