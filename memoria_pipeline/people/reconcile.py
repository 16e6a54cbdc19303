"""New groups → the persons who were there already."""

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from memoria_pipeline.people.measure import NOBODY

Person = TypeVar("Person", bound=Hashable)
New = TypeVar("New", bound=Hashable)


def reconcile(
    labels: ArrayLike, old_person: Sequence[Person | None], pinned: ArrayLike | None = None
) -> list[Person | None]:
    """Which person each new group is: who humans say, else who it shares most faces with.

    labels: (n,) 0 … k-1, -1 for faces in no group. old_person: (n,) the live person of each face
    (merges followed), None for a face of nobody. pinned: (n,) bool, faces that humans decided on:
    these go first, by their majority. Returns (k,): None is someone new. One-to-one; of all such
    matchings it is one that keeps the most faces where they were, the same each time; a group is
    never matched to a person it shares no face with. Raises ValueError when the lengths differ.
    """
    new = np.asarray(labels, np.int64)
    sure = np.zeros(len(new), bool) if pinned is None else np.asarray(pinned, bool)
    if not len(new) == len(old_person) == len(sure):
        raise ValueError(f"{len(new)} labels were given for {len(old_person)} faces.")
    # In order of first appearance: ids need not be sortable, and a re-run sees the same order.
    persons = list(dict.fromkeys(each for each in old_person if each is not None))
    column = {person: i for i, person in enumerate(persons)}
    old = np.array([NOBODY if each is None else column[each] for each in old_person], np.int64)
    found = np.full(int(new.max(initial=NOBODY)) + 1, NOBODY)
    both = (new != NOBODY) & (old != NOBODY)
    for among in (both & sure, both):
        free = among & (np.append(found, NOBODY)[new] == NOBODY) & ~np.isin(old, found)
        for group, person in _matching(new[free], old[free], len(found), len(persons)):
            found[group] = person
    return [None if each == NOBODY else persons[each] for each in found.tolist()]


def redirects(
    before: Sequence[Person | None],
    after: Sequence[New | None],
    reviewed: Collection[Person] = (),
) -> dict[Person, New]:
    """Persons who have no face any more → who has most of theirs, so that links keep working.

    before, after: (n,) the person of each face; None is nobody. reviewed: persons that humans
    decided on, who stay even where they are empty. At a tie it is whoever comes first. A person
    whose faces are all nobody's now leads nowhere and is left out.
    """
    left: set[object] = set(after)
    taken: dict[Person, Counter[New]] = {}
    for old, new in zip(before, after, strict=True):
        if old is not None and new is not None and old not in left and old not in reviewed:
            taken.setdefault(old, Counter())[new] += 1
    return {old: those.most_common(1)[0][0] for old, those in taken.items()}


def _matching(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    k: int,
    m: int,
) -> list[tuple[int, int]]:
    """Greatest overlap, one component of the overlap graph at a time: they are small."""
    if not len(rows):
        return []
    from scipy.optimize import linear_sum_assignment  # a third of a CPU-second to import

    both = coo_array((np.ones(len(rows), np.int64), (rows, k + columns)), shape=(k + m, k + m))
    both.sum_duplicates()
    _, component = connected_components(both, directed=False)
    found: list[tuple[int, int]] = []
    order = np.argsort(component[both.row], kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(component[both.row[order]])) + 1):
        groups, i = np.unique(both.row[part], return_inverse=True)
        persons, j = np.unique(both.col[part], return_inverse=True)
        overlap = np.zeros((len(groups), len(persons)), np.int64)
        overlap[i, j] = both.data[part]
        for a, b in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
            if overlap[a, b]:
                found.append((int(groups[a]), int(persons[b] - k)))
    return found
