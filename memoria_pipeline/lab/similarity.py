"""The baseline of a review: confirm in order of similarity, the two persons most alike next."""

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.lab.organiser import Scene, owners, right
from memoria_pipeline.people.linkage import unit

GONE = np.float32(-2)
"""The cosine of a pair that is no question."""

FAINTEST = 0.05
"""Weight of the worst face in the mean of its person, as grouping has it."""


def by_similarity(scene: Scene, until: float, most: int, *, look: bool = False) -> list[float]:
    """Share right after 0, 1, … answers when the two persons most alike are asked about next.

    The means are those of the persons as they are after each yes; a no is remembered, also for
    what the two are merged with; persons that share a photo are never asked about. Confirming
    takes nobody apart, so it may never get there. look: whoever is asked about for the first time
    is looked through as well, at the queue's price: each face that is split off is an answer, and
    so is that none of several is.
    """
    order = _Order(scene)
    reached = [right(order.person, scene.truth)]
    while reached[-1] < until and len(reached) <= most and (pair := order.most_alike()):
        for each in pair:
            if look and order.to_be_looked_through(each):
                strangers = order.strangers(each)
                reached += [] if strangers else reached[-1:]
                for face, to in strangers:
                    order.person[face] = to
                    reached.append(right(order.person, scene.truth))
                order.looked_through(each)
        same = order.answer(*pair)
        reached.append(right(order.person, scene.truth) if same else reached[-1])
    return reached


class _Order:
    """Persons and the cosines between them, -2 where there is no question.

    person: (n,). Numbers from those of the scene on are for who is split off.
    """

    def __init__(self, scene: Scene) -> None:
        self._truth, self._photo = scene.truth, np.unique(scene.photo, return_inverse=True)[1]
        self.person = scene.person.copy()
        self._next = int(self.person.max()) + 1
        k = self._next + np.unique(np.stack([self.person, self._truth]), axis=1).shape[1]
        weight = np.maximum(np.square(np.clip(scene.quality, 0, 1)), FAINTEST)
        self._faces = (scene.vectors * weight[:, None]).astype(np.float32)
        self._owner = np.full(k, -1)
        self._owner[: self._next] = owners(self.person, self._truth)
        self._fresh = np.arange(k) < self._next
        self._apart = np.eye(k, dtype=bool)
        self._sums = np.zeros((k, self._faces.shape[1]), np.float32)
        np.add.at(self._sums, self.person, self._faces)
        self._photos = np.zeros((k, int(self._photo.max(initial=-1)) + 1), np.float32)
        self._photos[self.person, self._photo] = 1
        self._means = unit(self._sums)
        self._cosine = np.full((k, k), GONE, np.float32)
        self._compare(np.flatnonzero(self._owner >= 0).tolist())

    def most_alike(self) -> tuple[int, int] | None:
        one = int(np.argmax(self._nearest))
        other = int(np.argmax(self._cosine[one]))
        return (one, other) if self._cosine[one, other] > GONE else None

    def to_be_looked_through(self, person: int) -> bool:
        return bool(self._fresh[person]) and int((self.person == person).sum()) > 1

    def strangers(self, person: int) -> list[tuple[int, int]]:
        """Faces that are not of the person's owner, and a person for each identity of them."""
        faces = np.flatnonzero((self.person == person) & (self._truth != self._owner[person]))
        identities, which = np.unique(self._truth[faces], return_inverse=True)
        to = self._next + which.reshape(-1)
        self._owner[self._next : self._next + len(identities)] = identities
        self._apart[person, to] = self._apart[to, person] = True
        self._next += len(identities)
        return list(zip(faces.tolist(), to.tolist(), strict=True))

    def looked_through(self, person: int) -> None:
        """Once; all whom that made are persons like others."""
        self._fresh[person] = False
        new = ~np.any(self._sums, axis=1, keepdims=True)[:, 0]
        new[self._next :] = False
        made = np.intersect1d(np.flatnonzero(new), self.person)
        if len(made):
            self._changed([person, *made.tolist()])

    def answer(self, one: int, other: int) -> bool:
        """Whether they are one; if so they are from now on."""
        same = bool(self._owner[one] == self._owner[other])
        self._apart[one, other] = self._apart[other, one] = True
        self._cosine[one, other] = self._cosine[other, one] = GONE
        if same:
            self._apart[one] |= self._apart[other]
            self._apart[:, one] = self._apart[one]
            self.person[self.person == other] = one
            self._fresh[one] = False
            self._changed([one, other])
        self._nearest[[one, other]] = self._cosine[[one, other]].max(axis=1)
        return same

    def _changed(self, persons: list[int]) -> None:
        for each in persons:
            faces = np.flatnonzero(self.person == each)
            self._sums[each] = self._faces[faces].sum(axis=0)
            self._photos[each] = 0
            self._photos[each, self._photo[faces]] = 1
            self._means[each] = unit(self._sums[each : each + 1])[0]
        self._compare(persons)

    def _compare(self, persons: list[int]) -> None:
        """Their cosines with all others, -2 with whom they are not to be asked about."""
        there = np.any(self._sums, axis=1, keepdims=True)[:, 0]
        for each in persons:
            closed = self._apart[each] | (self._photos @ self._photos[each] > 0) | ~there
            closed |= not there[each]
            self._cosine[each] = np.where(closed, GONE, self._means @ self._means[each])
            self._cosine[:, each] = self._cosine[each]
        self._nearest: NDArray[np.float32] = self._cosine.max(axis=1)
