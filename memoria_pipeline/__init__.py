"""An event's photos go in; confirmed people come out as tags.

Here: the rooms (defs, vision, people, store, lab), the settings, the errors, the CLI.
Not here: any logic of its own.
"""

from memoria_pipeline.settings import let_idle_threads_sleep

__version__ = "0.1.0"

let_idle_threads_sleep()  # before anybody imports numpy
