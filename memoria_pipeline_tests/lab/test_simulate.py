"""The perfect organiser, and what `memoria lab simulate` makes of a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from memoria_pipeline.cli import commands
from memoria_pipeline.errors import LabError
from memoria_pipeline.lab import organiser, simulate
from memoria_pipeline.lab.events import Event
from memoria_pipeline.lab.fit import Labelled
from memoria_pipeline.lab.organiser import Review, Scene, by_queue, right
from memoria_pipeline.lab.similarity import by_similarity
from memoria_pipeline.people import measure
from memoria_pipeline.people.suggest import CANDIDATES, Question, questions
from memoria_pipeline_tests.lab.tables_made_up import frame, save, save_truth
from memoria_pipeline_tests.people.synthetic import THRESHOLDS, event

PACK = "insightface:scrfd_2.5g_mobilefacenet"


def broken() -> Scene:
    """Ten people in two halves each, and one person with two faces of a stranger among its own."""
    faces = event(10, 6, noise=0.08)
    person = faces.truth * 2 + (np.arange(60) >= 30)
    person[np.flatnonzero(faces.truth == 1)[:2]] = 0
    return Scene(faces.vectors, np.arange(60), np.ones(60), person, faces.truth)


def question(review: Review, kind: str, *persons: int, show: int | None = None) -> Question:
    """As the queue puts it: all faces of one person, or of several the first each."""
    faces = [np.flatnonzero(review.person == each).tolist() for each in persons]
    if kind == "mixed":
        return Question("mixed", persons, tuple(faces[0][:show]), 0.5, 1.0)
    shown = tuple(each[0] if each else 0 for each in faces)
    return Question("same_person", persons, shown, 0.5, 1.0)


def test_a_face_is_right_in_the_largest_person_of_its_identity() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1])
    assert right(np.array([0, 0, 0, 0, 1, 1]), truth) == 1
    assert right(np.array([0, 0, 0, 2, 1, 1]), truth) == pytest.approx(5 / 6)
    assert right(np.array([0, 0, 0, 0, 0, 1]), truth) == pytest.approx(5 / 6)
    assert right(np.arange(6), truth) == pytest.approx(2 / 6)


def test_all_is_right_exactly_where_nothing_is_left_to_correct() -> None:
    chance = np.random.default_rng(0)
    for _ in range(200):
        person, truth = chance.integers(0, 4, 8), chance.integers(0, 3, 8)
        assert (right(person, truth) == 1) == (measure.corrections(person, truth) == 0)


def test_a_yes_joins_and_a_no_is_remembered() -> None:
    review = Review(broken())
    stranger = int(np.flatnonzero(review.person == 6)[0])
    review.answer(question(review, "same", 4, 5, 6))
    assert set(review.scene.truth[review.person == 4]) == {2}
    assert not (review.person == 5).any()
    assert review.answers == 2
    assert review.rejected == {(stranger, 4)}
    review.answer(question(review, "same", 4, 6))  # it follows, so it is no answer
    assert review.answers == 2
    assert review.screens == [0, 1, 1]


def test_only_what_is_shown_is_answered() -> None:
    review = Review(broken())
    strangers = np.flatnonzero((review.person == 0) & (review.scene.truth == 1))
    own = np.flatnonzero((review.person == 0) & (review.scene.truth == 0))
    review.answer(Question("mixed", (0,), tuple(own.tolist()), 0.5, 1.0))
    assert review.answers == 1
    assert (review.person[strangers] == 0).all()
    assert not review.checked[strangers].any()
    # The faces shown are of two people, though most faces of the persons are of one.
    review.answer(Question("same_person", (1, 0), (int(own[0]) + 30, int(strangers[0])), 0.5, 1.0))
    assert (review.person == 1).any()


def test_looking_through_a_person_takes_an_answer_per_face_and_is_remembered() -> None:
    review = Review(broken())
    review.answer(question(review, "mixed", 0))
    assert set(review.scene.truth[review.person == 0]) == {0}
    assert len(set(review.person[:60][review.scene.truth == 1])) == 3  # its halves, and both faces
    assert (review.answers, review.checked.sum()) == (2, 5)
    assert {code for _, code in review.rejected} == {0}
    review.answer(question(review, "mixed", 4))
    assert review.answers == 3


def test_the_queue_puts_everybody_right() -> None:
    done = by_queue(broken(), THRESHOLDS, 1.0, 1_000)
    assert done.reached[-1] == 1
    assert measure.corrections(done.person, done.scene.truth) == 0
    assert done.reached.index(1) < 25


def test_the_queue_stops_where_it_should() -> None:
    assert by_queue(broken(), THRESHOLDS, 0.0, 1_000).answers == 0
    assert by_queue(broken(), THRESHOLDS, 1.0, 5).answers < 5 + organiser.PATIENCE


def test_the_queue_is_read_again_after_a_few_answers() -> None:
    faces = event(12, 10, noise=0.05)
    row = np.arange(120) // 12
    person = np.where(row < 5, faces.truth, 12 * row + faces.truth)  # and five alone, of each
    person = np.unique(person, return_inverse=True)[1].reshape(-1)
    scene = Scene(faces.vectors, np.arange(120), np.ones(120), person, faces.truth)
    screen = CANDIDATES - 1
    assert by_queue(scene, THRESHOLDS, 2.0, 1).answers <= organiser.PATIENCE + screen


def test_similarity_order_joins_the_halves_and_splits_off_strangers() -> None:
    assert by_similarity(broken(), 1.0, 10_000)[-1] < 1  # confirming takes nobody apart
    reached = by_similarity(broken(), 1.0, 10_000, look=True)
    assert reached[10] > reached[0]
    assert reached[-1] == 1
    assert len(reached) - 1 >= 12  # ten halves, two strangers at least


def test_similarity_order_asks_about_a_pair_once() -> None:
    scene = broken()
    three = np.isin(scene.truth, [0, 1, 2])
    alone = Scene(
        scene.vectors[three], np.arange(18), np.ones(18), scene.truth[three], scene.truth[three]
    )
    assert len(by_similarity(alone, 2.0, 10_000)) == 1 + 3
    assert len(by_similarity(alone, 2.0, 10_000, look=True)) == 1 + 3 + 3


def test_similarity_order_remembers_a_no_for_what_is_joined() -> None:
    angle = np.radians([0, 10, 25, 45])  # 0 and 2 are one, 1 comes first and is not
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    scene = Scene(vectors, np.arange(4), np.ones(4), np.arange(4), np.array([0, 1, 0, 1]))
    # 0-1 no, 1-2 no, 2-3 no, 0-2 yes; then 0 with 2 is asked about neither 1 nor 3; 1-3 yes.
    assert len(by_similarity(scene, 2.0, 10_000)) == 1 + 5


def test_similarity_order_never_asks_about_a_shared_photo() -> None:
    scene = broken()
    one = replace(scene, photo=np.zeros(60, np.int64))
    assert len(by_similarity(one, 1.0, 10_000)) == 1


def test_a_review_tells_what_was_promised_and_what_came() -> None:
    rows = simulate.review(broken(), THRESHOLDS, (0.5, 0.99))
    assert [(row.target, row.answers) for row in rows][0] == (0.5, 0 if rows[0].start >= 0.5 else 1)
    assert rows[1].answers is not None
    assert rows[1].screens is not None
    assert 0 < rows[1].screens <= rows[1].answers
    assert rows[1].similarity is None
    assert rows[1].looking is not None
    promised = questions(Review(broken()).standing(), THRESHOLDS, 0, (0.5, 0.99)).forecast
    assert [row.forecast for row in rows] == list(promised.answers.values())
    assert rows[1].forecast is not None
    assert rows[1].forecast > 1


def test_people_who_are_far_apart_stay_who_they_are_in_every_upload() -> None:
    faces = event(12, 8, noise=0.03)
    n = len(faces.truth)
    data = Labelled(faces.vectors, faces.truth, np.ones(n), np.full(n, "A", object))
    dealt = Event(np.arange(n), faces.photo)
    for how in ("incremental", "afresh"):
        row = simulate.history(data, dealt, THRESHOLDS, how)
        assert (row.how, row.f, row.effort, row.impure, row.churn) == (how, 1, 0, 0, 0)


def test_the_command_prints_both_tables(tmp_path: Path) -> None:
    faces = event(24, 5, noise=0.04)
    table = save(frame(faces), tmp_path / "f.parquet", model=PACK)
    truth = save_truth(faces, tmp_path / "truth.csv")
    shown = CliRunner().invoke(commands, ["lab", "simulate", str(table), "--truth", str(truth)])
    assert shown.exit_code == 0, shown.output
    assert "Review effort" in shown.output
    assert shown.output.count("incremental") == shown.output.count("afresh") == 2


def test_what_cannot_be_simulated_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no such file"):
        simulate.simulate(tmp_path / "x.parquet")
    faces = event(3, 2)
    table = save(frame(faces), tmp_path / "f.parquet", model=PACK)
    with pytest.raises(LabError, match="box_x"):
        simulate.simulate(table)
    with pytest.raises(LabError, match="too few to simulate"):
        simulate.simulate(table, save_truth(faces, tmp_path / "truth.csv"))
    with pytest.raises(LabError, match="does not say which model"):
        simulate.simulate(table, None, "auto")
