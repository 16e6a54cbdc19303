"""Which rows are alike, exactly."""

import numpy as np
import pytest

from memoria_pipeline.people.graph import above, threshold_graph
from memoria_pipeline_tests.people.synthetic import event


def pairs(a: np.ndarray, b: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(a.tolist(), b.tolist(), strict=True))


def brute(vectors: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    return pairs(*np.nonzero(np.triu(vectors @ vectors.T >= threshold, 1)))


@pytest.fixture
def vectors(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """120 rows that fill several small tiles."""
    monkeypatch.setattr("memoria_pipeline.people.graph.TILE", (16, 24))
    return event(people=15, each=8).vectors


def test_every_pair_is_found_once(vectors: np.ndarray) -> None:
    found = threshold_graph(vectors, 0.5)
    assert len(found) == len(pairs(found.a, found.b))
    assert pairs(found.a, found.b) == brute(vectors, 0.5)
    assert found.cosine == pytest.approx((vectors[found.a] * vectors[found.b]).sum(axis=1))


def test_fresh_rows_bring_exactly_their_pairs(vectors: np.ndarray) -> None:
    fresh = np.array([3, 50, 51, 119])
    found = threshold_graph(vectors, 0.3, fresh=fresh)
    assert len(found) == len(pairs(found.a, found.b))
    expected = {pair for pair in brute(vectors, 0.3) if set(pair) & set(fresh.tolist())}
    assert pairs(found.a, found.b) == expected


def test_over_budget_the_most_alike_are_kept_and_the_floor_says_so(vectors: np.ndarray) -> None:
    found = threshold_graph(vectors, 0.3, budget=100)
    assert len(found) <= 100
    assert found.floor > 0.3
    assert pairs(found.a, found.b) == brute(vectors, found.floor)


def test_where_more_pairs_tie_than_fit_some_are_kept_and_no_more_than_fit() -> None:
    copies = np.tile(np.array([[0.6, 0.8]], np.float32), (40, 1))
    found = threshold_graph(copies, 0.5, budget=100)
    assert 50 <= len(found) <= 100
    assert len(found) == len(pairs(found.a, found.b))
    assert found.floor == found.cosine.min()


@pytest.mark.parametrize("rows", [1, 4, 16, 17])
def test_however_wide_the_tiles_of_few_rows_are_they_hold_the_same_pairs(
    vectors: np.ndarray, rows: int
) -> None:
    fresh = np.arange(rows) * 7
    found = threshold_graph(vectors, 0.3, fresh=fresh)
    expected = {pair for pair in brute(vectors, 0.3) if set(pair) & set(fresh.tolist())}
    assert pairs(found.a, found.b) == expected


def test_what_is_not_allowed_is_not_kept(vectors: np.ndarray) -> None:
    found = threshold_graph(vectors, 0.3, allowed=lambda a, b: (a + b) % 2 == 0)
    assert pairs(found.a, found.b) == {p for p in brute(vectors, 0.3) if sum(p) % 2 == 0}


def test_all_entries_from_the_floor_on_are_named_with_their_value() -> None:
    table = np.array([[0.1, 0.5, 0.9], [0.5, 0.4, 0.7]], np.float32)
    row, column, value = above(table, 0.5)
    assert pairs(row, column) == {(0, 1), (0, 2), (1, 0), (1, 2)}
    assert value.tolist() == table[row, column].tolist()


def test_if_all_rows_are_fresh_their_order_does_not_matter(vectors: np.ndarray) -> None:
    fresh = np.random.default_rng(0).permutation(len(vectors))
    found = threshold_graph(vectors, 0.5, fresh=fresh)
    assert len(found) == len(brute(vectors, 0.5))
    assert pairs(found.a, found.b) == brute(vectors, 0.5)
