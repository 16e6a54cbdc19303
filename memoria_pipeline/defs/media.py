"""The asset `media`: the photos that an event has."""

from uuid import UUID

import dagster as dg

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import PhotoStorage, Store
from memoria_pipeline.defs.retries import retried
from memoria_pipeline.logs import discreet
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import media as media_store


@dg.asset(
    partitions_def=events,
    group_name="event",
    kinds={"postgres"},
)
@discreet
@retried
def media(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    photos: dg.ResourceParam[PhotoStorage],
) -> dg.MaterializeResult[None]:
    """Every photo of the event, as its storage shows them now. Reads names and sizes, no pixels."""
    event = UUID(context.partition_key)
    with store.transaction() as conn:
        root = event_store.get(conn, event).photo_root
    found = photos.found(root)
    with store.transaction() as conn:
        counts = media_store.register(conn, event, found)
    return dg.MaterializeResult(
        metadata={
            "photos": len(found),
            "new": counts.new,
            "changed": counts.changed,
            "gone from storage": counts.missing,
        }
    )
