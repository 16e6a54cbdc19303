"""What must be true of an event's data before anybody sees it, and how that is found out.

Here: the declared expectations, their pure evaluation, the same with Great Expectations.
Not here: where the numbers come from (store/observed.py), what follows from them (defs/).
"""
