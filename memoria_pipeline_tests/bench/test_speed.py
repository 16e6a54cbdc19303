"""The suite: what it keeps, what it compares with, and the table that is made of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline_tests.bench import ratio, verify_speed
from memoria_pipeline_tests.bench.figures import Row
from memoria_pipeline_tests.bench.ratio import Cost
from memoria_pipeline_tests.bench.speed import history, parts, suite, table
from memoria_pipeline_tests.bench.speed.history import Entry
from memoria_pipeline_tests.bench.speed.parts import PARTS, Part

ROW = ratio.row("ours ÷ theirs", 1.5, Cost(2, 1), most=1.6)


def entry(row: Row = ROW, run: str = "2026-01-01T00:00:00+00:00", part: str = "sizes") -> Entry:
    return history.entry(run, part, row, 0.5)


@pytest.mark.parametrize(
    ("reached", "number"),
    [
        ("1.61×, 419 CPU-ms", (1.61, "×")),
        ("12,345 MB", (12345.0, "MB")),
        ("97.4% of 43", (97.4, "%")),
        ("31 CPU ms", (31.0, "CPU ms")),
        ("18.2 ms", (18.2, "ms")),
        ("−3.5 points", (-3.5, "points")),
        ("0: none", (0.0, "")),
        ("3 of 5", (3.0, "")),
        ("3 seats", (3.0, "")),
        ("no failure", (None, "")),
    ],
)
def test_a_figure_is_read_from_the_words_of_its_row(
    reached: str, number: tuple[float | None, str]
) -> None:
    assert history.number(reached) == number


def test_a_row_is_kept_with_all_that_a_program_asks_of_it() -> None:
    made = entry()
    assert (made.value, made.unit, made.ratio) == (1.5, "×", 1.5)
    assert (made.cpu_s, made.wall_s, made.load) == (2, 1, 0.5)
    assert (made.asked, made.enough) == ("<= 1.6×", True)
    plain = entry(("photos lost", "0", "0", True))
    assert (plain.value, plain.unit, plain.ratio, plain.cpu_s) == (0.0, "", None, None)


def test_the_history_is_lines_of_json_that_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history.jsonl"
    assert history.read(file) == []
    kept = [entry(), entry(("words", "–", "none", True))]
    for each in kept:
        history.append(each, file)
    assert history.read(file) == kept
    assert set(json.loads(file.read_text().splitlines()[0])) == set(Entry.__slots__)


def test_lines_of_another_release_or_cut_off_ones_stop_no_suite(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text('{"at": "before", "figure": "old"}\n3\n')
    history.append(entry(), file)
    with file.open("a") as lines:
        lines.write('{"run": "2026-')
    assert history.read(file) == [entry()]


def test_a_machine_is_a_processor_and_its_cores_and_no_name(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: avx2\n")
    assert history.machine(info).partition(", ")[0] == "Some CPU"
    assert history.machine(info).endswith(" cores")
    assert history.machine(tmp_path / "none")


def test_a_run_is_compared_with_the_last_one_of_the_same_machine() -> None:
    old = entry(ratio.row("ours ÷ theirs", 1.0, Cost(1, 1)), run="2026-01-01")
    elsewhere = replace(old, machine="another", run="2026-01-02", value=9.0)
    [found] = history.changes([entry()], history.latest([old, elsewhere], old.machine))
    assert found[1:] == (old.reached, "+50%")
    new, words = entry(("new", "–", "3 s", True)), entry(("ours ÷ theirs", "–", "fell", False))
    changes = list(history.changes([new, words], {(old.part, old.figure): old}))
    assert [each[1:] for each in changes] == [("–", "–"), (old.reached, "–")]


def test_a_figure_that_its_part_says_no_more_is_gone() -> None:
    rows = [entry(("old name", "–", "1 s", True), "1"), entry(("new name", "–", "1 s", True), "2")]
    other = entry(("other", "–", "1 s", True), "1", part="idle")
    found = history.latest([*rows, other], rows[0].machine)
    assert [figure for _, figure in found] == ["new name", "other"]


def test_two_parts_may_tell_a_figure_of_one_name() -> None:
    asked, beside = entry(ROW), entry((ROW[0], "–", "7 s", True), part="idle")
    text = table.table(history.latest([asked, beside], asked.machine))
    assert [ROW[2] in text, "7 s" in text] == [True, True]


def falls() -> Iterator[Row]:
    yield ROW
    raise ValueError("/a/path of somebody")


def test_a_part_that_falls_over_is_a_figure_that_falls_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Part, "rows", lambda _: falls())
    file, two = tmp_path / "history.jsonl", [replace(each, asked=1) for each in PARTS[:2]]
    assert suite.run("Both", two, file) == 1
    kept = history.read(file)
    assert [each.enough for each in kept] == [True, False] * 2
    assert "somebody" not in file.read_text()
    assert len({each.run for each in kept}) == 1
    assert f"about {two[0].minutes + two[1].minutes:.0f} minutes" in capsys.readouterr().out


def test_verifying_shows_the_figures_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside: Row = ("what it costs beside", "–", "3 s", True)
    monkeypatch.setattr(Part, "rows", lambda _: iter([ROW, beside]))
    file = tmp_path / "history.jsonl"
    assert suite.run("One", [replace(PARTS[0], asked=1)], file, asked=True) == 0
    assert len(history.read(file)) == 2  # all are kept
    shown = capsys.readouterr().out.partition("Since the last run")[0]
    assert ROW[0] in shown
    assert beside[0] not in shown


def test_an_asked_figure_that_a_machine_cannot_measure_falls_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As bf16 on a processor that has none: a figure that is not there would reach anything."""
    monkeypatch.setattr(Part, "rows", lambda _: iter([ROW]))
    figures = list(suite.guarded(replace(PARTS[0], asked=2)))
    assert [each[3] for each in figures] == [True, False]
    assert figures[-1][1:3] == (">= 2", "1")


