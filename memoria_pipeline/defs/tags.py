"""The asset `tags`: who is on which photo, as humans confirmed it. A machine makes none."""

from dataclasses import asdict
from uuid import UUID

import dagster as dg

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.logs import discreet
from memoria_pipeline.store import held, observed, runs
from memoria_pipeline.store import tags as tag_store


@dg.asset(deps=["clusters"], partitions_def=events, group_name="event", kinds={"postgres"})
@discreet
def tags(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store]
) -> dg.MaterializeResult[None]:
    """The tags of the people that are published; a grouping that is held back changes none.

    Each decision keeps them right in its own transaction: what this mends, something else broke.
    """
    event = UUID(context.partition_key)
    with store.transaction() as conn:
        mended = tag_store.sync_event(conn, event)
        counts, last = observed.of_tags(conn, event), runs.last_run(conn, event)
        back = held.standing(conn, event)
    told = {"people of run": str(last.id) if last else "none", **counts, **asdict(mended)}
    why = {"held back": back.reason} if back else {}
    return dg.MaterializeResult(metadata={**told, **why})
