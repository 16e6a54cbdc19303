"""Photos where they are: a folder, or a bucket behind any fsspec URL. They are only ever read.

Names of photos and folders are often names of people: no message and no log line repeats one.
"""

import logging
import os
import random
import stat
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import fsspec
from fsspec.implementations.local import LocalFileSystem

from memoria_pipeline.errors import PhotoError, SettingsError
from memoria_pipeline.store import inside

_log = logging.getLogger(__name__)

LeftOut = Callable[[str, str], None]
"""Told the key of a file that cannot be listed, as text that can be printed, and why."""

UNREADABLE = "unreadable"
"""The etag of a file that is there by name only, such as a link to nowhere."""


def _logged(key: str, why: str) -> None:
    _log.warning("Left out: %s", why)


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """One file: its path below the root with forward slashes, its size in bytes, and a text that
    changes when the file does. changed: when that was, in seconds since 1970; 0 where unknown."""

    storage_key: str
    byte_size: int
    etag: str
    changed: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos below one root: a folder, `file://…`, `s3://bucket/prefix`, …

    Links are followed within the root; those that lead out of it are left out.
    """

    root: str

    def list(self, exts: Collection[str], left_out: LeftOut | None = None) -> Iterator[FoundPhoto]:
        """Every file below the root with one of these endings (`.jpg`, in any case), by key.

        A link to nowhere is listed, with the size 0 and the etag `unreadable`: reading it says why.
        Hidden files and folders are left out. `left_out` hears of names that are not UTF-8, pipes
        and the like; else a log line does, without the name. Raises SettingsError when the root or
        any folder below it cannot be read: that is not an empty one, whose photos are gone.
        """
        wanted = tuple(ext.lower() for ext in exts)
        fs, base = self._opened()
        local = isinstance(fs, LocalFileSystem)
        found = _walk_local(Path(base), wanted, left_out or _logged) if local else _walk(fs, base)
        chosen = (photo for photo in found if photo.storage_key.lower().endswith(wanted))
        yield from sorted(chosen, key=lambda photo: photo.storage_key)

    def read(self, key: str, max_bytes: int) -> bytes:
        """The bytes of one photo.

        Raises PhotoError: missing (also for a key that leads out of the root), too_large,
        unreadable.
        """
        fs, base = self._opened()
        path = inside.located(key, base, local=isinstance(fs, LocalFileSystem))
        try:
            info = fs.info(path)
            if info["type"] != "file":  # a pipe would never end
                raise PhotoError("unreadable", "It is not a plain file; replace it.")
            if (info["size"] or 0) > max_bytes:
                raise _too_large(max_bytes)
            with fs.open(path, "rb") as file:
                data: bytes = file.read(max_bytes + 1)
        except FileNotFoundError:
            raise PhotoError("missing", "It is no longer there; upload it again.") from None
        except PhotoError:
            raise
        except Exception as error:  # each bucket's client has its own; none stops an event
            why = type(error).__name__
            message = f"It cannot be read ({why}); it will be tried again."
            raise PhotoError("unreadable", message) from error
        if len(data) > max_bytes:  # it grew, or the bucket gave no size
            raise _too_large(max_bytes)
        return data

    def read_patiently(self, key: str, max_bytes: int) -> bytes:
        """As `read`, which a network file system or a bucket may need a second or third time for.

        Here, and not in a step's retry: one photo's bad moment must not repeat the others' work.
        """
        for pause in _PAUSES:
            try:
                return self.read(key, max_bytes)
            except PhotoError as error:
                if not _may_pass(error):
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # not all workers at once
        return self.read(key, max_bytes)

    def _opened(self) -> tuple[Any, str]:
        if not self.root:  # to fsspec that is the folder we happen to be in
            raise SettingsError("The event has no photo_root: set it to a folder or an address.")
        if "://" not in self.root:  # fsspec would take a :: in a folder's name for a chain of them
            return LocalFileSystem(), self.root
        try:
            fs, base = fsspec.core.url_to_fs(self.root)
        except ImportError as error:
            scheme = self.root.partition("://")[0]
            raise SettingsError(
                f"Photos at {scheme}:// need one more package: {error}. Install it too."
            ) from error
        except ValueError as error:
            raise SettingsError(
                "The event's photo_root is neither a folder nor an address; set it again."
            ) from error
        return fs, base


_PAUSES = (0.2, 1.0)  # seconds before the second and the third try


def _may_pass(error: PhotoError) -> bool:
    """Whether it came from the storage, and not from what is said there of the file."""
    refused = isinstance(error.__cause__, (PermissionError, SettingsError))
    return error.reason == "unreadable" and error.__cause__ is not None and not refused


def _too_large(max_bytes: int) -> PhotoError:
    limit = f"{max_bytes / 1e6:.0f} MB"
    return PhotoError(
        "too_large", f"It is larger than {limit}; make it smaller or raise the limit."
    )


def _walk_local(base: Path, exts: tuple[str, ...], left_out: LeftOut) -> Iterator[FoundPhoto]:
    if not base.is_dir():
        raise SettingsError(
            "The event's photo_root is no such folder; check the path, or mount it."
        )
    if not os.access(base, os.R_OK | os.X_OK):
        raise SettingsError("The event's photo_root may not be read; change its permissions.")

    seen = set()  # a link may lead back up
    for folder, folders, names in os.walk(base, onerror=_refuse, followlinks=True):
        here = Path(folder)
        identity = _identity(here)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        if inside.leads_out(here, base):
            left_out(_text(here.relative_to(base)), inside.OUTSIDE)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and name.lower().endswith(exts):
                yield from found_at(here / name, base, left_out)


def _refuse(error: OSError) -> NoReturn:
    raise SettingsError(
        f"A folder of the album cannot be read ({error.strerror or type(error).__name__}); change "
        "its permissions, or mount it again. The album was left as it was known."
    ) from None


def _identity(folder: Path) -> tuple[int, int]:
    try:
        about = folder.stat()
    except OSError as error:
        _refuse(error)
    return about.st_dev, about.st_ino


def found_at(path: Path, base: Path, left_out: LeftOut = _logged) -> Iterator[FoundPhoto]:
    """A file below the folder `base` as a listing shows it: one, or none that can be listed."""
    key = path.relative_to(base).as_posix()
    if key != _text(path.relative_to(base)):
        left_out(_text(path.relative_to(base)), "Its name is not UTF-8; rename it.")
        return
    if path.is_symlink() and inside.leads_out(path, base):
        left_out(key, inside.OUTSIDE)
        return
    try:
        about = path.stat()
    except OSError:
        yield FoundPhoto(key, 0, UNREADABLE)
        return
    if stat.S_ISREG(about.st_mode):
        etag = f"{about.st_mtime_ns:x}-{about.st_size:x}"
        yield FoundPhoto(key, about.st_size, etag, about.st_ctime)
    else:
        left_out(key, "It is not a plain file; replace it.")


def _text(path: Path) -> str:
    """A path that can be printed; where a name is not UTF-8, not quite the one on the disk."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _walk(fs: Any, base: str) -> Iterator[FoundPhoto]:
    for path, info in _listed(fs, base).items():
        key = path.removeprefix(base).lstrip("/")
        if not any(part.startswith(".") for part in PurePosixPath(key).parts):
            yield FoundPhoto(key, int(info["size"] or 0), _etag(info), _changed(info))


def _listed(fs: Any, base: str) -> dict[str, dict[str, Any]]:
    try:
        fs.invalidate_cache()  # a listing it kept would hide what changed since
        there = fs.exists(base)
        found: dict[str, dict[str, Any]] = fs.find(base, detail=True) if there else {}
    except Exception as error:  # each bucket's client has its own, with addresses in their words
        raise SettingsError(
            f"The event's photo_root cannot be listed ({type(error).__name__}); check the address, "
            "the credentials and the network."
        ) from None
    if not there:
        raise SettingsError(
            "There is nothing at the event's photo_root; check the address and the credentials."
        )
    return found


def _etag(info: dict[str, Any]) -> str:
    for name in ("ETag", "etag", "LastModified", "mtime", "updated", "created"):
        if info.get(name):
            return f"{info[name]}-{info['size']}"
    return str(info["size"])


def _changed(info: dict[str, Any]) -> float:
    when = info.get("LastModified")
    return when.timestamp() if isinstance(when, datetime) else 0.0
