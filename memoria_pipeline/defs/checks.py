"""Asset checks, each named as the sentence that should be true: the alarm.

None of them blocks: what may be shown is decided where it would be published (holding.py), by the
same expectations, whoever launches what. They come last in a run, since Great Expectations takes
four CPU-seconds to import; hence few steps, and a low priority.
"""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import dagster as dg

from memoria_pipeline.defs import holding
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import discreet
from memoria_pipeline.privacy.retention import GRACE
from memoria_pipeline.quality import gx
from memoria_pipeline.quality.expectations import Expectation, Observed, declared
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import observed, retention
from memoria_pipeline.vision.detector import Detector

Results = Iterator[dg.AssetCheckResult]

_SEVERITY = {"error": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}
_LAST = {"dagster/priority": "-1"}


def specs(*assets: str) -> list[dg.AssetCheckSpec]:
    """The checks of these assets, one per expectation and event."""
    chosen = [each for each in declared() if each.asset in assets]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitions of checks
        return [
            dg.AssetCheckSpec(
                each.name, asset=each.asset, description=each.about, partitions_def=events
            )
            for each in chosen
        ]


def results(context: dg.AssetCheckExecutionContext, seen: Observed) -> Results:
    """What becomes of the checks that this step is asked for."""
    asked = {key.name for key in context.selected_asset_check_keys}
    chosen = [each for each in declared(holding.limits()) if each.name in asked]
    met = gx.evaluate(seen, chosen)
    for each in chosen:
        yield _result(each, seen.get(each.column), met[each.name])


def _result(of: Expectation, value: float | None, met: bool) -> dg.AssetCheckResult:
    bounds = {"at least": of.least, "at most": of.most}
    numbers: dict[str, dg.MetadataValue] = {
        name: dg.MetadataValue.float(float(bound))
        for name, bound in {"observed": value, **bounds}.items()
        if bound is not None
    }
    said = {} if value is not None else {"observed": dg.MetadataValue.text("too few to say")}
    return dg.AssetCheckResult(
        passed=met,
        asset_key=of.asset,
        check_name=of.name,
        severity=_SEVERITY[of.severity],
        description=of.about,
        metadata={**numbers, **said, "severity": dg.MetadataValue.text(of.severity)},
    )


@dg.multi_asset_check(specs=specs("media"), can_subset=True, op_tags=_LAST)
@discreet
def nothing_is_overdue(
    context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[Store]
) -> Results:
    """No job, no erasure and no photo of the event waits for too long; no face stays too long."""
    with store.transaction() as conn:
        event = UUID(context.partition_key)
        seen = observed.overdue(conn, event, settings().overdue_hours)
        kept = retention.past_date(
            conn, event, datetime.now(UTC) - GRACE, settings().retention_days
        )
    yield from results(context, {**seen, "faces_past_date": kept})


@dg.multi_asset_check(specs=specs("faces", "embeddings"), can_subset=True, op_tags=_LAST)
@discreet
def photos_are_sound(
    context: dg.AssetCheckExecutionContext,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> Results:
    """What was found in the photos, and whether the detector can be believed."""
    with store.transaction() as conn:
        event = event_store.get(conn, UUID(context.partition_key))
        seen = observed.of_photos(conn, event.id, holding.since(context))
    yield from results(context, {**seen, **holding.seen(store, detector, event.face_model)})


@dg.multi_asset_check(specs=specs("clusters"), can_subset=True, op_tags=_LAST)
@discreet
def people_are_sound(
    context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[Store]
) -> Results:
    """Who is shown, and who would be if the last run had not been held back."""
    with store.transaction() as conn:
        seen = observed.of_people(conn, UUID(context.partition_key))
    yield from results(context, seen)


@dg.multi_asset_check(specs=specs("tags"), can_subset=True, op_tags=_LAST)
@discreet
def tags_are_sound(
    context: dg.AssetCheckExecutionContext, store: dg.ResourceParam[Store]
) -> Results:
    """Who is tagged."""
    with store.transaction() as conn:
        seen = observed.of_tags(conn, UUID(context.partition_key))
    yield from results(context, seen)
