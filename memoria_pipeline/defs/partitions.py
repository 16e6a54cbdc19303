"""Partitions: one per event, its key the event's UUID. Never one per photo or face."""

import dagster as dg

events = dg.DynamicPartitionsDefinition(name="events")
