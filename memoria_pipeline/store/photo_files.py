"""Photos that are uploaded: written below an event's own folder, never over what is there.

Only folders of ours take uploads; albums of other people's folders and buckets are only ever read.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.errors import PhotoError, SettingsError
from memoria_pipeline.store.photos import FoundPhoto, found_at
from memoria_pipeline.vision.container import EXTENSIONS, sniff

_NAME = 80  # characters of a file's own name that are kept
_ENDINGS = {"jpeg": ".jpg", "tiff": ".tif", "heif": ".heic"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sent it. name: as it was called there; only a part of it is kept."""

    name: str
    data: bytes


def takes_uploads(root: str | None, uploads: Path) -> bool:
    """Whether an event's photos are in a folder of its own below `uploads`."""
    if not root or "://" in root:
        return False
    where = Path(root).resolve()
    return where != uploads.resolve() and where.is_relative_to(uploads.resolve())


def new_root(uploads: Path) -> Path:
    """A folder for a new event, below `uploads`. Raises SettingsError where it cannot be made."""
    folder = uploads / uuid4().hex
    try:
        folder.mkdir(mode=0o750, parents=True)
    except OSError as error:
        raise SettingsError(
            f"The folder for uploads cannot be written ({error.strerror}); see MEMORIA_UPLOADS."
        ) from None
    return folder


def check(data: bytes, max_bytes: int) -> str:
    """The format of a photo, by its first bytes. Raises PhotoError: empty, too_large, unsupported.

    Whether all of it can be decoded, the analysis finds out.
    """
    if not data:
        raise PhotoError("empty", "A file is empty. Copy or export it again.")
    if len(data) > max_bytes:
        raise PhotoError("too_large", f"A file is larger than {max_bytes / 1e6:.0f} MB.")
    found = sniff(data)
    if found is None:
        raise PhotoError("unsupported", "A file is no photo that can be read here. Send JPEG.")
    return found


def safe_name(name: str, format_: str) -> str:
    """A name that any file system takes, with the ending of what the file is."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = re.sub(r"[^\w\-. ()]", "_", last.rsplit(".", 1)[0]).strip(" ._")
    given = "." + last.rsplit(".", 1)[-1].lower()
    ending = _ENDINGS.get(format_, f".{format_}")
    same = given in EXTENSIONS and sniffed(given) == sniffed(ending)
    kept = stem.encode()[:_NAME].decode(errors="ignore").strip(" .") or "photo"
    return kept + (given if same else ending)


def sniffed(ending: str) -> str:
    """Endings of one format are one."""
    jpeg = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
    heif = (".heic", ".heif", ".hif")
    groups = (jpeg, heif, (".tif", ".tiff"), (".png", ".apng"), (".avif", ".avifs"))
    return next((each[0] for each in groups if ending in each), ending)


def write(root: Path, uploads: Iterable[Upload], max_bytes: int) -> list[FoundPhoto]:
    """Write photos below `root`, each under a name of its own; as a listing would show them.

    uploads: taken one by one, so that one at a time is in memory. All or none: where one is refused
    or cannot be written, the others are taken away again. Raises PhotoError (empty, too_large,
    unsupported, unreadable).
    """
    hidden: list[tuple[Path, str]] = []  # until all are there: a listing leaves such names out
    made: list[Path] = []
    try:
        for each in uploads:
            name = safe_name(each.name, check(each.data, max_bytes))
            hidden.append((root / f".upload-{uuid4().hex}", name))
            _write(hidden[-1][0], each.data)
        for fresh, name in hidden:
            made.append(_named(fresh, root, name))
        return [each for path in made for each in found_at(path, root)]
    except OSError as error:
        remove(made)
        raise PhotoError(
            "unreadable", f"The photos could not be stored ({error.strerror}); try again later."
        ) from None
    finally:
        remove([fresh for fresh, _ in hidden])


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _named(fresh: Path, root: Path, name: str) -> Path:
    """Linked, not renamed: a link never takes the place of another file."""
    stem, ending = name.rsplit(".", 1)
    for number in count(1):
        path = root / (name if number == 1 else f"{stem}-{number}.{ending}")
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            continue
        return path
    raise AssertionError("there are names enough")


def remove(made: Sequence[Path]) -> None:
    """Take uploaded files away again, whose rows nobody kept."""
    for path in made:
        path.unlink(missing_ok=True)


def register(conn: sa.Connection, event_id: UUID, found: Sequence[FoundPhoto]) -> list[UUID]:
    """The rows of new photos, in their order, on the caller's connection."""
    values = {
        "event": event_id,
        "keys": [each.storage_key for each in found],
        "sizes": [each.byte_size for each in found],
        "etags": [each.etag for each in found],
    }
    conn.execute(_NEW, values)
    return list(conn.scalars(_IDS, values))


# A sensor may have seen the files in this very moment.
_NEW = sa.text(
    "insert into memoria.media (event_id, storage_key, byte_size, etag)"
    " select :event, f.storage_key, f.byte_size, f.etag"
    " from unnest(cast(:keys as text[]), cast(:sizes as bigint[]), cast(:etags as text[]))"
    " as f (storage_key, byte_size, etag) on conflict (event_id, storage_key) do nothing"
)
_IDS = sa.text(
    "select m.id from unnest(cast(:keys as text[])) with ordinality as f (storage_key, n)"
    " join memoria.media m on m.event_id = :event and m.storage_key = f.storage_key order by f.n"
)
