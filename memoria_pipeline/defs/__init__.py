"""Orchestration: Dagster objects only.

Here: partitions, resources, assets (load → pure call → save → metadata), checks, jobs.
Not here: arithmetic, SQL, or what is set outside.
"""
