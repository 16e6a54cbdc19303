"""Secrets that nobody set: made once, at random, in files that only we can read."""

import os
import secrets
from pathlib import Path

from memoria_pipeline.errors import SettingsError


def secret_of(home: Path, name: str, given: str | None) -> str:
    """What the settings give, else the file `secrets/<name>` below home, made where it is missing.

    Raises SettingsError when the file can be read by others or holds too little.
    """
    if given is not None:
        return given
    path = home / "secrets" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"Others can read {path}: chmod 600 it, or remove it for a new one.")
    text = path.read_text().strip()
    if len(text) < 32:
        raise SettingsError(f"{path} holds less than 32 characters: remove it for a new one.")
    return text


def _make(path: Path) -> None:
    # Linked, not renamed: of two processes that start together, both get the first one's.
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
