"""p(same person), fitted to what the machine made of labelled faces."""

from dataclasses import replace

import numpy as np
import pytest

from memoria_pipeline.lab.certainty import Seen, errors, fit, fitted, look
from memoria_pipeline.lab.events import Event, events
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.people.candidates import same_probability
from memoria_pipeline.people.confidence import NONE, probability
from memoria_pipeline.people.thresholds import Certainty
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

# Faces that differ as much from their own person as many strangers do: some groups go wrong.
GUESTS = event(people=300, each=3, noise=0.135, d=64)
PASSING = event(people=300, each=1, noise=0.135, d=64, seed=1)
VECTORS = np.concatenate([GUESTS.vectors, PASSING.vectors])
EVERY = np.ones(len(VECTORS))
CLASSES = np.full(len(VECTORS), "A", object)
DATA = Labelled(VECTORS, np.append(GUESTS.truth, 300 + PASSING.truth), EVERY, CLASSES)


def dealt(split: int = 0) -> list[Event]:
    return events(DATA.vectors, DATA.identity, alike=0.5, split=split, faces=400)


SEEN = [look(DATA, each, THRESHOLDS, stranger=0.0) for each in dealt()]


def test_what_the_machine_made_is_right_here_and_wrong_there() -> None:
    right = np.concatenate([each.right for each in SEEN])
    assert 0.3 < right.mean() < 0.98
    for each in SEEN:
        alone = each.own == NONE
        assert 0 < alone.sum() < len(alone)
        assert (each.own[~alone] > 0).all()
        assert len(each.own) == len(each.rival) == len(each.right)


def test_pairs_are_groups_just_too_little_alike() -> None:
    pairs = np.concatenate([each.pairs for each in SEEN])
    assert len(pairs) > 100
    # Of more than `merge` only those are left whose means moved after weak faces came.
    assert (pairs[:, 0] >= 0.7 * THRESHOLDS.merge).all()
    assert (pairs[:, 0] < THRESHOLDS.merge + 0.01).all()
    assert (pairs[:, 1] >= 1).all()
    assert (pairs[:, 2] >= pairs[:, 1]).all()
    assert len(np.unique(pairs[:, 3])) == len(SEEN)
    assert any(each.same.any() for each in SEEN)


def test_p_is_true_on_people_that_it_was_not_fitted_to() -> None:
    sure = replace(THRESHOLDS, certainty=Certainty.of(fit(SEEN[:-1])))
    found, before = errors([(SEEN[-1], sure)]), errors([(SEEN[-1], THRESHOLDS)])
    assert found["brier"] < before["brier"]
    assert found["ece_10"] < 0.08
    assert found["brier"] < found["brier_rate"]
    for part in ("grouped", "alone"):
        assert found[f"ece_{part}"] < 0.15


def test_thresholds_get_a_p_that_fits_what_they_make() -> None:
    own = fitted(DATA, dealt(), THRESHOLDS, stranger=0.0)
    assert own.certainty == Certainty.of(fit(SEEN))
    assert replace(own, certainty=None) == THRESHOLDS
    assert errors([(each, own) for each in SEEN])["ece_15"] < 0.05


def test_pairs_are_judged_by_what_the_queue_of_questions_makes_of_them() -> None:
    own = fitted(DATA, dealt(), THRESHOLDS, stranger=0.0)
    chance, m = np.random.default_rng(0), 4_000
    small, large = chance.integers(1, 3, m), chance.integers(3, 9, m)
    cosine, persons = chance.uniform(0.3, 0.5, m), chance.choice([200, 800], m)
    pairs = np.stack([cosine, small, large, persons], axis=1)
    p = np.empty(m)
    for count in (200, 800):
        of = persons == count
        p[of] = same_probability(cosine[of], small[of], large[of], count, own)
    as_said, nobody = chance.random(m) < p, np.zeros(0)
    seen = Seen(nobody, nobody, nobody.astype(bool), pairs, as_said)
    assert errors([(seen, own)])["ece_pairs"] < 0.02
    assert errors([(replace(seen, same=~as_said), own)])["ece_pairs"] > 0.2


def test_where_nothing_is_ever_wrong_the_fit_stays_finite() -> None:
    sure = [
        Seen(
            np.append(each.own, 0.9),
            np.append(each.rival, 0.1),
            np.ones(len(each.own) + 1, bool),
            each.pairs,
            np.zeros(len(each.same), bool),
        )
        for each in SEEN
    ]
    after = replace(THRESHOLDS, certainty=Certainty.of(fit(sure)))
    p = probability(np.array([0.6, NONE], np.float32), np.full(2, 0.2, np.float32), after)
    assert (p > 0.9).all()
    one = np.array([1])
    assert same_probability(np.array([0.4]), one, one, 800, after) < 0.1


def test_more_alike_never_means_less_sure() -> None:
    found = fit(SEEN)
    rising = ("own", "margin", "pair")
    assert all(found[f"p_{name}"] >= 0 for name in rising)
    assert found["p_alone"] < 0


@pytest.mark.parametrize("part", ["own", "pairs"])
def test_nothing_seen_is_no_error(part: str) -> None:
    none = np.zeros(0)
    empty = Seen(none, none, none.astype(bool), np.zeros((0, 4)), none.astype(bool))
    assert errors([(empty, THRESHOLDS)])["ece_10" if part == "own" else "ece_pairs"] == 0
