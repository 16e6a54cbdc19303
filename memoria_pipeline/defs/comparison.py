"""The asset `cluster_comparison`: what another method or threshold would make of an event.

For analysts, weekly and by hand; nobody's people change by it. It is a run of the event like the
others, so the event's next one waits: 1 s at 1,000 faces, 10 s at 6,000, some minutes at 50,000.
"""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import asking
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.logs import discreet
from memoria_pipeline.people.comparison import Tried, compare, similarities
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.regroup import Present
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.settings import settings
from memoria_pipeline.store import comparison, faces, fence, runs, standing
from memoria_pipeline.store import events as event_store
from memoria_pipeline.vision.detector import Detector

PER_WEEK = 200
"""Events that the schedule asks for at most: ten groupings of 2,000 faces each take seconds."""

Metadata = dict[str, Any]


class ComparisonConfig(dg.Config):
    """again: compare even where nothing changed since the last time."""

    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Event:
    """An event to compare, and what its comparison is kept under."""

    present: Present
    thresholds: Thresholds
    density: Density
    key: Metadata


@dg.asset(
    deps=["clusters"], partitions_def=events, group_name="quality", kinds={"postgres", "hdbscan"}
)
@discreet
@retried
def cluster_comparison(
    context: dg.AssetExecutionContext,
    config: ComparisonConfig,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """Measures of the event's faces, grouped by both methods and by nine merge thresholds."""
    event = UUID(context.partition_key)
    with store.transaction() as conn:
        of = _load(conn, event, detector, again=config.again)
    if of is None:
        return dg.MaterializeResult(metadata={"run": "none: nothing changed"})
    tried = compare(of.present, of.thresholds, settings().cluster_method, of.density)
    pairs = similarities(of.present)
    with store.transaction() as conn:
        comparison.save(conn, event, tried=tried, similarities=pairs, **of.key)
    return dg.MaterializeResult(metadata=_told(tried))


def _load(conn: sa.Connection, event_id: UUID, detector: Detector, *, again: bool) -> _Event | None:
    """The event as it stands, or None where that was compared already."""
    epoch = fence.epoch(conn, event_id)
    event = event_store.require_consent(conn, event_id)
    thresholds = Thresholds.of(detector.thresholds(event.face_model))
    s = settings()
    density = Density(s.min_cluster_size, s.min_samples, s.cluster_epsilon)
    method = {"method": s.cluster_method, **asdict(density)}
    parameters = {**method, "thresholds": thresholds.as_table()}
    fingerprint = runs.fingerprint(conn, event.id, event.face_model)
    if not again and comparison.known(conn, event.id, fingerprint, parameters):
        return None
    present = standing.present(conn, event.id, faces.load(conn, event.id, event.face_model))
    key = {"model": event.face_model, "fingerprint": fingerprint, "parameters": parameters}
    return _Event(present, thresholds, density, {**key, "epoch": epoch})


def _told(tried: list[Tried]) -> Metadata:
    """People by way of grouping, as a table in the UI."""
    lines = ["| method | threshold | people | alone | silhouette |", "|---|---|---|---|---|"]
    for each in tried:
        mark = " (in use)" if each.in_use else ""
        names = ("persons", "single", "silhouette")
        numbers = " | ".join(f"{each.measures.get(name, 0):g}" for name in names)
        lines.append(f"| {each.method}{mark} | {each.threshold or ''} | {numbers} |")
    seconds = sum(each.measures["seconds"] for each in tried)
    return {"compared": dg.MetadataValue.md("\n".join(lines)), "seconds": round(seconds, 2)}


compare_groupings = dg.define_asset_job(
    "compare_groupings",
    selection=dg.AssetSelection.assets("cluster_comparison"),
    description="Both methods and nine thresholds side by side, for one event; changes nobody.",
)


@dg.schedule(
    job=compare_groupings,
    cron_schedule="0 4 * * 0",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
@discreet
def weekly_comparison(
    context: dg.ScheduleEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SkipReason | list[dg.RunRequest]:
    """Compares the events whose people changed since they were compared, the oldest first."""
    with store.transaction() as conn:
        due = comparison.due(conn, PER_WEEK)
    if not due:
        return dg.SkipReason("No event's people changed since they were compared.")
    context.instance.add_dynamic_partitions(events.name or "", [str(each) for each in due])
    week = f"{context.scheduled_execution_time:%G-%V}"
    after_all_else = {"dagster/priority": "-10"}
    return [
        asking.request(
            *(event, f"compare/{event}/{week}"),
            job="compare_groupings",
            config={},
            tags=after_all_else,
        )
        for event in due
    ]
