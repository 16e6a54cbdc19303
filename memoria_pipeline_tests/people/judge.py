"""What a grouping did that it must not do, seen before the human layer covers it up."""

from collections import Counter
from collections.abc import Mapping
from itertools import product
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memoria_pipeline.people.conflicts import conflicts, told_apart
from memoria_pipeline.people.constraints import Constraints
from memoria_pipeline.people.decisions import State


def breaches(
    labels: NDArray[np.int64], person: ArrayLike, rules: Constraints, photo: ArrayLike
) -> Counter[str]:
    """Pairs of faces, or faces, by the rule that the bare labels break; empty is good.

    labels: (n,) of `cluster` or `extend`. person: (n,) the codes that it was given, of anchors or
    of all who are known. photo: (n,). What was together before is not the grouping's doing.
    """
    person, photo = np.asarray(person), np.asarray(photo)
    known = (person[:, None] >= 0) & (person[None, :] >= 0)
    before = known & (person[:, None] == person[None, :])
    same = (labels[:, None] == labels[None, :]) & (labels >= 0)
    looked_at = np.append(rules.reviewed, False)[person]
    reviewed = looked_at[:, None] | looked_at[None, :]
    one, other = rules.cannot.T
    face, code = rules.rejected.T
    theirs = person[None, :] == code[:, None]
    found = {
        "parted": np.triu(before & ~same),
        "persons joined": np.triu(known & ~before & same & reviewed),
        "nobody's face in a group": rules.out & (labels >= 0),
        "rejected": (same[face] & theirs).any(axis=1) & (person[face] != code),
        "told apart": (same & ~before)[one, other],
        "twice in a photo": np.triu((photo[:, None] == photo[None, :]) & same & ~before, 1),
    }
    return +Counter({rule: int(broken.sum()) for rule, broken in found.items()})


def together(
    state: State, person: Mapping[UUID, UUID | None], photo: Mapping[UUID, UUID]
) -> set[tuple[UUID, UUID]]:
    """Faces that a human told apart and that are one person, where no conflict says so."""
    told = [set(each.faces) for each in conflicts(state, photo)]
    pairs = {
        (one, other)
        for _, faces, rest in told_apart(state)
        for one, other in product(faces, rest)
        if person.get(one) is not None and person.get(one) == person.get(other)
    }
    return {pair for pair in pairs if not any(set(pair) <= faces for faces in told)}
