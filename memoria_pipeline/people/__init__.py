"""Vectors → persons: pure functions on arrays.

Here: grouping faces, mapping groups to persons, measuring how well that went.
Not here: SQL, Dagster, pixels, files.
"""
