"""Match and forget, while photos are analysed: what is nobody's who agreed goes no further."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.privacy.matching import References, whose
from memoria_pipeline.store import references
from memoria_pipeline.store.events import Event
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.model import Face

Whose = Mapping[Face, UUID]


@dataclass(slots=True)
class Sieve:
    """Lets through faces of who agreed. known: None where the event keeps all faces.

    forgotten: how many were nobody's, which is all that is ever said of them.
    """

    known: References | None
    threshold: float
    margin: float
    forgotten: int = field(default=0)

    def through(self, outcome: Outcome) -> tuple[Outcome, Whose]:
        """The photo with the faces that may be stored, and the users that they are."""
        if self.known is None or not outcome.faces:
            return outcome, {}
        vectors = np.array([face.embedding for face in outcome.faces], np.float32)
        users = whose(vectors, self.known, threshold=self.threshold, margin=self.margin)
        found = {
            face: user for face, user in zip(outcome.faces, users, strict=True) if user is not None
        }
        self.forgotten += len(outcome.faces) - len(found)
        return replace(outcome, faces=tuple(found)), found

    def told(self) -> dict[str, int]:
        """For whoever reads the run."""
        return {} if self.known is None else {"faces forgotten": self.forgotten}


def sieve(
    conn: sa.Connection, event: Event, numbers: Callable[[str], Mapping[str, float]]
) -> Sieve:
    """What an event's analysis goes through. numbers: pack → its calibrated cosines."""
    cosines = numbers(event.face_model)
    known = references.load(conn, event.id, event.face_model) if event.forgets else None
    return Sieve(known, cosines["merge"], cosines.get("margin", 0.0))


def persons(conn: sa.Connection, event: UUID, found: Whose) -> Whose:
    """The persons instead of the users; without those who took it back meanwhile."""
    known = references.persons(conn, event, found.values()) if found else {}
    return {face: known[user] for face, user in found.items() if user in known}


def afterwards(conn: sa.Connection, event: Event) -> int:
    """Faces of whoever does not agree any more, gone once the photos are looked at; how many."""
    return references.forget_others(conn, event.id) if event.forgets else 0
