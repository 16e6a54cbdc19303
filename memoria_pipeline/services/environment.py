"""What Dagster's processes find: their home, their variables, our definitions."""

import os
import shutil
from pathlib import Path

from memoria_pipeline.settings import child_variables
from memoria_pipeline.store.db import Databases

CHECKOUT = Path(__file__).parents[2]  # where dagster.yaml and workspace.yaml lie


# What the review's process must not find: logins that could do more than its callers may.
_STRONG = (
    "MEMORIA_DATABASE_URL",
    "MEMORIA_DAGSTER_DATABASE_URL",
    "MEMORIA_SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "PGPASSWORD",
    "MEMORIA_ERASURE_KEY",
    "MEMORIA_ERASURE_KEY_FILE",
    "MEMORIA_SUBJECT_KEY",
    "MEMORIA_SUBJECT_KEY_FILE",
)


def of_the_review(home: Path, login: str) -> dict[str, str]:
    """What the review's server finds: the URL of its own login, and none of the pipeline's."""
    return child_variables(without=_STRONG, MEMORIA_HOME=str(home), MEMORIA_API_DATABASE_URL=login)


def variables(home: Path, databases: Databases) -> dict[str, str]:
    """What a Dagster process needs; also puts our dagster.yaml into its home."""
    dagster_home = home / "dagster"
    dagster_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = dagster_home / f"dagster.yaml.{os.getpid()}"
    shutil.copyfile(CHECKOUT / "dagster.yaml", fresh)
    fresh.replace(dagster_home / "dagster.yaml")  # at once: a process may be reading it
    return child_variables(
        DAGSTER_HOME=str(dagster_home),
        MEMORIA_HOME=str(home),
        MEMORIA_DATABASE_URL=databases.memoria,
        MEMORIA_DAGSTER_DATABASE_URL=databases.dagster,
    )
