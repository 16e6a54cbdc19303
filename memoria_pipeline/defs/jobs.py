"""Jobs: what an engineer launches, and what sensors ask for."""

import dagster as dg

from memoria_pipeline.defs.partitions import events

process_event = dg.define_asset_job(
    "process_event",
    selection=dg.AssetSelection.groups("event"),
    partitions_def=events,
    description="Photos in, people out, for one event: only what is new is analysed.",
)

change_model = dg.define_asset_job(
    "change_model",
    selection=dg.AssetSelection.groups("model_change"),
    partitions_def=events,
    description="An event moves to another model pack, beside the one in use; resumable.",
)
