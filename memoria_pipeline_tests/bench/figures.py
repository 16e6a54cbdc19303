"""Figures of a release check: what was asked, what was reached."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

Row = tuple[str, str, str, bool]
"""Figure, asked, reached, whether that is enough."""


def show(title: str, rows: Iterable[Row]) -> int:
    """Print each row as it comes, then all as a table; the exit status: 1 where one falls short."""
    console = Console(highlight=False, width=110)
    table = Table("figure", "asked", "reached", "", box=None, title=title, title_justify="left")
    short = 0
    for figure, asked, reached, enough in rows:
        mark = "[green]ok[/]" if enough else "[red]falls short[/]"
        console.print(f"[dim]{figure}: {reached} ({asked} asked)[/] {mark}")
        table.add_row(figure, asked, reached, mark)
        short += not enough
    console.print()
    console.print(table)
    return 1 if short else 0
