"""Files that an export writes: whole, or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from memoria_pipeline.errors import ExportError


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


def below(root: Path, key: str, suffix: str = "") -> Path:
    """The file of a photo's path in another folder. Raises ExportError where it would lead out."""
    parts = PurePosixPath(key).parts
    if not parts or ".." in parts or PurePosixPath(key).is_absolute() or "\0" in key:
        raise ExportError("Its path leads out of the album; it was left out.")
    found = root.joinpath(*parts)
    return found.with_name(found.name + suffix)


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
