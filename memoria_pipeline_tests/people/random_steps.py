"""What happens to an event, at random: uploads, runs, decisions, undos.

The steps know nothing of the event, so that any executor can take them; `Organiser` decides on what
that executor shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args
from uuid import UUID

import numpy as np

from memoria_pipeline.people.decisions import Decision

StepKind = Literal["upload", "redetect", "regroup", "density", "model", "decide", "undo"]
_ODDS = (0.24, 0.08, 0.1, 0.04, 0.04, 0.4, 0.1)
_MEMBERS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """density: a grouping by HDBSCAN. seed: of all that is left to chance in it."""

    kind: StepKind
    seed: int


def random_steps(seed: int, length: int = 20) -> Iterator[Step]:
    """Photos first, then anything."""
    chance = np.random.default_rng(seed)
    yield Step("upload", int(chance.integers(2**31)))
    for kind in chance.choice(get_args(StepKind), size=length - 1, p=_ODDS):
        yield Step(kind, int(chance.integers(2**31)))


def random_id(chance: np.random.Generator) -> UUID:
    """One that was never used."""
    return UUID(int=int(chance.integers(2**62)))


class Organiser:
    """Decides at random on what stands; `refuse` may not like it.

    seq: of the decision. person: who each face is now. photo: where it is. log: all entries so far.
    """

    def __init__(
        self,
        chance: np.random.Generator,
        seq: int,
        person: Mapping[UUID, UUID | None],
        photo: Mapping[UUID, UUID],
        log: Sequence[Decision],
    ) -> None:
        self.chance, self.seq, self.photo, self.log = chance, seq, photo, log
        self.id = random_id(chance)
        self.person = person
        self.of: dict[UUID, tuple[UUID, ...]] = {}
        for face, each in person.items():
            if each is not None:
                self.of[each] = (*self.of.get(each, ()), face)
        persons = list(self.of) or [random_id(chance)]
        self.one, self.other = (persons[chance.integers(len(persons))] for _ in range(2))
        self.whole = self.of.get(self.one, ())
        self.part = self._some(self.whole)
        self.rest = tuple(face for face in self.whole if face not in self.part)

    def decides(self) -> Decision:
        """Anything but an undo."""
        kinds = [self.confirm, self.reject, self.merge, self.split, self.move, self.ignore]
        kinds += [self.ignore_faces, self.ignore_others, self.not_a_face]
        kinds += [self.assign, self.invite, self.unassign]
        return kinds[self.chance.integers(len(kinds))]()

    def undo(self) -> Decision:
        """Of any entry, an undo too."""
        return Decision(self.id, self.seq, "undo", supersedes=self._entry())

    def confirm(self) -> Decision:
        """Faces of anybody, in one photo even, now and then with a change of mind."""
        faces, twice = self._some(list(self.person)), bool(self.chance.random() < 0.3)
        minded = self._minded()
        return Decision(
            self.id, self.seq, "confirm", faces, (), self.one, twice=twice, supersedes=minded
        )

    def reject(self) -> Decision:
        """Half of the time of nobody else, so that it is the person that has to keep them out."""
        rest = self.rest if self.chance.random() < 0.5 else ()
        return Decision(self.id, self.seq, "reject", self.part, rest, self.one)

    def merge(self) -> Decision:
        faces, minded = self.whole + self.of.get(self.other, ()), self._minded()
        return Decision(
            self.id, self.seq, "merge", faces, (), self.one, self.other, supersedes=minded
        )

    def split(self) -> Decision:
        fresh = random_id(self.chance)
        return Decision(self.id, self.seq, "split", self.part, self.rest, self.one, fresh)

    def move(self) -> Decision:
        return Decision(self.id, self.seq, "move", self.part, self.rest, self.one, self.other)

    def ignore(self) -> Decision:
        return Decision(self.id, self.seq, "ignore", self.whole, (), self.one)

    def ignore_faces(self) -> Decision:
        return Decision(self.id, self.seq, "ignore", self._some(list(self.person)))

    def ignore_others(self) -> Decision:
        """Everyone in a photo but some; first the faces of whoever is in no other photo."""
        photos = sorted(set(self.photo.values())) or [random_id(self.chance)]
        photo = photos[self.chance.integers(len(photos))]
        here = [face for face, where in self.photo.items() if where == photo]
        others = [face for face in here if self.chance.random() < 0.7]
        known = sorted((person, face) for face in others if (person := self.person[face]))
        whole: list[tuple[UUID, UUID]] = []
        for person, those in groupby(known, key=lambda each: each[0]):
            pairs = list(those)
            if len(pairs) == len(self.of[person]):
                whole += pairs
        first = [face for _, face in whole]
        faces = (*first, *(face for face in others if face not in first))
        persons = tuple(person for person, _ in whole)
        return Decision(self.id, self.seq, "ignore", faces, media=photo, persons=persons)

    def not_a_face(self) -> Decision:
        return Decision(self.id, self.seq, "not_a_face", self._some(list(self.person)))

    def assign(self) -> Decision:
        user = UUID(int=int(self.chance.integers(_MEMBERS)) + 1)
        return Decision(self.id, self.seq, "assign", self.whole, (), self.one, user=user)

    def invite(self) -> Decision:
        email = "someone@example.org"
        return Decision(self.id, self.seq, "invite", self.whole, (), self.one, email=email)

    def unassign(self) -> Decision:
        return Decision(self.id, self.seq, "unassign", person=self.one)

    def _entry(self) -> UUID | None:
        return self.log[int(self.chance.integers(len(self.log)))].id if self.log else None

    def _minded(self) -> UUID | None:
        return self._entry() if self.chance.random() < 0.2 else None

    def _some(self, faces: Sequence[UUID]) -> tuple[UUID, ...]:
        size = min(len(faces), int(self.chance.integers(1, 4)))
        if not size:
            return ()
        return tuple(faces[i] for i in self.chance.choice(len(faces), size, replace=False))
