"""One automatic run, from an event as it stands to what becomes of it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from memoria_pipeline.people.constraints import constraints
from memoria_pipeline.people.decisions import Decision, fold
from memoria_pipeline.people.linkage import unit
from memoria_pipeline.people.regroup import Kind, Present, regroup
from memoria_pipeline_tests.people.made_up_log import decide, face, person
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

GUESTS = event(people=6, each=4)
EVERY: list[Kind] = ["full", "incremental", "model"]


def present(
    who: Sequence[UUID | None],
    log: Sequence[Decision] = (),
    vectors: NDArray[np.float32] = GUESTS.vectors,
    photo: NDArray[np.int64] = GUESTS.photo,
) -> Present:
    """Six persons, whoever of them has the faces."""
    n, persons = len(vectors), [person(number) for number in range(6)]
    return Present(
        vectors,
        photo,
        np.ones(n, np.float32),
        np.full(n, "A"),
        who,
        persons,
        constraints(fold(log), [face(i) for i in range(n)], photo.tolist(), persons),
    )


AS_IT_IS = [person(number) for number in GUESTS.truth.tolist()]


@pytest.mark.parametrize("kind", EVERY)
def test_a_face_that_was_rejected_without_a_word_on_the_others_goes_to_nobody(kind: Kind) -> None:
    log = [decide(1, "reject", [0], int(GUESTS.truth[0]))]
    found = regroup(present(AS_IT_IS, log), THRESHOLDS, kind)
    mine = np.flatnonzero(GUESTS.truth == GUESTS.truth[0])
    assert found.people[0] not in found.people[mine[1:]]
    assert len(set(found.people[mine[1:]].tolist())) == 1
    assert found.diff.violations == 0


@pytest.mark.parametrize("kind", EVERY)
def test_a_pinned_face_stays_whatever_it_looks_like(kind: Kind) -> None:
    other = int(GUESTS.truth[1])
    who: list[UUID | None] = [person(other), *AS_IT_IS[1:]]
    log = [decide(1, "confirm", [0], other), decide(2, "not_a_face", [2])]
    who[2] = None
    found = regroup(present(who, log), THRESHOLDS, kind)
    assert found.diff.violations == 0
    assert found.people[2] == -1
    assert found.diff.reviewed_faces_moved == 0


@pytest.mark.parametrize("kind", EVERY)
def test_every_run_tightens_where_the_event_asks_for_it(kind: Kind) -> None:
    guests = event(people=100, each=4)
    way = np.random.default_rng(0).normal(size=128)
    vectors = unit((guests.vectors + 0.8 * way / np.linalg.norm(way)).astype(np.float32))
    known = replace(THRESHOLDS, stranger=0.0, stranger_90=0.115, far=1e-6)
    found = regroup(present([None] * 400, (), vectors, guests.photo), known, kind)
    assert found.thresholds.merge > known.merge + 0.1
    assert len(set(found.people.tolist())) > 80


def test_a_method_that_knows_no_people_moves_no_pinned_face_either() -> None:
    # Two faces of one group, whom a human called two people.
    mine, other = np.flatnonzero(GUESTS.truth == GUESTS.truth[0]), int(GUESTS.truth[1])
    log = [decide(1, "confirm", [0], other), decide(2, "confirm", mine[1:3], GUESTS.truth[0])]
    who = [person(other), *AS_IT_IS[1:]]
    found = regroup(present(who, log), THRESHOLDS, "full", method="hdbscan")
    assert found.grouping.labels[0] == found.grouping.labels[mine[1]]
    assert found.people[0] != found.people[mine[1]]
    assert found.diff.reviewed_faces_moved == 0
    assert found.diff.violations == 0
