"""The sample album: photos made at run time from pictures that installed packages ship.

Here: how it is composed, its own truth, and how found faces compare with that truth.
Not here: anything the pipeline needs for an album of somebody's own.
"""
