"""The suite behind `make bench`: its parts, the history of what they gave, and the table of it.

What is measured lies in modules of bench/, or here where nothing else uses it. What a figure has
to reach is said where it is measured; `make verify-speed` reads those that are asked for.
"""
