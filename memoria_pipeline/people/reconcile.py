"""New groups → the persons who were there already."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from memoria_pipeline.people.measure import NOBODY

Person = TypeVar("Person", bound=Hashable)


def reconcile(labels: ArrayLike, old_person: Sequence[Person | None]) -> list[Person | None]:
    """Which person each new group is: the one it shares most faces with, one-to-one.

    labels: (n,) 0 … k-1, -1 for faces in no group. old_person: (n,) whom each face belonged to,
    None for a new face. Returns (k,): None is someone new. Of all one-to-one matchings it is one
    that keeps the most faces where they were, the same each time; a group is never matched to a
    person it shares no face with. Raises ValueError when the lengths differ.
    """
    new = np.asarray(labels, np.int64)
    if len(new) != len(old_person):
        raise ValueError(f"{len(new)} labels were given for {len(old_person)} faces.")
    # In order of first appearance: ids need not be sortable, and a re-run sees the same order.
    persons = list(dict.fromkeys(each for each in old_person if each is not None))
    column: dict[Person | None, int] = {person: i for i, person in enumerate(persons)}
    result: list[Person | None] = [None] * (int(new.max(initial=NOBODY)) + 1)
    seen = [i for i, each in enumerate(old_person) if each is not None and new[i] != NOBODY]
    if not seen:
        return result
    rows, columns = new[seen], np.array([column[old_person[i]] for i in seen])
    for row, col in _matching(rows, columns, len(result), len(persons)):
        result[row] = persons[col]
    return result


def _matching(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    k: int,
    m: int,
) -> list[tuple[int, int]]:
    """Greatest overlap, one component of the overlap graph at a time: they are small."""
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
