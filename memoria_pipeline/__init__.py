"""An event's photos go in; confirmed people come out as tags.

Here: the rooms (defs, vision, people, store, lab), the settings, the errors, the CLI.
Not here: any logic of its own.
"""

import os

__version__ = "0.1.0"

# The idle threads of numpy's OpenBLAS spin for 0.1 s, on import too, where other workers need the
# core. It asks for this when it is loaded; asleep they answer a few microseconds later.
os.putenv("OPENBLAS_THREAD_TIMEOUT", "4")
