"""Files that an export writes: whole, or not there; sealed with the event's key, or plain."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from uuid import UUID

from memoria_pipeline.errors import ExportError
from memoria_pipeline.privacy import sealed

Put = Callable[[str, bytes], None]
"""Takes a file of an export: its path in there, with forward slashes, and what is in it."""


def file(path: Path, data: bytes) -> None:
    """Write a file, in the place of the one that was there. Raises ExportError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside it, because only within one file system a rename is at once.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".memoria-", suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            Path(name).chmod(0o644 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _refused(error) from None


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` once all is in it, and is gone where that fails.

    Raises ExportError where there is something at `path` already, or where it cannot be written.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ExportError("The folder of the export is not empty; name a new one with --to.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-", suffix=".partial"))
        try:
            yield made
            made.chmod(0o755 & ~_umask())
            made.replace(path)  # an empty folder may be there
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise _refused(error) from None


@contextmanager
def sealed_file(path: Path, key: bytes, event: UUID) -> Iterator[Put]:
    """One sealed file, a ZIP in it, at `path` once all is in it; nothing plain touches the disk.

    Raises ExportError where there is something at `path` already, or where it cannot be written.
    """
    if path.exists():
        raise ExportError("There is a file of that name already; name a new one with --to.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".memoria-", suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as out:
                sealing: Any = sealed.Sealing(key, event, out.write)
                with zipfile.ZipFile(sealing, "w") as packed:
                    yield lambda name, data: packed.writestr(below_any(name), data)
                sealing.close()
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise _refused(error) from None


def event_of(path: Path) -> UUID:
    """Whose key opens a sealed file. Raises ExportError."""
    try:
        with path.open("rb") as file:
            return sealed.event_of(file.read(sealed.HEAD))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ExportError(f"The sealed file cannot be read ({why}); check the path.") from None


def unsealed(path: Path, key: bytes, put: Put) -> int:
    """Hand on each file of a sealed one; how many. Raises ExportError: damaged, another's key."""
    with path.open("rb") as file, tempfile.TemporaryFile() as plain:
        for part in sealed.opened(key, iter(lambda: file.read(sealed.CHUNK), b"")):
            plain.write(part)
        return _unpacked(plain, put)


def _unpacked(plain: IO[bytes], put: Put) -> int:
    with zipfile.ZipFile(plain) as packed:
        names = packed.namelist()
        for name in names:
            put(name, packed.read(name))
    return len(names)


def into(root: Path) -> Put:
    """Files below a folder. Raises ExportError for one that would lead out of it."""
    return lambda name, data: file(below(root, name), data)


def below(root: Path, key: str) -> Path:
    """The file of a photo's path in another folder. Raises ExportError where it would lead out."""
    return root.joinpath(below_any(key))


def below_any(key: str) -> str:
    """A path that leads out of no folder, as it is. Raises ExportError for one that would."""
    path = PurePosixPath(key)
    if not path.parts or ".." in path.parts or path.is_absolute() or "\0" in key:
        raise ExportError("Its path leads out of the album; it was left out.")
    return str(path)


def within(path: Path, root: Path) -> bool:
    """Whether a path lies in a folder, links followed; or is it."""
    one, other = path.resolve(), root.resolve()
    return one == other or other in one.parents


def read(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(error) from None


def _refused(error: OSError) -> ExportError:
    why = error.strerror or type(error).__name__
    return ExportError(f"The export cannot be written ({why}); check the folder, and its space.")


def _umask() -> int:
    """Files of tempfile are for their owner alone."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
