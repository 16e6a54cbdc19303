"""What somebody has agreed to, as the ledger says: the newest word of a purpose counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memoria_pipeline.errors import ConsentError
from memoria_pipeline.privacy.texts import Purpose, current


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of the ledger. given: False takes back what was given before.

    seq: its place in the ledger, growing. text_version, language: of what was shown. minor: the
    person is one; guardian: somebody who may speak for the person agrees as well; guardian_user_id:
    who that is, where it is a user.
    """

    seq: int
    purpose: Purpose
    given: bool
    text_version: str
    language: str | None = None
    minor: bool = False
    guardian: bool = False
    guardian_user_id: UUID | None = None
    recorded_at: datetime | None = None

    @property
    def counts(self) -> bool:
        """Whether it is a consent: given, and for a minor by a guardian as well."""
        return self.given and (self.guardian or not self.minor)


def standing(rows: Iterable[Said], purpose: Purpose) -> Said | None:
    """The newest word on a purpose, or None where nobody ever spoke of it."""
    spoken = (row for row in rows if row.purpose == purpose)
    return max(spoken, key=lambda row: row.seq, default=None)


def stands(rows: Iterable[Said], purpose: Purpose) -> bool:
    """Whether there is consent to the purpose now."""
    last = standing(rows, purpose)
    return last is not None and last.counts


def require(said: Said) -> None:
    """What is about to be written is a consent, to the text that is shown now.

    Raises ConsentError for a minor without a guardian, and for another text.
    """
    if said.text_version != current(said.purpose):
        raise ConsentError(
            "That consent is to another text than the one that counts now. Show the text anew,"
            " and send its version."
        )
    if said.guardian_user_id is not None and not said.guardian:
        raise ConsentError("A guardian is named who does not agree: send `guardian` as well.")
    if not said.counts:
        raise ConsentError(
            "A minor gives no consent alone. A parent or guardian has to agree as well: send"
            " `guardian` once they do."
        )
