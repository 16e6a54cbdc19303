"""The ledger of erasures: one signed receipt a line, in a file that backups of the database are
kept apart from. After a restore it says what has to be erased again.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy.receipt import Keys, Signed
from memoria_pipeline.store.secrets import secret_of


def keys(home: Path, signing: str | None, subject: str | None) -> Keys:
    """The keys of receipts: from the settings, else from files below the home, made once.

    Raises SettingsError when others can read a file of them.
    """
    return Keys(secret_of(home, "erasure_key", signing), secret_of(home, "subject_key", subject))


def read(path: Path) -> list[Signed]:
    """Every line, the oldest first; none where there is no file. Not verified yet.

    A last line without an end was being written when its writer was killed: it counts for nothing,
    as nobody was told of it. Raises ErasureError for any other line that is no receipt.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    return list(_lines(path, text))


def _lines(path: Path, text: bytes) -> Iterator[Signed]:
    for number, line in enumerate(text.split(b"\n")[:-1], start=1):
        try:
            yield Signed.of(json.loads(line))
        except (ValueError, ErasureError):
            raise ErasureError(
                f"Line {number} of the ledger {path.name} is no signed receipt: compare the file"
                " with its backup."
            ) from None


def of(path: Path, erasure: UUID) -> Signed | None:
    """The receipt of one erasure, where the ledger has it."""
    found = (each for each in read(path) if each.receipt.get("id") == str(erasure))
    return next(found, None)


def append(path: Path, signed: Signed) -> Signed:
    """Write a receipt down, on the disk when this returns. What the ledger has of the erasure.

    An erasure that it knows already is not written twice: its first receipt is the one.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        for each in _lines(path, text):
            if each.receipt.get("id") == signed.receipt.get("id"):
                return each
        file.truncate(text.rfind(b"\n") + 1)  # a line that was cut off
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(signed.as_table(), sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return signed
