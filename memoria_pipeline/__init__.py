"""An event's photos go in; confirmed people come out as tags.

Here: the rooms (defs, vision, people, privacy, store, review), the settings, the errors and the CLI.
Not here: any logic of its own.
"""

__version__ = "0.1.0"
