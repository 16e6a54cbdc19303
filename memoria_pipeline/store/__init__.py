"""SQL and bytes: plain functions that take a connection.

Here: every select, insert, update and delete, migrations, the embedded server, photo storage.
Not here: decisions about what should happen, pixels, vectors.
"""
