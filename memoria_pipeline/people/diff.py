"""What an automatic run would change, for a human to read; and whether it may do so unasked."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from memoria_pipeline.people.constraints import Constraints
from memoria_pipeline.people.measure import NOBODY, churn


@dataclass(frozen=True, slots=True)
class Diff:
    """Counts; `churn` is a share.

    faces: all that are compared. faces_moved: of those that had a person, the ones that get
    another, or none. reviewed_faces_moved: of those that humans decided on. persons_split: people
    of whom a part becomes someone new. persons_merged: people who end in another who was there
    before. persons_new, persons_gone: only after, only before. violations: decisions that would not
    hold (a pinned face elsewhere, a face in a person it is not, faces together that were told
    apart). churn: share of the faces with a person before whose mates of before change.
    not_found: faces with a person that another model does not find, in churn as well;
    decided_not_found: of those the ones that humans decided on, which are kept and asked about.
    """

    faces: int
    faces_moved: int
    reviewed_faces_moved: int
    persons_split: int
    persons_merged: int
    persons_new: int
    persons_gone: int
    violations: int
    churn: float
    not_found: int = 0
    decided_not_found: int = 0

    def sentences(self) -> str:
        """For an organiser."""
        said = [
            _count(self.faces_moved, "face moves", "faces move", " to another person"),
            _count(self.persons_split, "person is", "persons are", " split"),
            _count(self.persons_merged, "person becomes", "persons become", " part of another"),
            _count(self.persons_new, "person is", "persons are", " new"),
            _count(self.persons_gone, "person has", "persons have", " no face any more"),
            _count(self.not_found, "face is", "faces are", " found no more"),
            _count(self.decided_not_found, "of these is", "of these are", " what you decided on"),
        ]
        if self.churn:
            said.append(f"{self.churn:.1%} of the faces get other mates")
        broken = max(self.violations, self.reviewed_faces_moved)  # of one face both count
        decided = (
            f"{broken} of your decisions would not hold"
            if broken
            else "nothing you decided changes"
        )
        text = "; ".join([*filter(None, said), decided]) + "."
        return text[0].upper() + text[1:]

    def as_table(self) -> dict[str, float]:
        """What `of` reads; for the database."""
        return asdict(self)

    @classmethod
    def of(cls, table: Mapping[str, float]) -> "Diff":
        """From `as_table`; other entries are left aside. Raises KeyError where one is missing."""
        later = {"not_found": 0, "decided_not_found": 0}  # rows of before there were these
        full = {**later, **table}
        counts = {each.name: int(full[each.name]) for each in fields(cls) if each.name != "churn"}
        return cls(**counts, churn=float(full["churn"]))


def diff(
    before: Sequence[Hashable | None],
    after: Sequence[Hashable | None],
    constraints: Constraints | None = None,
    persons: Sequence[Hashable] = (),
) -> Diff:
    """Compare who each face is, before and after; None is nobody (a new face, before).

    constraints: what humans decided about these faces; persons: whom its codes mean. Raises
    ValueError when the lengths differ.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} faces before and {len(after)} after; give the same ones.")
    moved = np.array([a is not None and a != b for a, b in zip(before, after, strict=True)], bool)
    had, have = set(before) - {None}, set(after) - {None}
    into: dict[Hashable, set[Hashable]] = {}
    for old, new in zip(before, after, strict=True):
        if old is not None and new is not None:
            into.setdefault(old, set()).add(new)
    gone = had - have
    return Diff(
        faces=len(before),
        faces_moved=int(moved.sum()),
        reviewed_faces_moved=0 if constraints is None else int((moved & constraints.pinned).sum()),
        persons_split=sum(len(new) > 1 and bool(new - had) for new in into.values()),
        persons_merged=sum(bool(into.get(old, set()) & had) for old in gone),
        persons_new=len(have - had),
        persons_gone=len(gone),
        violations=0 if constraints is None else _violations(after, constraints, persons),
        churn=_churn(before, after),
    )


def without(found: Diff, compared: int, not_found: int, decided: int) -> Diff:
    """The diff when faces with a person are found no more.

    compared: faces with a person that the diff is about. not_found: further ones that are gone;
    decided: those of them that humans decided on.
    """
    churn = (found.churn * compared + not_found) / max(compared + not_found, 1)
    return replace(found, churn=churn, not_found=not_found, decided_not_found=decided)


def publishes_itself(diff: Diff, churn_limit: float) -> bool:
    """Whether nobody needs to be asked: no reviewed face moves or gets lost, every decision holds,
    and the churn is within the limit, a share."""
    decided = diff.reviewed_faces_moved + diff.violations + diff.decided_not_found
    return not decided and diff.churn <= churn_limit


def _count(n: int, one: str, many: str, what: str) -> str:
    return f"{n} {one if n == 1 else many}{what}" if n else ""


def _violations(
    after: Sequence[Hashable | None], constraints: Constraints, persons: Sequence[Hashable]
) -> int:
    pinned = np.flatnonzero(constraints.anchor != NOBODY)
    anchored = zip(pinned.tolist(), constraints.anchor[pinned].tolist(), strict=True)
    broken = (
        *(after[face] != persons[code] for face, code in anchored),
        *(after[face] is not None for face in np.flatnonzero(constraints.out).tolist()),
        *(after[face] == persons[code] for face, code in constraints.rejected.tolist()),
        *(after[a] is not None and after[a] == after[b] for a, b in constraints.cannot.tolist()),
    )
    return sum(broken)


def _churn(before: Sequence[Hashable | None], after: Sequence[Hashable | None]) -> float:
    numbers: dict[Hashable, int] = {}
    pairs = [
        [NOBODY if each is None else numbers.setdefault(each, len(numbers)) for each in (old, new)]
        for old, new in zip(before, after, strict=True)
        if old is not None
    ]
    old, new = np.array(pairs, np.int64).reshape(-1, 2).T
    return float(churn(old, new))
