"""Which photos the sample album has: 40 with clear faces, 10 with groups, 10 with nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from memoria_pipeline.album.scenes import Scene, crop, lit, wall
from memoria_pipeline.album.sources import PEOPLE, SCENES, WALLS, party, scene, source_of


@dataclass(frozen=True, slots=True)
class Plan:
    """One photo: who is on it, and how it is made.

    people: numbers into PEOPLE. background: the wall that prints of them are pinned on, or the
    scene without anybody; None for a view of their own source. form: as Pillow names it.
    """

    people: tuple[int, ...]
    megapixels: float
    background: str | None = None
    form: str = "JPEG"


_ALONE_SIZES = (0.5, 0.8, 1.2, 2.0, 2.5, 1.0)
_PAIRS = ((0, 1), (2, 3), (3, 4), (0, 1), (1, 2), (4, 5), (2, 3), (3, 4))
_PINNED = [(6,), (7,), (6,), (7,), (7,), (6, 7), (0, 6), (3, 6), (2, 7), (5, 7), (1, 7)]
_GROUPS = ((0, 1, 2), (2, 3, 4), (3, 4, 5), (1, 2, 3))
_PINNED_GROUPS = ((0, 2, 6, 7), (0, 1, 3, 6, 7), (0, 1, 2, 4, 5, 6, 7))
# Among the smaller ones: x265 takes seconds for a large picture.
_FORMS = {5: "PNG", 11: "WEBP", 12: "HEIF", 18: "HEIF", 29: "WEBP", 50: "PNG", 58: "WEBP"}


def plans(seed: int) -> list[Plan]:
    """All photos of an album in the order of their numbers: the same ones, shuffled by the seed."""
    everything = [*_clear(), *_groups(), *_nobody()]
    formed = [replace(p, form=_FORMS.get(index, p.form)) for index, p in enumerate(everything)]
    return [formed[i] for i in np.random.default_rng(seed).permutation(len(formed))]


def _clear() -> Iterator[Plan]:
    sizes = cycle(_ALONE_SIZES)
    for person in (0, 1, 2, 3, 4, 5) * 3 + (6, 6, 7):
        yield Plan((person,), next(sizes))
    for pair, size in zip(_PAIRS, cycle((1.0, 2.0, 3.0)), strict=False):
        yield Plan(pair, size)
    for people, size, background in zip(
        _PINNED, cycle((1.5, 3.0, 6.0, 2.0, 4.0)), cycle(WALLS), strict=False
    ):
        yield Plan(people, size, background)


def _groups() -> Iterator[Plan]:
    for size in (1.5, 6.0, 12.0):
        yield Plan((0, 1, 2, 3, 4, 5), size)
    for some, size in zip(_GROUPS, (1.0, 2.0, 4.0, 3.0), strict=True):
        yield Plan(some, size)
    for people, size, background in zip(_PINNED_GROUPS, (6.0, 4.0, 12.0), WALLS, strict=False):
        yield Plan(people, size, background)


def _nobody() -> Iterator[Plan]:
    for name, size in zip(SCENES, cycle((0.5, 2.0, 12.0, 1.0, 4.0)), strict=False):
        yield Plan((), size, name)


def compose(plan: Plan, rng: np.random.Generator) -> Scene:
    """Make the photo's picture and say where everybody is."""
    return lit(_unlit(plan, rng), rng)


def _unlit(plan: Plan, rng: np.random.Generator) -> Scene:
    people = [PEOPLE[number] for number in plan.people]
    if plan.background is None:
        source = source_of(people[0]) if len(people) == 1 else party()
        return crop(source, people, plan.megapixels, rng)
    background = scene(plan.background)
    if not people:
        return crop(background, (), plan.megapixels, rng)
    size = 0.7 * plan.megapixels / len(people)
    prints = [crop(source_of(person), (person,), size, rng) for person in people]
    return wall(background, prints, plan.megapixels, rng)
