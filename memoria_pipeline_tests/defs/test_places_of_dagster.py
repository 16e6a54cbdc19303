"""What Dagster keeps is in the list of places too."""

from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.runs.schema import RunStorageSqlMetadata
from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

from memoria_pipeline.privacy.places import PLACES


def test_every_table_of_dagsters_history_is_in_the_list() -> None:
    stores = (SqlEventLogStorageMetadata, RunStorageSqlMetadata, ScheduleStorageSqlMetadata)
    there = {f"dagster.{table}" for store in stores for table in store.tables}
    assert there | {"dagster.alembic_version"} == {p.name for p in PLACES if p.store == "dagster"}
