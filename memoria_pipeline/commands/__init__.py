"""What `memoria …` offers, one module per group of commands: parse, call, print; no logic.

Here: arguments, and what is said on the screen. Not here: anything that a notebook, a page or an
asset could want as well.
"""
