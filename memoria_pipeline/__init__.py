"""An event's photos go in; confirmed people come out as tags.

Here: the rooms (defs, vision, people, store, lab), the settings, the errors, the CLI.
Not here: any logic of its own.
"""

__version__ = "0.1.0"
