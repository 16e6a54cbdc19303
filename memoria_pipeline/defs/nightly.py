"""The schedule `nightly`: what failed by day is tried again, what is stale brought up to date."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import asking
from memoria_pipeline.defs.clusters import GroupingConfig
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.defs.jobs import process_event
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.errors import ModelError
from memoria_pipeline.logs import discreet
from memoria_pipeline.store import once, outbox, sessions, stale
from memoria_pipeline.vision.detector import Detector

_A_NIGHT = 500  # runs; at 10 s each they end before the morning, and the next night goes on
_AFTER_UPLOADS = {"dagster/priority": "-5"}  # who uploads at night does not wait for them all


@dg.schedule(
    job=process_event,
    cron_schedule="30 2 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
@discreet
def nightly(
    context: dg.ScheduleEvaluationContext,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> list[dg.RunRequest]:
    """Tries failed photos again, groups events that are stale, and forgets what is over."""
    night = (context.scheduled_execution_time or datetime.now(UTC)).date()
    with store.transaction() as conn:
        for old in (outbox, once, sessions):
            old.prune(conn)
        stale.refresh(conn)
        photos = stale.with_photos_left(conn, _A_NIGHT)
        back = stale.held_back(conn, _A_NIGHT - len(photos))
        groups = list(_stale_groups(conn, detector, _A_NIGHT - len(photos) - len(back)))
    asked = dict.fromkeys([*photos, *back, *groups])
    context.instance.add_dynamic_partitions(events.name or "", [str(each) for each in asked])
    return [
        asking.request(
            event,
            f"{event}/night/{night}",
            grouping="always" if event in groups else "when enough",
            tags=_AFTER_UPLOADS,
        )
        for event in asked
    ]


def _stale_groups(conn: sa.Connection, detector: Detector, limit: int) -> Iterator[UUID]:
    for model in stale.models(conn):
        try:
            wanted = GroupingConfig().how(detector, model, Gate()).as_table()
        except ModelError:  # a pack that is not here cannot group: its events stay as they are
            continue
        found = stale.grouped_otherwise(conn, model, wanted, limit)
        limit -= len(found)
        yield from found
