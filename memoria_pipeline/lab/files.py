"""Where the laboratory writes: nothing is lost by a mistake, nothing is left by a stop."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from memoria_pipeline.errors import LabError


def check_outputs(outputs: Sequence[Path | None], inputs: Sequence[Path | None] = ()) -> None:
    """Before the work starts: every output can be written, and none is an input or another output.

    None stands for a file that was not asked for. LabError, which names the path and the mend.
    """
    wanted = [path for path in outputs if path]
    for path in wanted:
        _check_place(path)
    others = [(path, source) for path in wanted for source in inputs if source]
    for path, other in [*combinations(wanted, 2), *others]:
        if _same(path, other):
            raise LabError(f"{path} and {other} are one file; give the output a name of its own.")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is there becomes `path` at the end.

    On any exception, Ctrl-C included, it is removed: it may hold embeddings. LabError for a file
    that cannot be written.
    """
    half = path.with_name(path.name + ".part")
    try:
        yield half
        half.replace(path)
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        half.unlink(missing_ok=True)


def _check_place(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise LabError(f"{path} cannot be written: there is no folder {folder}; make it first.")
    if path.is_dir():
        raise LabError(f"{path} cannot be written: it is a folder; name a file in it.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LabError(f"{path} cannot be written: {folder} allows no new files; take another.")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or one.samefile(other)  # a hard link is one, too
    except (OSError, RuntimeError):  # one is not there, or is a link to itself
        return False
