"""Orchestration: Dagster objects only.

Here: partitions, resources, assets, checks, jobs. An asset body reads load → pure call → save → metadata.
Not here: arithmetic, SQL, the environment.
"""
