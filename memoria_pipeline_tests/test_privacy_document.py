"""docs/privacy.md states facts: what it names has to be there, what is there has to be named."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer

from memoria_pipeline import cli
from memoria_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "privacy.md").read_text()

# Nothing of a person and no id of an event in it.
OF_NOBODY = {"migrations", "canaries"}


def quoted() -> Iterator[str]:
    """What the document writes as code, in lines and as blocks."""
    yield from re.findall(r"`([^`\n]+)`", TEXT)
    yield from (line.strip() for line in TEXT.splitlines() if line.startswith("    "))


def known(words: list[str], group: Any) -> bool:
    """Whether these words name a command, as far as they are words of a command."""
    for word in words:
        below = getattr(group, "commands", None)
        if below is None:
            return True
        if word not in below:
            return False
        group = below[word]
    return True


def test_every_command_of_the_privacy_document_is_there() -> None:
    everything = typer.main.get_command(cli.commands)
    named = [text.split()[1:] for text in quoted() if re.match(r"memoria [a-z]", text)]
    assert len(named) > 8
    for words in named:
        assert known([w for w in words if re.fullmatch(r"[a-z-]+", w)], everything), words


def test_every_option_of_the_privacy_document_is_there() -> None:
    everything = typer.main.get_command(cli.commands)
    options = {
        option
        for command in commands(everything)
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
    }
    for text in quoted():
        if re.match(r"memoria [a-z]|--", text):
            assert set(re.findall(r"--[a-z]+", text)) <= options, text


def commands(group: Any) -> Iterator[Any]:
    yield group
    for each in getattr(group, "commands", {}).values():
        yield from commands(each)


def test_every_setting_of_the_privacy_document_is_there() -> None:
    known_ones = {each.name for each in fields(Settings)}
    for name in re.findall(r"MEMORIA_([A-Z_]+[A-Z])\b", TEXT):
        assert name.lower() in known_ones, name


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(memoria_pipeline/[\w/.]+)`", TEXT))))
def test_every_file_of_the_privacy_document_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_table_is_in_the_data_map(conn: sa.Connection) -> None:
    """By its name, or with what is said of it in words."""
    tables = conn.scalars(
        sa.text(
            "select relname from pg_class where relnamespace = 'memoria'::regnamespace"
            " and relkind in ('r', 'p') and not relispartition and relpersistence = 'p'"
        )
    )
    missing = {name for name in tables if f"`{name}" not in TEXT} - OF_NOBODY
    assert not missing
