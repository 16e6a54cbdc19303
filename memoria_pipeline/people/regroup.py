"""One automatic run: what becomes of the people when photos, settings or the model change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.people.cluster import Grouping, Method, cluster
from memoria_pipeline.people.constraints import Constraints
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.diff import Diff, diff
from memoria_pipeline.people.graph import Rows
from memoria_pipeline.people.incremental import extend
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.reconcile import reconcile, redirects
from memoria_pipeline.people.surplus import surplus
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.people.tighten import tighten

Kind = Literal["full", "incremental", "model"]
Who = UUID | int
"""A person who is there, or someone new: the number of the group."""


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """An event as it stands: n faces of one pack, and who each is of now.

    vectors: (n, d) of unit length. photo: (n,). quality: (n,) in [0, 1]. quality_class: (n,) of A,
    B, C. person: (n,) of persons, or None. persons: those that are not merged, in the order of the
    constraints' codes.
    """

    vectors: NDArray[np.float32]
    photo: Rows
    quality: NDArray[np.float32]
    quality_class: NDArray[np.str_]
    person: Sequence[UUID | None]
    persons: Sequence[UUID]
    constraints: Constraints

    @property
    def codes(self) -> Rows:
        """(n,) the position in persons of who each face is, or -1."""
        code: dict[UUID | None, int] = {person: i for i, person in enumerate(self.persons)}
        return np.array([code.get(person, NOBODY) for person in self.person], np.int64)

    @property
    def classes(self) -> NDArray[np.str_]:
        """(n,) as above, with C for what a human said is nobody's."""
        return np.where(self.constraints.out, "C", self.quality_class)


@dataclass(frozen=True, slots=True, eq=False)
class Regrouped:
    """What a run comes to.

    grouping: labels 0 … k-1, -1 for nobody. persons: (k,) whom each group continues, None is
    someone new. people: (n,) the number of each face's person when this is published, -1 is nobody:
    what humans decided stands, whatever the label. redirects: persons that nobody reviewed and that
    are empty then → who has most of their faces. thresholds: as used.
    """

    grouping: Grouping
    persons: list[UUID | None]
    people: Rows
    redirects: Mapping[UUID, Who]
    diff: Diff
    thresholds: Thresholds


def regroup(
    present: Present,
    thresholds: Thresholds,
    kind: Kind,
    *,
    method: Method = "constrained",
    density: Density | None = None,
    unseen: float | None = None,
) -> Regrouped:
    """Group the faces within what humans decided.

    "incremental": faces of nobody are placed, and those beside another one of their person's in one
    photo, and persons near them whom nobody reviewed may meet. Otherwise everything is grouped
    afresh, around the faces that humans decided on. The pack's thresholds are tightened where the
    event's own photos ask for it. unseen: only the faces near new ones are here, the thresholds are
    the event's, and persons who are not here are less alike than this.
    """
    own = thresholds
    if unseen is None:
        own = tighten(thresholds, present.vectors, present.photo, present.classes)
    if kind == "incremental":
        grouping, persons = _extended(present, own, unseen)
    else:
        grouping, persons = _afresh(present, own, method, density)
    after = _after(present, grouping.labels, persons)
    reviewed = {present.persons[i] for i in np.flatnonzero(present.constraints.reviewed).tolist()}
    return Regrouped(
        grouping,
        persons,
        _numbers(after),
        redirects(present.person, after, reviewed),
        diff(present.person, after, present.constraints, present.persons),
        own,
    )


def _extended(
    present: Present, thresholds: Thresholds, unseen: float | None
) -> tuple[Grouping, list[UUID | None]]:
    codes = present.codes
    codes[surplus(present.vectors, present.photo, codes, present.constraints.pinned)] = NOBODY
    found = extend(
        present.vectors,
        present.photo,
        present.quality,
        person=codes,
        thresholds=thresholds,
        quality_class=present.classes,
        reviewed=present.constraints.reviewed,
        rejected=present.constraints.rejected,
        cannot_link=present.constraints.cannot,
        unseen=unseen,
    )
    before = found.continues.tolist()
    return found.grouping, [None if i == NOBODY else present.persons[i] for i in before]


def _afresh(
    present: Present, thresholds: Thresholds, method: Method, density: Density | None
) -> tuple[Grouping, list[UUID | None]]:
    grouping = cluster(
        present.vectors,
        present.photo,
        present.quality,
        thresholds=thresholds,
        quality_class=present.classes,
        anchor=present.constraints.anchor,
        rejected=present.constraints.rejected,
        cannot_link=present.constraints.cannot,
        method=method,
        density=density,
    )
    return grouping, reconcile(grouping.labels, present.person, present.constraints.pinned)


def _after(present: Present, labels: Rows, persons: Sequence[UUID | None]) -> list[Who | None]:
    """Who each face is once this is published: humans first, as the database has it too."""
    who: list[Who] = [i if person is None else person for i, person in enumerate(persons)]
    after = [None if label == NOBODY else who[label] for label in labels.tolist()]
    rules = present.constraints
    for face, code in rules.rejected.tolist():
        if after[face] == present.persons[code]:
            after[face] = None
    for face in np.flatnonzero(rules.pinned).tolist():
        code = int(rules.anchor[face])
        after[face] = None if code == NOBODY else present.persons[code]
    return after


def _numbers(who: Sequence[Who | None]) -> Rows:
    number: dict[Who, int] = {}
    return np.array(
        [NOBODY if one is None else number.setdefault(one, len(number)) for one in who], np.int64
    )
