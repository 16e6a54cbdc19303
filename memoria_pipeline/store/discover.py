"""The folder or bucket whose direct sub-folders are one event each: which there are."""

import logging
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec

from memoria_pipeline.errors import SettingsError
from memoria_pipeline.store import inside, watched
from memoria_pipeline.store.watch import Transaction, digest, is_folder
from memoria_pipeline.work.uploads import next_look

_log = logging.getLogger(__name__)
_RECENT = 120.0  # seconds: a sub-folder that changed since is looked at now, however long it slept
_NAME = "watch"


def discover(transaction: Transaction, root: str, *, told: bool = False) -> str | None:
    """Make the events of new sub-folders; what is wrong with the root, or None.

    Sub-folders of a folder that changed lately are looked at in this tick: their own turn may be
    minutes off. A look takes a hundredth of our time at most. told: a queue says what is new.
    """
    with transaction() as conn:
        state = watched.lookout(conn, _NAME)
    if not state.due:
        return None
    started, problem, signature = time.perf_counter(), None, None
    try:
        signature, places, recent = _buckets(root) if "://" in root else _folders(root)
        with transaction() as conn:
            if signature != state.signature:
                watched.make_events(conn, places)
            if recent:
                watched.hurry(conn, recent)
    except SettingsError as error:
        problem = str(error)
    took = timedelta(seconds=time.perf_counter() - started)
    until = next_look(state.now, state.now, took, told=told and not problem)
    with transaction() as conn:
        watched.save_lookout(conn, _NAME, until=until, signature=signature, problem=problem)
    return problem


_Found = tuple[str, list[tuple[str, str]], list[str]]
"""A text that changes when there are others; (root, name) of each; roots that changed lately."""


def _folders(root: str) -> _Found:
    base = Path(root).expanduser().resolve()
    since, places, recent = time.time() - _RECENT, [], []
    try:
        about = base.stat()
        with os.scandir(base) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not is_folder(entry) or not _is_text(entry.name):
                    continue
                if entry.is_symlink() and inside.leads_out(entry.path, base):
                    _log.warning("A link in MEMORIA_WATCH was left out: it leads elsewhere.")
                    continue
                places.append((entry.path, entry.name))
                if _changed(entry) >= since:
                    recent.append(entry.path)
    except OSError as error:
        raise SettingsError(
            f"MEMORIA_WATCH cannot be read ({error.strerror or type(error).__name__}); check the "
            "path and its permissions, or mount it."
        ) from None
    return f"{about.st_mtime_ns:x}-{len(places)}", places, recent


def _changed(entry: "os.DirEntry[str]") -> float:
    try:
        about = entry.stat()
    except OSError:  # it went meanwhile, or may not be looked into: its own look says so
        return 0.0
    return max(about.st_mtime, about.st_ctime)


def _is_text(name: str) -> bool:
    if name.isprintable() and name.encode("utf-8", "replace").decode() == name:
        return True
    _log.warning("A folder of MEMORIA_WATCH was left out: its name is not UTF-8; rename it.")
    return False


def _buckets(root: str) -> _Found:
    fs, base = _opened(root)
    try:
        fs.invalidate_cache()
        found = fs.ls(base, detail=True)
    except FileNotFoundError:
        found = []  # a bucket has no empty folders: its first photo makes it
    except Exception as error:  # each bucket's client has its own, with addresses in their words
        raise SettingsError(
            f"MEMORIA_WATCH cannot be listed ({type(error).__name__}); check the address, the "
            "credentials and the network."
        ) from None
    folders = [one["name"].rstrip("/") for one in found if one["type"] == "directory"]
    names = [one.rpartition("/")[2] for one in folders]
    places = [(f"{root.rstrip('/')}/{name}", name) for name in names if not name.startswith(".")]
    return digest(sorted(names)), places, []


def _opened(root: str) -> tuple[Any, str]:
    try:
        fs, base = fsspec.core.url_to_fs(root)
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"MEMORIA_WATCH is no address that can be read ({type(error).__name__}); it is a "
            "folder or s3://bucket/prefix."
        ) from None
    return fs, base
