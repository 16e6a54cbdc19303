"""The asset `questions`: what the organiser is asked next, and how many answers are left."""

from uuid import UUID

import dagster as dg

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.logs import discreet
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.store import db
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import questions as question_store
from memoria_pipeline.store.batch import Batch
from memoria_pipeline.vision.detector import Detector


@dg.asset(deps=["clusters"], partitions_def=events, group_name="event", kinds={"postgres"})
@discreet
@retried
def questions(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """What to ask: the question that puts most faces right per answer comes first."""
    event = UUID(context.partition_key)
    with store.transaction() as conn:
        model = event_store.get(conn, event).face_model
    if not model:
        return dg.MaterializeResult(metadata={"questions": 0, "nothing": "no photo was analysed"})
    thresholds = Thresholds.of(detector.thresholds(model))
    with store.transaction() as conn:
        db.steady(conn)  # people go on deciding: nothing is locked for the seconds this takes
        batch = question_store.ask(conn, event, thresholds)
    with store.transaction() as conn:
        kinds = question_store.save(conn, event, batch)
    return dg.MaterializeResult(metadata={**kinds, **_promised(batch)})


def _promised(batch: Batch) -> dict[str, float]:
    """Counts only. Where no question leads to a share, it is left out."""
    answers = batch.forecast.answers.items()
    left = {f"answers to {share:.0%}": float(n) for share, n in answers if n is not None}
    right = round(batch.forecast.right, 4)
    return {"answers left": float(batch.total), "right now": right, **left}
