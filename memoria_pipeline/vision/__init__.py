"""Pixels → faces → vectors: numpy in, frozen dataclasses out.

Here: reading photos, the face models, how good a face is, the engine that runs many photos.
Not here: SQL, Dagster, files, people.
"""
