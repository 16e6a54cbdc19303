"""The offline laboratory: labelled photos in, files and figures out.

Here: reading and writing the files of `memoria lab`, scoring, calibration.
Not here: the database, Dagster, arithmetic on vectors (that is in people/ and vision/).
"""