def test_a_part_is_chosen_by_its_name() -> None:
    assert [each.name for each in parts.chosen(["page", "sizes"])] == ["sizes", "page"]
    assert parts.chosen([]) == list(PARTS)
    with pytest.raises(MemoriaError, match="no part of-no-kind"):
        parts.chosen(["of-no-kind"])
    with pytest.raises(SystemExit):
        suite.main(["--only", "of-no-kind"])
    assert {each.name for each in PARTS if each.asked} == {e.name for e in verify_speed.asked([])}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_is_there(part: Part) -> None:
    assert find_spec(part.module) is not None


def test_ratios_come_before_what_only_proves() -> None:
    names = [each.name for each in PARTS]
    assert names[-2:] == ["properties", "hostile"]
    assert len(set(names)) == len(names)


DOCUMENT = f"# Speed\n\n{table.BEGIN}\nold\n{table.END}\n\nThe end.\n"


def test_the_table_is_written_between_its_markers_and_nothing_else_changes(tmp_path: Path) -> None:
    document, file = tmp_path / "performance.md", tmp_path / "history.jsonl"
    document.write_text(DOCUMENT)
    for each in (entry(("a | b", "–", "1 s", True)), entry(("c", "2", "1", False)), entry()):
        history.append(each, file)
    assert table.main(["--check"], document, file) == 1
    assert table.main([], document, file) == 0
    assert table.main(["--check"], document, file) == 0
    text = document.read_text()
    assert text.startswith(DOCUMENT.partition("old")[0])
    assert text.endswith("\n\nThe end.\n")
    assert r"a \| b" in text
    assert "**falls short**" in text
    assert "old" not in text


def test_without_markers_or_measurements_no_table_is_written(tmp_path: Path) -> None:
    document, file = tmp_path / "performance.md", tmp_path / "history.jsonl"
    document.write_text(DOCUMENT)
    with pytest.raises(MemoriaError, match="make bench"):
        table.main([], document, file)
    for text in ("no markers", DOCUMENT + table.BEGIN, table.END + table.BEGIN):
        with pytest.raises(MemoriaError, match="once each"):
            table.written(text, {("sizes", "a"): entry()})
    assert document.read_text() == DOCUMENT
