"""Looks for what is overdue where nothing runs: an event that is stuck would check nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from memoria_pipeline.defs.checks import nothing_is_overdue
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import discreet
from memoria_pipeline.privacy.retention import GRACE
from memoria_pipeline.settings import settings
from memoria_pipeline.store import observed, retention

AT_ONCE = 20
"""Events that are reported per hour: more of them are one trouble, and the first say it."""

_AFTER_UPLOADS = {"dagster/priority": "-5"}  # Great Expectations takes seconds to import, in each

check_overdue = dg.define_asset_job(
    "check_overdue",
    # With `tags`, which costs little: a job of checks alone has no partitions in Dagster 1.13.
    selection=dg.AssetSelection.assets("tags").without_checks()
    | dg.AssetSelection.checks(nothing_is_overdue),
    description="Which jobs, erasures and photos of an event are overdue; changes nothing.",
)


@dg.schedule(
    job=check_overdue,
    cron_schedule="20 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    required_resource_keys={"store"},
)
@discreet
def overdue_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Once an hour, the check of each event in which something is overdue; once a day for each."""
    store: Store = context.resources.store
    with store.transaction() as conn:
        late = observed.late(conn, settings().overdue_hours, AT_ONCE)
        past = datetime.now(UTC) - GRACE
        late += retention.over(conn, past, settings().retention_days)[:AT_ONCE]
    day = context.scheduled_execution_time.date()
    names = [str(event) for event in dict.fromkeys(late)]
    if names:
        context.instance.add_dynamic_partitions(events.name or "", names)
    for name in names:
        yield dg.RunRequest(
            run_key=f"{name}/overdue/{day}", partition_key=name, tags=_AFTER_UPLOADS
        )
