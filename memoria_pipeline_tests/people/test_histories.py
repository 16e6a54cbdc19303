"""Whatever happens to an event, what humans decided stays."""

from memoria_pipeline_tests.people.histories import History, live_through, random_steps


def test_no_automatic_run_moves_what_humans_decided() -> None:
    lived = [live_through(seed) for seed in range(25)]
    assert sum(each.broken for each in lived) == 0
    # They are histories in which something happens.
    assert sum(each.runs for each in lived) > 150
    assert sum(len(each.log) for each in lived) > 100
    assert any(each.held for each in lived)
    assert {taken.kind for each in lived for taken in each.log} >= {"merge", "split", "undo"}


def test_a_history_is_the_same_each_time() -> None:
    one, other = live_through(3), live_through(3)
    assert one.log == other.log
    assert one.machine == other.machine


def test_steps_are_known_without_the_event() -> None:
    assert list(random_steps(1)) == list(random_steps(1))
    assert History(1).runs == 0
