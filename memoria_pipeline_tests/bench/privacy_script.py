"""A random history of an event as a script: what happens in it, whoever the database holds.

The same script can be lived through without the one who is going to be erased, which is how it is
told what the erasure took from everyone else. So nothing in it is an id of the database: a photo is
a number, a person one of the guests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

GUESTS = 7
"""Guest 0 is the one who is erased; the others are everyone else."""

GONE = 0

Door = Literal["sql", "caller", "request", "person", "withdrawn"]
Trouble = Literal["none", "none", "undone", "cut", "killed", "meanwhile"]
TROUBLES: tuple[Trouble, ...] = ("none", "none", "none", "undone", "cut", "killed")
DOORS: tuple[Door, ...] = ("sql", "caller", "request", "request", "person", "withdrawn")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    who: guests that it is about. photo: the photo it is about, or -1. guests: who is on new photos.
    at: a number by chance, for whatever has to be chosen. trouble: what goes wrong in it.
    """

    does: str
    who: tuple[int, ...] = ()
    photo: int = -1
    guests: tuple[tuple[int, ...], ...] = ()
    at: float = 0.0
    trouble: Trouble = "none"
    door: Door = "sql"


LATER = (
    *("upload", "copy", "again", "again", "changed", "gone", "back", "group", "group"),
    *("regroup", "model", "ask", "ask", "compare", "tags", "job", "answered"),
)
DECISIONS = (
    *("link", "link", "confirm", "confirm", "reject", "ignore", "not_a_face", "split", "unite"),
    *("mistake", "undo", "undo", "tag", "untag", "invite", "accept", "consent", "sign_in"),
)


def script(seed: int, steps: int = 14) -> list[Step]:
    """Uploads, runs and decisions, and somewhere among them the erasure of guest 0."""
    chance = np.random.default_rng([seed, 1])
    made = [_upload(chance, 5), Step("group"), Step("member", (GONE,)), Step("link", (GONE,))]
    erased = int(chance.integers(2, steps))
    for i in range(steps):
        if i == erased:
            made.append(_erasure(chance))
        made.append(_any(chance))
    if not any(step.does == "erase" for step in made):
        made.append(_erasure(chance))
    return [*made, Step("group"), Step("tags"), Step("ask")]


def _upload(chance: np.random.Generator, photos: int) -> Step:
    guests = tuple(
        tuple(chance.permutation(GUESTS)[: chance.integers(1, 5)].tolist()) for _ in range(photos)
    )
    return Step("upload", guests=guests)


def _erasure(chance: np.random.Generator) -> Step:
    """During the step that follows it, where its trouble is `meanwhile`."""
    kinds: Sequence[Trouble] = (*TROUBLES, "meanwhile", "meanwhile", "meanwhile", "meanwhile")
    trouble = kinds[int(chance.integers(len(kinds)))]
    door = DOORS[chance.integers(len(DOORS))]
    return Step("erase", (GONE,), at=chance.random(), trouble=trouble, door=door)


def _any(chance: np.random.Generator) -> Step:
    trouble = TROUBLES[chance.integers(len(TROUBLES))]
    if chance.random() < 0.5:
        does = LATER[chance.integers(len(LATER))]
        if does == "upload":
            return _upload(chance, int(chance.integers(1, 4)))
    else:
        does = DECISIONS[chance.integers(len(DECISIONS))]
    one, other = chance.permutation(GUESTS)[:2].tolist()
    if does not in ("reject", "mistake"):
        other = one
    return Step(
        does, (one, other), int(chance.integers(10_000)), at=chance.random(), trouble=trouble
    )


def without(steps: Sequence[Step], guest: int = GONE) -> list[Step]:
    """The same history of an event that this guest never came to."""
    return [_without(step, guest) for step in steps if _happens(step, guest)]


def _happens(step: Step, guest: int) -> bool:
    """What is about the guest alone does not; of a mistake that was mended, the mending does."""
    return not step.who or step.who[0] != guest or step.does in LATER


def _without(step: Step, guest: int) -> Step:
    kept = tuple(tuple(one for one in photo if one != guest) for photo in step.guests)
    return Step(step.does, step.who, step.photo, kept, step.at, "none", step.door)
