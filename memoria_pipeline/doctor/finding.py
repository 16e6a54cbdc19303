"""What the doctor found."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    status: `warn` works on, `fail` does not. what: as it is; mend: what to do, empty where all is
    well. Neither holds a name, a path of photos or a secret.
    """

    about: str
    status: Status
    what: str
    mend: str = ""


def ok(about: str, what: str) -> Finding:
    """All is well."""
    return Finding(about, "ok", what)


def warn(about: str, what: str, mend: str) -> Finding:
    """It works, but not as it should, or not for long."""
    return Finding(about, "warn", what, mend)


def fail(about: str, what: str, mend: str) -> Finding:
    """It does not work until this is mended."""
    return Finding(about, "fail", what, mend)
