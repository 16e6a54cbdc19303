"""Jobs: what an engineer launches, and what sensors ask for."""

import dagster as dg

process_event = dg.define_asset_job(
    "process_event",
    selection=dg.AssetSelection.groups("event"),
    description="Photos in, people out, for one event: only what is new is analysed.",
)

change_model = dg.define_asset_job(
    "change_model",
    selection=dg.AssetSelection.groups("model_change"),
    description="An event moves to another model pack, beside the one in use; resumable.",
)
