"""DOMAIN: what should run, when, and again.

Here: pure decisions about uploads, jobs and retries, on plain values.
Not here: SQL, files, Dagster.
"""
