"""Random histories of an event: what happens (`random_steps`), and who carries it out (`History`).

The steps know nothing of the event, so that another executor, on a real database, can take them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.constraints import Constraints, constraints
from memoria_pipeline.people.decisions import Decision, Kind, State, fold
from memoria_pipeline.people.diff import Diff, diff, publishes_itself
from memoria_pipeline.people.incremental import extend
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.reconcile import reconcile, redirects
from memoria_pipeline.people.refusals import refuse
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

StepKind = Literal["upload", "redetect", "regroup", "model", "decide", "undo"]
_ODDS = (0.25, 0.08, 0.12, 0.05, 0.4, 0.1)
_KINDS: tuple[Kind, ...] = ("confirm", "reject", "merge", "split", "move", "ignore", "not_a_face")
_KINDS += ("assign", "invite", "unassign")
PEOPLE, D = 8, 16


@dataclass(frozen=True, slots=True)
class Step:
    """seed: of all that is left to chance when it is carried out."""

    kind: StepKind
    seed: int


def random_steps(seed: int, length: int = 20) -> Iterator[Step]:
    """Photos first, then anything."""
    chance = np.random.default_rng(seed)
    yield Step("upload", int(chance.integers(2**31)))
    for kind in chance.choice(get_args(StepKind), size=length - 1, p=_ODDS):
        yield Step(kind, int(chance.integers(2**31)))


def random_decision(
    chance: np.random.Generator,
    seq: int,
    person: dict[UUID, UUID | None],
    log: Sequence[Decision],
    *,
    undo: bool = False,
) -> Decision:
    """What an organiser might decide, of whom each face is now; `refuse` may not like it."""
    new = UUID(int=int(chance.integers(2**62)))
    supersedes = log[int(chance.integers(len(log)))].id if log else None
    if undo:
        return Decision(new, seq, "undo", supersedes=supersedes)
    kind: Kind = _KINDS[chance.integers(len(_KINDS))]
    of: dict[UUID, tuple[UUID, ...]] = {}
    for face, each in person.items():
        if each is not None:
            of[each] = (*of.get(each, ()), face)
    persons = list(of) or [UUID(int=int(chance.integers(2**62)))]
    who, other = (persons[chance.integers(len(persons))] for _ in range(2))
    whole, faces = of.get(who, ()), _some(chance, list(person))
    part = _some(chance, whole)
    rest = tuple(face for face in whole if face not in part)
    user = UUID(int=int(chance.integers(3)) + 1)
    minded = supersedes if chance.random() < 0.2 else None
    if kind == "confirm":
        twice = bool(chance.random() < 0.3)
        return Decision(new, seq, kind, faces, (), who, twice=twice, supersedes=minded)
    if kind == "reject":
        return Decision(new, seq, kind, part, rest, who)
    if kind == "merge":
        faces = whole + of.get(other, ())
        return Decision(new, seq, kind, faces, (), who, other, supersedes=minded)
    if kind in ("split", "move"):
        fresh = UUID(int=int(chance.integers(2**62)))
        return Decision(new, seq, kind, part, rest, who, fresh if kind == "split" else other)
    if kind == "not_a_face" or (kind == "ignore" and chance.random() < 0.5):
        return Decision(new, seq, kind, faces)
    email = "someone@example.org" if kind == "invite" else None
    whole = () if kind == "unassign" else whole
    given = user if kind == "assign" else None
    return Decision(new, seq, kind, whole, (), who, user=given, email=email)


def _some(chance: np.random.Generator, faces: Sequence[UUID]) -> tuple[UUID, ...]:
    size = min(len(faces), int(chance.integers(1, 4)))
    return tuple(faces[i] for i in chance.choice(len(faces), size, replace=False)) if size else ()


class History:
    """An event in memory. After each step `broken` counts what an automatic run did wrong."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.middle = self.chance.normal(size=(PEOPLE, D))
        self.truth: dict[UUID, int] = {}
        self.photo: dict[UUID, int] = {}
        self.vector: dict[UUID, NDArray[np.float32]] = {}
        self.machine: dict[UUID, UUID | None] = {}
        self.log: list[Decision] = []
        self.photos = self.seq = self.runs = self.held = self.refused = self.broken = 0

    def carry_out(self, step: Step) -> None:
        """One step; raises nothing that is not a bug."""
        self.chance = np.random.default_rng(step.seed)
        if step.kind in ("decide", "undo"):
            self._decide(undo=step.kind == "undo")
        elif step.kind == "upload":
            for _ in range(self.chance.integers(1, 5)):
                self._upload()
            self._run(afresh=False)
        elif step.kind == "redetect":
            self._redetect()
            self._run(afresh=False)
        elif step.kind == "model":
            self._model()
            self._run(afresh=True)
        else:
            self._run(afresh=True, stricter=float(self.chance.uniform(-0.2, 0.2)))

    def current(self, state: State) -> dict[UUID, UUID | None]:
        """Who each face is."""
        return {face: state.current(face, self.machine[face]) for face in self.photo}

    def _decide(self, *, undo: bool) -> None:
        self.seq += 1
        state = fold(self.log)
        before = self.current(state)
        taken = random_decision(self.chance, self.seq, before, self.log, undo=undo)
        try:
            refuse(taken, self.log, self.photo, state=state)
        except DecisionError:
            self.refused += 1
            return
        self.log.append(taken)

    def _upload(self) -> None:
        self.photos += 1
        for who in self.chance.choice(PEOPLE, self.chance.integers(1, 4), replace=False):
            self._face(self.photos, int(who))

    def _face(self, photo: int, who: int) -> None:
        face = UUID(int=int(self.chance.integers(2**62)))
        self.photo[face], self.truth[face], self.machine[face] = photo, who, None
        self.vector[face] = self._look(who)

    def _look(self, who: int) -> NDArray[np.float32]:
        noise = self.chance.normal(size=D) * self.chance.uniform(0.3, 1.2)
        seen: NDArray[np.float32] = (self.middle[who] + noise).astype(np.float32)
        return seen

    def _redetect(self) -> None:
        """A photo is read again: faces that no human touched may go, others may be found."""
        touched = fold(self.log).touched
        photo = int(self.chance.integers(1, self.photos + 1))
        for face in [each for each, where in self.photo.items() if where == photo]:
            if face not in touched and self.chance.random() < 0.5:
                for column in (self.photo, self.truth, self.machine, self.vector):
                    column.pop(face)
        self._face(photo, int(self.chance.integers(PEOPLE)))

    def _model(self) -> None:
        """Another pack sees everybody otherwise; faces keep their ids."""
        self.middle = self.chance.normal(size=(PEOPLE, D))
        for face, who in self.truth.items():
            self.vector[face] = self._look(who)

    def _run(self, *, afresh: bool, stricter: float = 0.0) -> None:
        state, faces = fold(self.log), list(self.photo)
        before = list(self.current(state).values())
        named = {each for each in before if each is not None} | state.reviewed
        persons = sorted(each for each in named if state.resolve(each) == each)
        found = constraints(state, faces, [self.photo[each] for each in faces], persons)
        if not faces:
            return
        merge = THRESHOLDS.merge + stricter
        rules = Thresholds(merge, THRESHOLDS.attach, THRESHOLDS.margin, 0.5, 30.0, 0.4)
        group = self._afresh if afresh else self._extended
        machine = group(faces, before, persons, found, rules)
        after = [state.current(*each) for each in zip(faces, machine, strict=True)]
        change = diff(before, after, found, persons)
        self.runs += 1
        self._judge(state, faces, before, after, change, found, persons)
        if afresh and not publishes_itself(change, 0.05) and self.chance.random() < 0.5:
            self.held += 1
            return
        # What the machine said of a pinned face is kept, so that an undo brings it back.
        for face, each in zip(faces, machine, strict=True):
            if face not in state.verdict:
                self.machine[face] = each

    def _judge(
        self,
        state: State,
        faces: list[UUID],
        before: list[UUID | None],
        after: list[UUID | None],
        change: Diff,
        found: Constraints,
        persons: list[UUID],
    ) -> None:
        self.broken += change.reviewed_faces_moved
        self.broken += change.violations > diff(before, before, found, persons).violations
        rejected = (state.rejected.get(face, frozenset()) for face in faces)
        self.broken += sum(new in those for new, those in zip(after, rejected, strict=True))
        gone = redirects(before, after, state.reviewed)
        self.broken += len(state.reviewed & gone.keys())
        self.broken += sum(each is not None and state.resolve(each) != each for each in after)

    def _afresh(
        self,
        faces: list[UUID],
        before: list[UUID | None],
        persons: list[UUID],
        found: Constraints,
        rules: Thresholds,
    ) -> list[UUID | None]:
        labels = cluster(
            np.stack([self.vector[each] for each in faces]),
            [self.photo[each] for each in faces],
            thresholds=rules,
            quality_class=np.where(found.out, "C", "A"),
            anchor=found.anchor,
            rejected=found.rejected.tolist(),
            cannot_link=found.cannot.tolist(),
        ).labels
        return self._named(labels, reconcile(labels, before, found.anchor != NOBODY))

    def _extended(
        self,
        faces: list[UUID],
        before: list[UUID | None],
        persons: list[UUID],
        found: Constraints,
        rules: Thresholds,
    ) -> list[UUID | None]:
        code = {each: i for i, each in enumerate(persons)}
        extended = extend(
            np.stack([self.vector[each] for each in faces]),
            [self.photo[each] for each in faces],
            person=[NOBODY if each is None else code[each] for each in before],
            thresholds=rules,
            quality_class=np.where(found.out, "C", "A"),
            reviewed=found.reviewed,
            rejected=found.rejected.tolist(),
            cannot_link=found.cannot.tolist(),
        )
        old = [None if each == NOBODY else persons[each] for each in extended.continues.tolist()]
        return self._named(extended.grouping.labels, old)

    def _named(
        self, labels: NDArray[np.int64], persons: Sequence[UUID | None]
    ) -> list[UUID | None]:
        """Whom the machine says each face is; new persons get ids that were never used."""
        ids = [each or UUID(int=int(self.chance.integers(2**62))) for each in persons]
        return [None if label == NOBODY else ids[label] for label in labels.tolist()]


def live_through(seed: int, length: int = 20) -> History:
    """One random history to its end."""
    history = History(seed)
    for step in random_steps(seed, length):
        history.carry_out(step)
    return history
