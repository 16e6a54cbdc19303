"""`memoria doctor`: whether everything is there, and what to do where it is not."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from memoria_pipeline.commands.screen import out
from memoria_pipeline.doctor.finding import Finding
from memoria_pipeline.settings import settings

_MARK = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, for a machine.")] = False,
) -> None:
    """Check everything: database, model, device, storage, sensors, daemon, disk; name each mend."""
    from memoria_pipeline.doctor.examine import examine

    if not told(examine(settings()), as_json=as_json):
        raise typer.Exit(1)


def told(findings: Iterable[Finding], *, as_json: bool) -> bool:
    """Print them as they come, or as one JSON list at the end; whether nothing fails."""
    found = []
    for each in findings:
        found.append(each)
        if not as_json:
            _show(each)
    if as_json:
        out.print_json(json.dumps([asdict(each) for each in found]))
    return all(each.status != "fail" for each in found)


def _show(each: Finding) -> None:
    out.print(f"{_MARK[each.status]}  {each.about:<14} {escape(each.what)}", soft_wrap=True)
    if each.mend:
        out.print(f"                      → {escape(each.mend)}", soft_wrap=True)
