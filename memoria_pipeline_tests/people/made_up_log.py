"""Made-up decisions, written short: faces and persons are small numbers."""

from collections.abc import Iterable
from uuid import UUID

from memoria_pipeline.people.decisions import Decision, Kind


def face(number: int) -> UUID:
    return UUID(int=number)


def person(number: int) -> UUID:
    return UUID(int=1000 + number)


def entry(number: int) -> UUID:
    return UUID(int=5000 + number)


def decide(
    seq: int,
    kind: Kind,
    faces: Iterable[int] = (),
    who: int | None = None,
    other: int | None = None,
    *,
    rest: Iterable[int] = (),
    user: int | None = None,
    persons: Iterable[int] = (),
    twice: bool = False,
    supersedes: int | None = None,
) -> Decision:
    """The decision with id entry(seq)."""
    return Decision(
        entry(seq),
        seq,
        kind,
        tuple(map(face, faces)),
        tuple(map(face, rest)),
        None if who is None else person(who),
        None if other is None else person(other),
        user=None if user is None else UUID(int=9000 + user),
        email="someone@example.org" if kind == "invite" else None,
        persons=tuple(map(person, persons)),
        twice=twice,
        supersedes=None if supersedes is None else entry(supersedes),
    )
