"""Random histories of an event in memory: every automatic run is judged as soon as it is over.

Judged twice: the bare labels, before what humans said covers what the run did to it, and who the
faces are in the end.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.cluster import Method
from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import Decision, State, fold
from memoria_pipeline.people.diff import publishes_itself
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.refusals import refuse
from memoria_pipeline.people.regroup import Kind, Present, Regrouped, regroup
from memoria_pipeline.people.surplus import surplus
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline_tests.people.judge import breaches, together
from memoria_pipeline_tests.people.random_steps import Organiser, Step, random_id, random_steps
from memoria_pipeline_tests.people.synthetic import THRESHOLDS

PEOPLE, D = 8, 16
CHURN_LIMIT = 0.05
Who = UUID | None


@dataclass(slots=True, eq=False)
class Known:
    """A face. model: the pack that saw it last. lost: no photo shows it any more, but a human
    touched it. machine: what the last run said, as long as no human says more."""

    photo: UUID
    truth: int
    vector: NDArray[np.float32]
    grade: Literal["A", "B", "C"]
    quality: float
    model: int
    machine: Who = None
    lost: bool = False


class History:
    """An event in memory. broken: what automatic runs did that they must not do, by rule."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.middle = self.chance.normal(size=(PEOPLE, D))
        self.faces: dict[UUID, Known] = {}
        self.photos: list[UUID] = []
        self.redirected: dict[UUID, UUID] = {}
        self.log: list[Decision] = []
        self.model = 0
        self.seen: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()

    def carry_out(self, step: Step) -> None:
        """One step; raises nothing that is not a bug."""
        self.chance = np.random.default_rng(step.seed)
        if step.kind == "upload":
            for _ in range(self.chance.integers(1, 5)):
                self._upload()
            self._run("incremental")
        elif step.kind == "redetect":
            self._look_again(self.photos[self.chance.integers(len(self.photos))])
            self._run("incremental")
        elif step.kind == "model":
            self._change_model()
            self._run("model")
        elif step.kind == "density":
            self._run("full", method="hdbscan")
        elif step.kind == "regroup":
            self._run("full", stricter=float(self.chance.uniform(-0.2, 0.2)))
        else:
            self._decide(undo=step.kind == "undo")

    def current(self, state: State) -> dict[UUID, Who]:
        """Who each face is."""
        return {
            face: state.current(face, self._followed(known.machine, state))
            for face, known in self.faces.items()
        }

    def _followed(self, person: Who, state: State) -> Who:
        """Whom a run merged the person into since; whoever a human decided on stays."""
        while person in self.redirected and person not in state.reviewed:
            person = self.redirected[person]
        return person

    def _decide(self, *, undo: bool) -> None:
        state = fold(self.log)
        photo = {face: known.photo for face, known in self.faces.items()}
        organiser = Organiser(
            self.chance, len(self.log) + 1, self.current(state), photo, list(self.log)
        )
        taken = organiser.undo() if undo else organiser.decides()
        try:
            refuse(taken, self.log, photo, state=state)
        except DecisionError:
            self.seen["refused"] += 1
            return
        self.log.append(taken)
        if taken.media is not None:
            self.seen["everyone else"] += bool(taken.persons)

    def _upload(self) -> None:
        self.photos.append(random_id(self.chance))
        for who in self.chance.choice(PEOPLE, self.chance.integers(1, 4), replace=False):
            self._face(self.photos[-1], int(who))

    def _face(self, photo: UUID, who: int) -> None:
        grades: tuple[Literal["A", "B", "C"], ...] = ("A", "B", "C")
        grade = grades[self.chance.choice(3, p=(0.8, 0.15, 0.05))]
        quality = float(self.chance.uniform(0.3, 1))
        look = self._look(who)
        known = Known(photo, who, look, grade, quality, self.model)
        self.faces[random_id(self.chance)] = known

    def _look(self, who: int) -> NDArray[np.float32]:
        noise = self.chance.normal(size=D) * self.chance.uniform(0.3, 1.2)
        seen: NDArray[np.float32] = (self.middle[who] + noise).astype(np.float32)
        return seen

    def _look_again(self, photo: UUID) -> None:
        """A photo is read again: half of its faces are not found, another one is."""
        touched = fold(self.log).touched
        for face in [each for each, known in self.faces.items() if known.photo == photo]:
            self._found(face, touched, bool(self.chance.random() < 0.5))
        self._face(photo, int(self.chance.integers(PEOPLE)))

    def _change_model(self) -> None:
        """Another pack sees everybody otherwise; faces that it finds keep their ids."""
        touched = fold(self.log).touched
        self.model += 1
        self.middle = self.chance.normal(size=(PEOPLE, D))
        for face in list(self.faces):
            self._found(face, touched, bool(self.chance.random() < 0.8))

    def _found(self, face: UUID, touched: frozenset[UUID], found: bool) -> None:
        known = self.faces[face]
        if found:
            known.lost, known.model, known.vector = False, self.model, self._look(known.truth)
        elif face in touched or known.lost:
            known.lost = True
            self.seen["lost"] += 1
        else:
            del self.faces[face]

    def _present(self, state: State, person: dict[UUID, Who]) -> tuple[list[UUID], Present]:
        """The faces that this model knows, the lost ones too, as a run takes them."""
        faces = [face for face, known in self.faces.items() if known.model == self.model]
        known = [self.faces[face] for face in faces]
        named = {each for each in person.values() if each is not None} | state.reviewed
        persons = sorted(each for each in named if state.resolve(each) == each)
        photos = [each.photo for each in known]
        code = {photo: i for i, photo in enumerate(self.photos)}
        return faces, Present(
            unit(np.array([each.vector for each in known], np.float32).reshape(-1, D)),
            np.array([code[photo] for photo in photos], np.int64),
            np.array([each.quality for each in known], np.float32),
            np.array([each.grade for each in known], np.str_),
            [person[face] for face in faces],
            persons,
            constraints(state, faces, photos, persons),
        )

    def _run(self, kind: Kind, *, method: Method = "constrained", stricter: float = 0.0) -> None:
        state = fold(self.log)
        before = self.current(state)
        faces, present = self._present(state, before)
        rules = Thresholds(THRESHOLDS.merge + stricter, THRESHOLDS.attach, 0.1, 0.5, 30.0, 0.4)
        found = regroup(present, rules, kind, method=method)
        self.seen[kind if method == "constrained" else method] += 1
        if method == "constrained":  # HDBSCAN knows no rules: only what comes of it is judged
            self._judge_labels(present, found, kind)
        self._wrong("reviewed persons redirect", len(state.reviewed & found.redirects.keys()))
        asked = kind != "incremental" and not publishes_itself(found.diff, CHURN_LIMIT)
        if asked and (found.diff.violations or self.chance.random() < 0.5):
            self.seen["held"] += 1
            return
        self._publish(state, faces, found)
        self._judge(state, before)

    def _publish(self, state: State, faces: list[UUID], found: Regrouped) -> None:
        ids = [person or random_id(self.chance) for person in found.persons]
        # What the machine said of a pinned face is kept, so that an undo brings it back.
        for face, label in zip(faces, found.grouping.labels.tolist(), strict=True):
            if face not in state.verdict:
                self.faces[face].machine = None if label == NOBODY else ids[label]
        for old, new in found.redirects.items():
            self.redirected[old] = new if isinstance(new, UUID) else ids[new]

    def _judge_labels(self, present: Present, found: Regrouped, kind: Kind) -> None:
        """What the run said, before what humans said covers it."""
        rules, label = present.constraints, found.grouping.labels
        person = rules.anchor
        if kind == "incremental":
            person = present.codes
            person[surplus(present.vectors, present.photo, person, rules.pinned)] = NOBODY
        self.broken += breaches(label, person, rules, present.photo)
        looked_at = np.append(rules.reviewed, False)[person]
        for face in np.flatnonzero(looked_at & (label != NOBODY)).tolist():
            said = found.persons[label[face]]
            self._wrong("named otherwise", said != present.persons[person[face]])
        named = [each for each in found.persons if each is not None]
        self._wrong("persons given twice", len(named) - len(set(named)))

    def _judge(self, state: State, before: dict[UUID, Who]) -> None:
        """Who the faces are now, all of them, beside who they were."""
        after = self.current(state)
        photo = {face: known.photo for face, known in self.faces.items()}
        moved = [face for face in state.verdict if face in after and after[face] != before[face]]
        told = together(state, after, photo)
        self._wrong("pins moved", len(moved))
        self._wrong("told apart, together", len(told - together(state, before, photo)))
        self.seen["told apart, together"] += len(told)

    def _wrong(self, rule: str, times: int) -> None:
        if times:
            self.broken[rule] += times


def live_through(seed: int, length: int = 20) -> History:
    """One random history to its end."""
    history = History(seed)
    for step in random_steps(seed, length):
        history.carry_out(step)
    return history
