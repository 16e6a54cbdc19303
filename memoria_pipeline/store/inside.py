"""Whether a key or a link stays inside the album that it belongs to.

Whoever may put a file into an album could otherwise put a link there, and look at any photo that
the pipeline's user may read.
"""

import os
from pathlib import Path, PurePosixPath

from memoria_pipeline.errors import PhotoError

OUTSIDE = "It is a link that leads out of the album; put the photo itself there."


def located(key: str, base: str, *, local: bool) -> str:
    """Where the photo of a key is, links followed. local: below a folder, not in a bucket.

    Raises PhotoError('missing') for what is no key of a photo below `base`.
    """
    path = PurePosixPath(key)
    # In a folder on Linux or a Mac a backslash is a letter; elsewhere it may separate.
    separates = "\\" in key and not (local and os.sep == "/")
    if path.is_absolute() or ".." in path.parts or "\0" in key or separates or not path.parts:
        raise PhotoError("missing", "It is not the key of a photo below the album; not read.")
    found = f"{base.rstrip('/')}/{path}"
    if local and leads_out(found, base):
        raise PhotoError("missing", OUTSIDE)
    return os.path.realpath(found) if local else found


def leads_out(path: str | Path, base: str | Path) -> bool:
    """Whether the links on the way to `path` end outside the folder `base`."""
    real, top = os.path.realpath(path), os.path.realpath(base)
    return real != top and not real.startswith(top.rstrip(os.sep) + os.sep)
