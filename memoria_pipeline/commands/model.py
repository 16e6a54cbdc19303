"""`memoria model …`: the model packs."""

from pathlib import Path
from typing import Annotated

import typer

from memoria_pipeline.commands.screen import out
from memoria_pipeline.settings import settings

app = typer.Typer(no_args_is_help=True, help="The model packs.")


@app.command("list")
def model_list() -> None:
    """The packs: licence, whether they are here, how to get them."""
    from memoria_pipeline import report
    from memoria_pipeline.vision import catalogue

    report.packs(out, catalogue.packs(Path.home()))
    out.print(catalogue.choose(settings().face_model, Path.home()).reason)


@app.command("check")
def model_check(
    pack: Annotated[str, typer.Argument(help="A pack; without it, that of the settings.")] = "",
) -> None:
    """Load a pack and report device, providers, milliseconds per photo and per face."""
    from memoria_pipeline import report
    from memoria_pipeline.vision import catalogue

    s = settings()
    report.check(out, catalogue.check(pack or s.face_model, s.wanted_device))
