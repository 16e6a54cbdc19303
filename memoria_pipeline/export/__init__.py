"""Confirmed tags, as others read them: CSV, JSON, XMP.

Belongs here: texts and bytes made from tags, pure. Does not: SQL, files, what a command prints.
"""
