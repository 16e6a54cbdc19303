"""SQL and bytes: plain functions that take a connection.

Here: every select, insert, update and delete, the migrations, the embedded server, the photo storage.
Not here: decisions about what should happen, pixels, vectors.
"""
