"""The schedule that ends the life of faces: archives events past their date, forgets strangers."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs.overdue import check_overdue
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.logs import discreet
from memoria_pipeline.settings import settings
from memoria_pipeline.store import references, retention


@dg.schedule(
    job=check_overdue,
    cron_schedule="5 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    required_resource_keys={"store"},
)
@discreet
def retention_schedule(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
    """Once an hour: events past their date are archived; what fails is tried in the next hour.

    Its job is that of the check which says what is overdue; this itself asks for no run.
    """
    store: Store = context.resources.store
    with store.transaction() as conn:
        over = retention.over(conn, datetime.now(UTC), settings().retention_days)
        forgetting = retention.forgetting(conn)
    archived = _each(store, over, retention.archive)
    _each(store, forgetting, references.forget_others)
    return dg.SkipReason(f"{archived} of {len(over)} events past their date were archived")


def _each(store: Store, events: Iterable[UUID], do: Callable[[sa.Connection, UUID], object]) -> int:
    """One transaction each: an event that somebody holds is left to the next hour. How many."""
    done = 0
    for event in events:
        try:
            with store.transaction() as conn:
                do(conn, event)
            done += 1
        except DatabaseError:
            continue
    return done
