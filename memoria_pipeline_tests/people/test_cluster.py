"""Faces → people."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoria_pipeline.people.cluster import cluster
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.measure import b_cubed, impure
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, Event, as_sets, event


def axis(*weights: float) -> np.ndarray:
    """A vector of eight numbers with these first ones."""
    vector = np.zeros(8, np.float32)
    vector[: len(weights)] = weights
    return vector


def test_people_who_are_apart_are_found_exactly() -> None:
    faces = event(people=40, each=6)
    found = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    assert b_cubed(found.labels, faces.truth).f == 1
    assert found.trusted.all()


def test_numbers_follow_the_first_face_of_each_person() -> None:
    faces = event(people=10, each=3)
    labels = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS).labels
    _, first = np.unique(labels, return_index=True)
    assert (np.diff(first) > 0).all()


def test_two_faces_of_one_photo_are_two_people_however_alike() -> None:
    twins = np.stack([axis(1, 0.01), axis(1, -0.01)])
    assert as_sets(cluster(twins, ["a", "a"], thresholds=THRESHOLDS).labels) == {
        frozenset({0}),
        frozenset({1}),
    }
    assert len(as_sets(cluster(twins, ["a", "b"], thresholds=THRESHOLDS).labels)) == 1


def test_a_must_link_joins_two_faces_of_one_photo() -> None:
    mirror = np.stack([axis(1), axis(0, 1), axis(1, 0.1)])
    labels = cluster(mirror, ["a", "a", "b"], must_link=[(0, 1)], thresholds=THRESHOLDS).labels
    assert as_sets(labels) == {frozenset({0, 1, 2})}


def test_a_cannot_link_keeps_two_photos_of_one_face_apart() -> None:
    same = np.stack([axis(1), axis(1, 0.1), axis(1, 0.2)])
    labels = cluster(same, ["a", "b", "c"], cannot_link=[(0, 1)], thresholds=THRESHOLDS).labels
    assert labels[0] != labels[1]
    assert labels[2] == labels[1]


def test_contradicting_links_are_refused() -> None:
    three = np.eye(3, 8, dtype=np.float32)
    with pytest.raises(ValueError, match="contradicts"):
        cluster(
            three,
            [0, 1, 2],
            must_link=[(0, 1), (1, 2)],
            cannot_link=[(0, 2)],
            thresholds=THRESHOLDS,
        )


def test_links_to_faces_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="two different faces"):
        cluster(np.eye(2, 8), [0, 1], must_link=[(0, 2)], thresholds=THRESHOLDS)


@pytest.mark.parametrize("method", ["constrained", "hdbscan"])
def test_no_face_and_one_face_are_events_too(method: str) -> None:
    for n in (0, 1, 2):
        found = cluster(np.eye(n, 8), np.arange(n), thresholds=THRESHOLDS, method=method)  # type: ignore[arg-type]
        assert found.labels.tolist() == (list(range(n)) if method == "constrained" else [-1] * n)
        assert len(found.representative) == len(found.trusted) == len(as_sets(found.labels))


def test_copies_of_one_photo_do_not_mix_its_people() -> None:
    faces = event(people=5, each=1)
    copies = 4
    labels = cluster(
        np.tile(faces.vectors, (copies, 1)),
        np.repeat(np.arange(copies), 5),
        thresholds=THRESHOLDS,
    ).labels
    assert labels.tolist() == [0, 1, 2, 3, 4] * copies


def test_a_thousand_copies_of_one_face_are_one_person() -> None:
    labels = cluster(np.tile(axis(1, 2), (1000, 1)), np.arange(1000), thresholds=THRESHOLDS).labels
    assert not labels.any()


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_vectors_without_a_direction_are_refused(bad: float) -> None:
    vectors = np.eye(3, 8, dtype=np.float32)
    vectors[1] = bad
    with pytest.raises(ValueError, match="1 of 3 embeddings .* position 1"):
        cluster(vectors, [0, 1, 2], thresholds=THRESHOLDS)


def test_another_number_of_photos_or_qualities_is_refused() -> None:
    with pytest.raises(ValueError, match="photos"):
        cluster(np.eye(3, 8), [0, 1], thresholds=THRESHOLDS)
    with pytest.raises(ValueError, match="qualities"):
        cluster(np.eye(3, 8), [0, 1, 2], [0.5, 0.5], thresholds=THRESHOLDS)


def test_the_best_face_represents_the_person() -> None:
    faces = event(people=4, each=5)
    quality = np.linspace(0.2, 0.9, len(faces.truth))
    found = cluster(faces.vectors, faces.photo, quality, thresholds=THRESHOLDS)
    for label, face in enumerate(found.representative):
        members = np.flatnonzero(found.labels == label)
        assert face == members[np.argmax(quality[members])]


def test_class_c_is_in_no_group() -> None:
    faces = event(people=4, each=4)
    classes = np.full(16, "A")
    classes[[3, 7]] = "C"
    found = cluster(faces.vectors, faces.photo, quality_class=classes, thresholds=THRESHOLDS)
    assert np.flatnonzero(found.labels == -1).tolist() == [3, 7]
    assert found.probability[3] == found.margin[3] == 0


def test_weak_faces_join_sure_people_but_never_each_other() -> None:
    faces = event(people=6, each=6)
    blur = axis(0, 0, 1).repeat(16)
    blurred = np.stack([blur, blur + 1e-3])
    weak = 0.5 * faces.vectors[:1] + 0.66 * np.roll(faces.vectors[:1], 1)
    found = cluster(
        np.concatenate([faces.vectors, weak, blurred]),
        np.concatenate([faces.photo, [900, 901, 902]]),
        quality_class=np.array(["A"] * 36 + ["B"] * 3),
        thresholds=THRESHOLDS,
    )
    assert found.labels[36] == found.labels[0]
    assert found.labels[37] != found.labels[38]
    assert len(found.representative) == 6 + 2


def test_two_weak_faces_of_one_photo_never_join_the_same_person() -> None:
    faces = event(people=6, each=6)
    found = cluster(
        np.concatenate([faces.vectors, faces.vectors[:1], faces.vectors[:1] + 0.01]),
        np.concatenate([faces.photo, [900, 900]]),
        quality_class=np.array(["A"] * 36 + ["B"] * 2),
        thresholds=THRESHOLDS,
    )
    assert found.labels[36] == found.labels[0]
    assert found.labels[37] not in found.labels[:37]


def test_a_sure_face_is_more_probable_than_a_doubtful_one() -> None:
    faces = event(people=5, each=4)
    doubtful = faces.vectors[0] * 0.62 + np.roll(faces.vectors[0], 3) * 0.78
    found = cluster(
        np.concatenate([faces.vectors, doubtful[None]]),
        np.concatenate([faces.photo, [900]]),
        thresholds=THRESHOLDS,
    )
    assert found.labels[20] == found.labels[0]
    assert 0 < found.probability[20] < found.probability[0] <= 1
    assert found.margin[20] < found.margin[0]


def test_hdbscan_finds_people_and_may_leave_strangers_out() -> None:
    faces, strangers = event(people=8, each=6, noise=0.04), event(people=5, each=1, seed=9)
    found = cluster(
        np.concatenate([faces.vectors, strangers.vectors]),
        np.concatenate([faces.photo, 900 + np.arange(5)]),
        thresholds=THRESHOLDS,
        method="hdbscan",
        density=Density(min_cluster_size=3, min_samples=2, epsilon=0.4),
    )
    assert -1 in found.labels[48:]
    assert b_cubed(found.labels[:48], faces.truth).f == 1
    with pytest.raises(ValueError, match="min_cluster_size"):
        Density(min_cluster_size=1)


events = st.builds(
    event,
    people=st.integers(1, 12),
    each=st.integers(1, 6),
    noise=st.floats(0.0, 0.4),
    d=st.sampled_from([3, 8, 16]),
    seed=st.integers(0, 999),
)


@settings(max_examples=60, deadline=None)
@given(faces=events, seed=st.integers(0, 99))
def test_the_order_of_the_faces_does_not_matter(faces: Event, seed: int) -> None:
    chance = np.random.default_rng(seed)
    n = len(faces.truth)
    quality, order = chance.random(n), chance.permutation(n)
    classes = chance.choice(["A", "A", "B", "C"], n)

    def people(rows: np.ndarray) -> np.ndarray:
        return cluster(
            faces.vectors[rows],
            faces.photo[rows],
            quality[rows],
            quality_class=classes[rows],
            thresholds=THRESHOLDS,
        ).labels

    back = np.empty(n, np.int64)
    back[order] = people(order)
    assert as_sets(back) == as_sets(people(np.arange(n)))


@settings(max_examples=60, deadline=None)
@given(faces=events, seed=st.integers(0, 99))
def test_no_person_is_twice_in_a_photo_and_no_link_is_broken(faces: Event, seed: int) -> None:
    n = len(faces.truth)
    links = np.random.default_rng(seed).integers(0, n, (n // 2, 2))
    links = links[links[:, 0] != links[:, 1]]
    labels = cluster(
        faces.vectors,
        faces.photo,
        cannot_link=[(int(a), int(b)) for a, b in links],
        thresholds=THRESHOLDS,
    ).labels
    assert impure(labels, faces.photo) == 0
    assert (labels[links[:, 0]] != labels[links[:, 1]]).all()
    assert (labels >= 0).all()


def test_anchored_faces_are_one_person_whatever_their_photo_links_and_class() -> None:
    odd = np.stack([axis(1), axis(0, 1), axis(0, 0, 1), axis(1, 0.1)])
    labels = cluster(
        odd,
        ["a", "a", "b", "c"],
        quality_class=["A", "A", "C", "A"],
        anchor=[7, 7, 7, -1],
        cannot_link=[(0, 1), (0, 2)],
        thresholds=THRESHOLDS,
    ).labels
    assert labels.tolist()[:3] == [0, 0, 0]


def test_two_anchors_never_meet_however_alike() -> None:
    same = np.stack([axis(1, 0.01 * i) for i in range(6)])
    labels = cluster(same, range(6), anchor=[0, -1, -1, -1, 3, -1], thresholds=THRESHOLDS).labels
    assert labels[0] != labels[4]
    assert set(labels) == {labels[0], labels[4]}


def test_a_rejected_face_never_joins_that_anchor_but_its_like() -> None:
    same = np.stack([axis(1, 0.01 * i) for i in range(5)])
    labels = cluster(
        same,
        range(5),
        anchor=[0, 0, -1, -1, -1],
        rejected=[(2, 0), (3, 0), (4, 9), (0, 0)],
        thresholds=THRESHOLDS,
    ).labels
    assert labels.tolist() == [0, 0, 1, 1, 0] or labels.tolist() == [0, 0, 1, 1, 1]


def test_a_must_link_between_two_anchors_is_refused() -> None:
    with pytest.raises(ValueError, match="two known persons"):
        cluster(np.eye(2, 8), [0, 1], anchor=[0, 1], must_link=[(0, 1)], thresholds=THRESHOLDS)


@settings(max_examples=60, deadline=None)
@given(faces=events, seed=st.integers(0, 99))
def test_anchors_and_rejections_hold_in_any_event(faces: Event, seed: int) -> None:
    chance = np.random.default_rng(seed)
    n = len(faces.truth)
    anchor = np.where(chance.random(n) < 0.3, chance.integers(0, 4, n), -1)
    rejected = [(int(face), int(chance.integers(4))) for face in np.flatnonzero(anchor == -1)]
    labels = cluster(
        faces.vectors, faces.photo, anchor=anchor, rejected=rejected, thresholds=THRESHOLDS
    ).labels
    codes = np.unique(anchor[anchor >= 0])
    of_code = [set(labels[anchor == code].tolist()) for code in codes]
    assert all(len(group) == 1 for group in of_code)
    assert len(set.union(set(), *of_code)) == len(codes)
    assert not any((labels[anchor == code] == labels[face]).any() for face, code in rejected)
    assert impure(labels[anchor == -1], faces.photo[anchor == -1]) == 0


def test_zeros_that_pad_the_vectors_change_nothing() -> None:
    faces = event(people=10, each=4, noise=0.1)
    padded = np.pad(faces.vectors, ((0, 0), (0, 384)))
    plain = cluster(faces.vectors, faces.photo, thresholds=THRESHOLDS)
    found = cluster(padded, faces.photo, thresholds=THRESHOLDS)
    assert found.labels.tolist() == plain.labels.tolist()
    assert found.probability.tolist() == plain.probability.tolist()


def test_one_person_of_opposite_faces_has_no_mean_and_takes_in_nobody() -> None:
    odd = np.stack([axis(1), -axis(1), axis(1), axis(0, 1)])
    found = cluster(odd, range(4), anchor=[0, 0, -1, -1], thresholds=THRESHOLDS)
    assert found.labels.tolist() == [0, 0, 1, 2]
    assert np.isfinite(found.probability).all()


def test_a_blurred_face_that_was_confirmed_brings_its_name_to_the_sharp_ones() -> None:
    faces = event(people=6, each=6)
    found = cluster(
        np.concatenate([faces.vectors, faces.vectors[:1] + 0.02]),
        np.concatenate([faces.photo, [900]]),
        quality_class=["A"] * 36 + ["B"],
        anchor=[-1] * 36 + [3],
        thresholds=THRESHOLDS,
    )
    assert found.labels[36] == found.labels[0]
