"""Jobs: what an engineer launches, and what sensors ask for."""

import dagster as dg

from memoria_pipeline.defs.partitions import events

process_event = dg.define_asset_job(
    "process_event",
    selection=dg.AssetSelection.groups("event"),
    partitions_def=events,
    description="Photos in, people out, for one event: only what is new is analysed.",
)
