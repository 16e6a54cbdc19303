"""`memoria model …`: the model packs."""

from pathlib import Path
from typing import Annotated

import typer

from memoria_pipeline.commands.screen import err, out
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
    from memoria_pipeline.vision import checking
    from memoria_pipeline.vision.backends.network import Wanted

    s = settings()
    wanted = Wanted(s.backend, s.precision, s.models)
    report.check(out, checking.check(pack or s.face_model, s.wanted_device, wanted=wanted))


@app.command("quantise")
def model_quantise(
    photos: Annotated[
        Path | None,
        typer.Option(help="Photos of people to calibrate on; without it, the sample album."),
    ] = None,
    pack: Annotated[str, typer.Option(help="A pack; without it, that of the settings.")] = "",
) -> None:
    """Make the int8 networks of a pack; `memoria model guard` says whether they may be used."""
    from memoria_pipeline.vision.trial import Trial

    s = settings()
    trial = Trial.of(pack or s.face_model, s.models, Path.home())
    looked = trial.make_int8(photos or s.home / "sample-album" / "photos")
    out.print(f"int8 networks made, calibrated on {looked} photos; next: memoria model guard")


@app.command("guard")
def model_guard(
    labelled: Annotated[Path, typer.Option(help="Photos and boxes.json, their annotated faces.")],
    faces: Annotated[Path, typer.Option(help="Portraits, one folder per person.")],
    most: Annotated[int, typer.Option(min=100, help="Portraits that are used.")] = 1200,
    pack: Annotated[str, typer.Option(help="A pack; without it, that of the settings.")] = "",
) -> None:
    """Measure what faster precisions lose on labelled photos; only what passes is ever used."""
    from memoria_pipeline import report
    from memoria_pipeline.vision.trial import Trial

    s = settings()
    trial = Trial.of(pack or s.face_model, s.models, Path.home())
    report.verdicts(out, trial.judge(labelled, faces, most, lambda way: err.print(way)))
