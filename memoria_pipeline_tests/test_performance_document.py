"""docs/performance.md: its table is of the form that the command writes, its arithmetic is so."""

import re
from pathlib import Path

from memoria_pipeline_tests.bench.speed import table
from memoria_pipeline_tests.bench.speed.history import number
from memoria_pipeline_tests.bench.speed.parts import PARTS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "performance.md").read_text("utf-8")


def lines() -> list[str]:
    inside = TEXT.partition(table.BEGIN)[2].partition(table.END)[0]
    return [line for line in inside.strip().splitlines() if line]


def cells(line: str) -> list[str]:
    return [each.strip() for each in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def test_the_markers_are_there_once_and_in_order() -> None:
    assert TEXT.count(table.BEGIN) == TEXT.count(table.END) == 1
    assert TEXT.index(table.BEGIN) < TEXT.index(table.END)


def test_the_table_names_a_processor_and_its_columns() -> None:
    machine, head, rule, *rows = lines()
    assert re.fullmatch(r"Measured on: .+, \d+ cores\.", machine)
    assert cells(head) == list(table.HEAD)
    assert set(cells(rule)) == {"---"}
    assert rows


def test_every_row_is_a_part_or_a_figure_with_its_cost_load_and_commit() -> None:
    abouts = {f"**{part.about}**" for part in PARTS}
    for line in lines()[3:]:
        first, *others = cells(line)
        assert len(others) == len(table.HEAD) - 1, line
        if not any(others):
            assert first in abouts
            continue
        _, reached, cpu, wall, load, commit = others
        assert reached
        assert all(number(each)[0] is not None for each in (cpu, wall) if each), line
        assert number(load)[0] is not None
        assert re.fullmatch(r"[0-9a-f]{7,}\+?", commit), line
