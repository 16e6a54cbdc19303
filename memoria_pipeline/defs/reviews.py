"""The sensor `decisions_sensor`: questions and tags follow what people decide in the review."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs import asking, holding
from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.errors import DatabaseError, MemoriaError
from memoria_pipeline.logs import discreet
from memoria_pipeline.quality.expectations import declared, of_grouping
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_rows
from memoria_pipeline.store import followed, proposals, runs
from memoria_pipeline.store.followed import RunAnswer
from memoria_pipeline.work import reviews
from memoria_pipeline.work.reviews import Behind

_LOOK = 100  # events of one look: more of them are the next one's

follow_decisions = dg.define_asset_job(
    "follow_decisions",
    # Without checks: Great Expectations takes seconds to import, and process_event has them.
    selection=dg.AssetSelection.assets("questions", "tags").without_checks(),
    description="What to ask next and who is tagged, after an organiser decided.",
)


@dg.asset(deps=["clusters"], partitions_def=events, group_name="review", kinds={"postgres"})
@discreet
@retried
def approvals(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
) -> dg.MaterializeResult[None]:
    """Groupings that organisers approved or turned down: published, held, or why not."""
    with store.transaction() as conn:
        asked = followed.run_answers(conn, UUID(context.partition_key))
    problems = [carry_out(store, each) for each in asked]
    done = problems.count(None)
    return dg.MaterializeResult(metadata={"carried out": done, "not": len(problems) - done})


def carry_out(store: Store, answer: RunAnswer) -> str | None:
    """One answer, in one transaction, so that what is done is also written down; why it is not."""
    try:
        with store.transaction() as conn:
            event_rows.lock(conn, answer.event_id)
            if not followed.waits(conn, answer):
                return None  # another run was faster
            problem = _done(conn, answer)
            followed.done(conn, answer, problem)
    except MemoriaError as error:
        if isinstance(error, DatabaseError) and not error.lasting:
            raise  # may pass: the answer waits for the next try
        problem = str(error)
        with store.transaction() as conn:
            followed.done(conn, answer, problem)
    return problem


def _done(conn: sa.Connection, answer: RunAnswer) -> str | None:
    """What is to be told of it; the run as it was where that is not open any more."""
    if runs.get(conn, answer.run_id).status != "proposed":
        return "It waits for nobody any more: another answer, or a newer run, came first."
    if answer.answer == "turn_down":
        proposals.hold(conn, answer.run_id, "not wanted", turned_down=True)
        return None
    must = of_grouping(declared(holding.limits()))
    if proposals.publish(conn, answer.run_id, must=must):
        return None
    return "Faces or decisions changed since it was made: group again."


answer_runs = dg.define_asset_job(
    "answer_runs",
    selection=dg.AssetSelection.assets("approvals"),
    description="What organisers said of groupings that wait for approval, carried out.",
)


@dg.sensor(
    jobs=[follow_decisions, answer_runs],
    minimum_interval_seconds=settings().sensor_seconds,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
@discreet
def decisions_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[Store]
) -> dg.SensorResult:
    """Notices events whose questions are older than their decisions, and answers about runs."""
    now = time.time()
    with store.transaction() as conn:
        answers = followed.run_answers(conn)
        known = reviews.glance(context.cursor, followed.last_number(conn), now)
        behind = followed.behind(conn, _LOOK) if known.due(now) else []
    asked = list(_answers(answers, context.instance, datetime.fromtimestamp(now, UTC)))
    busy = {request.partition_key for request in asked}
    asked += [each for each in _follow(behind, context.instance) if each.partition_key not in busy]
    names = [request.partition_key or "" for request in asked]
    return dg.SensorResult(
        run_requests=asked,
        dynamic_partitions_requests=[events.build_add_request(names)] if asked else [],
        skip_reason=None if asked else _reason(behind),
        cursor=str(known.after(now=now, looked=known.due(now), behind=bool(behind))),
    )


def _reason(behind: list[Behind]) -> str:
    return "people are deciding" if behind else "nobody decided anything"


def _answers(
    answers: list[RunAnswer], instance: dg.DagsterInstance, now: datetime
) -> Iterator[dg.RunRequest]:
    newest = {each.event_id: each for each in answers}
    for event, each in newest.items():
        if not asking.underway(instance, event, "answer_runs"):
            # The hour: a run that failed is tried again then.
            key = f"{event}/answer/{each.created_at.timestamp():.6f}/{now:%Y-%m-%dT%H}"
            yield asking.request(event, key, job="answer_runs", config={})


def _follow(behind: list[Behind], instance: dg.DagsterInstance) -> Iterator[dg.RunRequest]:
    quiet = timedelta(seconds=settings().quiet_seconds)
    for each in behind:
        if reviews.due(each, quiet) and not asking.underway(
            instance, each.event_id, "follow_decisions"
        ):
            key = f"{each.event_id}/decisions/{reviews.version(each)}"
            yield asking.request(each.event_id, key, job="follow_decisions", config={})
