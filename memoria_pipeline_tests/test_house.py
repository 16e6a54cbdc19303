"""The house rules that no linter knows: which room may import which, and what lives where."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "memoria_pipeline"

# What each room may import of ours. Modules at the top are rooms of their own.
ALLOWED = {
    "errors": set[str](),
    "parsing": set[str](),
    "settings": {"errors", "parsing"},
    "vision": {"errors"},
    "people": {"errors"},
    "work": {"errors"},
    "quality": {"errors"},
    "privacy": {"errors"},
    "store": {"errors", "vision", "people", "work", "quality", "export", "privacy"},
    "webhooks": {"errors"},
    "logs": set[str](),
    "plots": {"errors"},
    "guard": set[str](),
    "lab": {"errors", "vision", "people", "store"},
    "album": {"errors", "people", "vision"},
    "analyst": {"errors", "settings", "store"},
    "metrics": {"errors", "settings", "store", "privacy"},
    "doctor": {"errors", "settings", "services", "store", "vision", "privacy"},
    "defs": {
        *("errors", "settings", "vision", "people", "store", "definitions"),
        *("work", "quality", "plots", "webhooks", "logs", "privacy"),
    },
    "definitions": set[str](),
    "review": {
        *("errors", "settings", "vision", "people", "work", "store", "webhooks", "logs"),
        "privacy",
    },
    "export": {"errors", "privacy"},
    "report": {"album", "lab", "people", "store", "vision"},
    "services": {"errors", "settings", "store"},
    "demo": {"errors", "settings", "album", "report", "services", "store", "vision"},
    "commands": {
        *("errors", "settings", "demo", "lab", "people", "report", "services", "store", "vision"),
        *("doctor", "metrics", "quality", "work", "review", "export", "privacy"),
    },
    "cli": {
        *("errors", "settings", "commands", "demo", "people", "report", "services", "store"),
        "vision",
    },
}
SQL = re.compile(
    r"\b(select\s.+\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from)\b", re.I | re.S
)


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path, ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return names


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_run_one_way(room: str) -> None:
    for each, path, tree in modules():
        if each != room:
            continue
        ours = {n.split(".")[1] for n in imported(tree) if n.startswith("memoria_pipeline.")}
        assert ours - {room, "__version__"} <= ALLOWED[room], path


def test_every_room_is_known_here() -> None:
    assert {room for room, _, _ in modules()} <= set(ALLOWED)


def test_dagster_stays_in_its_rooms() -> None:
    for room, path, tree in modules():
        if room not in ("defs", "definitions"):
            assert not {n for n in imported(tree) if n.split(".")[0] == "dagster"}, path


def test_sql_stays_in_the_store() -> None:
    for room, path, tree in modules():
        if room != "store":
            texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
            assert not [t for t in texts if isinstance(t, str) and SQL.search(t)], path


def test_only_the_settings_read_the_environment() -> None:
    for room, path, _ in modules():
        if room != "settings":
            assert not re.search(r"os\.environ|getenv", path.read_text()), path


def test_every_package_says_what_belongs_in_it() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        lines = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
        assert 2 <= len([line for line in lines if line]) <= 5, path
