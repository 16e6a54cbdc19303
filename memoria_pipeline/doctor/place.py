"""The machine and the settings: disk, folders, where uploads come from, the callback."""

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from memoria_pipeline.doctor.finding import Finding, fail, ok, warn
from memoria_pipeline.settings import Settings
from memoria_pipeline.store import health
from memoria_pipeline.store.health import Album

Free = Callable[[Path], int]

_LEAST, _LITTLE = 1e9, 5e9  # bytes: an event of 5,000 photos takes 0.1 GB, a backup of it as much


def _free(folder: Path) -> int:
    return shutil.disk_usage(health.nearest(folder)).free


def disk(home: Path, free: Free = _free) -> Finding:
    """Room for the embedded database and the logs."""
    there = free(home)
    said = f"{there / 1e9:.1f} GB free where MEMORIA_HOME is"
    if there < _LEAST:
        return fail("disk", said, "Free some: a full disk stops the database in the middle.")
    if there < _LITTLE:
        return warn("disk", said, "Free some before the next large event.")
    return ok("disk", said)


def home(folder: Path) -> Finding:
    """Where we write: the database's files, Dagster's, the logs."""
    blocked = health.unwritable([folder, folder / "dagster", folder / "logs"])
    if blocked:
        return fail(
            "home",
            f"MEMORIA_HOME may not be written to ({len(blocked)} of 3 folders)",
            f"Give this user {folder}, or set MEMORIA_HOME to a folder of its own.",
        )
    return ok("home", "MEMORIA_HOME can be written to")


def photos(albums: list[Album]) -> Finding:
    """Whether the photos of the events with consent can be listed."""
    if not albums:
        return ok("photos", "no event with consent has an album yet")
    why = health.unreachable([each.root for each in albums])
    if not why:
        return ok("photos", f"albums that can be listed: {len(albums)}, all that were tried")
    kinds = "; ".join(f"{why.count(each)}: {each}" for each in sorted(set(why)))
    return Finding(
        "photos",
        "fail" if len(why) == len(albums) else "warn",
        f"{len(why)} of {len(albums)} albums cannot be listed ({kinds})",
        "Mount the folders or mend the bucket's credentials; archive events that are over. "
        "Their runs fail in the asset `media`, which says whose.",
    )


def uploads(settings: Settings) -> Finding:
    """Where new photos are looked for."""
    if not settings.watch:
        queue = " MEMORIA_S3_QUEUE_URL is set without it." if settings.s3_queue_url else ""
        said = f"MEMORIA_WATCH is not set: the albums of known events and `media` only.{queue}"
        mend = "Set MEMORIA_WATCH to the bucket whose messages come through the queue."
        return warn("uploads", said, mend) if queue else ok("uploads", said)
    why = health.unreachable([settings.watch])
    if why:
        mend = "Make it or mount it, mend the credentials, or set MEMORIA_WATCH to another place."
        return fail("uploads", f"what MEMORIA_WATCH names cannot be used: {why[0]}", mend)
    if settings.s3_queue_url and not settings.watch.startswith("s3://"):
        mend = "Set MEMORIA_WATCH to s3://bucket/prefix, or unset MEMORIA_S3_QUEUE_URL."
        return warn("uploads", "a queue is set, but what is watched is a folder", mend)
    return ok("uploads", "what MEMORIA_WATCH names can be listed")


def callback(settings: Settings) -> Finding:
    """Who is told when a job ends."""
    if not settings.callback_url:
        return ok("callback", "CALLBACK_URL is not set: nobody is told, `ml_jobs` says it all")
    if not settings.callback_secret:
        return fail(
            "callback",
            "CALLBACK_URL is set, but no secret to sign with",
            "Set CALLBACK_SECRET to 32 characters or more, and tell the application.",
        )
    given = urlsplit(settings.callback_url)
    if given.scheme not in ("http", "https") or not given.hostname:
        return fail("callback", "CALLBACK_URL is no web address", "Write https://host/path.")
    if given.scheme == "http" and not settings.callback_allow_private:
        return fail(
            "callback",
            "CALLBACK_URL is plain http, which is refused",
            "Use https; MEMORIA_CALLBACK_ALLOW_PRIVATE=true allows http in your own network.",
        )
    return ok("callback", f"signed, over {given.scheme}")
