"""Files of ours that can name somebody: mails that wait in the outbox, uploaded photos, logs.

Ours are those below the home, Dagster's home and the folder of uploads. Of an album that is
somebody else's folder nothing is touched, nor of what somebody was given.
"""

import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from memoria_pipeline.privacy.named import Named
from memoria_pipeline.store import photo_files

_LOGS = (".log", ".err", ".out", ".jsonl")


@dataclass(frozen=True, slots=True)
class Places:
    """Where files of ours are. kept: files that stay as they are, whatever is in them."""

    home: Path
    dagster: Path
    uploads: Path
    kept: Sequence[Path] = ()


def mails(places: Places, named: Named) -> int:
    """Remove the mails to, from or about any of these that wait in files; how many.

    One that was only begun goes as well.
    """
    folder = places.home / "outbox"
    if not folder.is_dir():
        return 0
    gone = [each for each in folder.glob("*.*") if _about(each, named)]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _about(path: Path, named: Named) -> bool:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    return any(map(named, (data, *_decoded(data))))


def _decoded(data: bytes) -> Iterator[bytes]:
    """What a reader would see: headers and texts may be written in a transfer encoding."""
    mail = message_from_bytes(data, policy=policy.default)
    for value in mail.values():
        yield str(value).encode()
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            with suppress(LookupError, UnicodeError):
                yield str(part.get_content()).encode()


def photos(places: Places, root: str | None) -> tuple[int, bool]:
    """Remove the photos of an event that were uploaded to us: how many files; whether there are
    others, in a folder or a bucket of the organiser's, which are not ours to remove."""
    if not root or not photo_files.takes_uploads(root, places.uploads):
        return 0, bool(root)
    folder = Path(root)
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    if folder.is_symlink():  # what it leads to is not below ours
        return 0, True
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)  # whoever wrote into it meanwhile: now, or it raises and is retried
    return count, False


def runs_output(places: Places, runs: Iterable[str]) -> int:
    """Remove what these runs wrote to the screen, as Dagster keeps it; how many files."""
    count = 0
    for run in runs:
        folder = places.dagster / "storage" / run
        count += sum(1 for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
    return count


def logs(places: Places, named: Named) -> int:
    """Mask any of these in the logs, byte by byte where it stands: no line of another moves, and
    whoever writes goes on writing. How many places: none is expected."""
    return sum(_mask(path, named) for path in _logs(places)) if named else 0


def left(places: Places, named: Named) -> int:
    """How many files of ours, mails and logs, still name any of these."""
    if not named:
        return 0
    waiting = sum(_about(path, named) for path in (places.home / "outbox").glob("*.*"))
    return waiting + sum(bool(_found(path, named)) for path in _logs(places))


def _logs(places: Places) -> Iterator[Path]:
    """The logs below our homes; the embedded server's own files are its business, but its log."""
    kept = {path.resolve() for path in places.kept}
    seen: set[Path] = set()
    roots = [places.home / "logs", places.dagster, places.home / "postgres" / "server.log"]
    for root in roots:
        for path in _files(root):
            if path.suffix in _LOGS and path not in kept and path not in seen:
                seen.add(path)
                yield path


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root.resolve()
        return
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name).resolve() for name in names)


def _found(path: Path, named: Named) -> list[tuple[int, int]]:
    """Where they are: from, to. A file that went meanwhile holds nothing."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            return list(named.spans(held))
    except (FileNotFoundError, ValueError):  # ValueError: it is empty
        return []


def _mask(path: Path, named: Named) -> int:
    spans = _found(path, named)
    if spans:
        with path.open("r+b") as file:
            for start, end in spans:
                file.seek(start)
                file.write(b"*" * (end - start))
            file.flush()
            os.fsync(file.fileno())
    return len(spans)
