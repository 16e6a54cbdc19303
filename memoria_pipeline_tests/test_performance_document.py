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


def test_what_one_carries_per_hour_is_what_a_photo_takes() -> None:
    section = TEXT.partition("### What one of each carries per hour")[2].partition("\n* ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 8
    for what, photos, seconds, known in rows:
        hour = float(photos.replace(",", "")) * float(seconds)
        assert abs(hour / 3600 - 1) < 0.05, what
        assert known.strip("*").startswith(("measured", "computed")), what


def test_no_gpu_figure_is_passed_off_as_measured() -> None:
    gpus = [line for line in TEXT.splitlines() if line.startswith("| NVIDIA")]
    assert gpus
    assert all("computed, not measured" in line for line in gpus)


def test_every_command_of_the_document_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"`?make ([a-z-]+)", TEXT)) <= set(targets)
    for module in re.findall(r"-m (memoria_pipeline_tests[\w.]+)", TEXT):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
