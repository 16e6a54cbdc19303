"""Where the sockets of local servers lie: short, plain paths that only we can enter."""

import hashlib
import os
import tempfile
from pathlib import Path

from memoria_pipeline.errors import DatabaseError

_LONGEST = 100  # bytes of path; the kernel takes 107 with the file's name


def folder(data: Path) -> Path:
    """Where the sockets of `data` lie: in it, or in a short path that stands for it."""
    fits = len(os.fsencode(data)) <= _LONGEST - len("/.s.PGSQL.5432")
    return data if fits else short_folder(data)


def short_folder(data: Path) -> Path:
    """A short, plain path in the temporary folder; who makes it must `claim` it."""
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"memoria-{name}"


def claim(path: Path, *others: int) -> None:
    """Refuse a folder that somebody else laid out there; `others` are users who may own it."""
    if path.is_symlink() or path.lstat().st_uid not in (os.geteuid(), *others):
        raise DatabaseError(
            f"{path} belongs to another user; remove it, or choose a shorter MEMORIA_HOME."
        )
    path.chmod(0o700)
