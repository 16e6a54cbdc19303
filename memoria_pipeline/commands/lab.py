"""`memoria lab …`: evaluation on one's own labelled photos; no database."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from memoria_pipeline.commands.screen import err, out
from memoria_pipeline.settings import settings

app = typer.Typer(no_args_is_help=True, help="Evaluation on your own labelled photos; no database.")


@app.command("faces")
def lab_faces(
    folder: Annotated[Path, typer.Argument(help="The photos; folders in it count.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    model_: Annotated[
        str, typer.Option("--model", help="A pack; without it, that of the settings.")
    ] = "",
    errors: Annotated[
        Path | None, typer.Option(help="A CSV for the photos that could not be read.")
    ] = None,
) -> None:
    """Find the faces of a folder of photos."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import faces
    from memoria_pipeline.vision.detector import Detector

    chosen = {"setting": model_} if model_ else {}
    detector = Detector(**{**settings().detector, **chosen})
    with report.counting(err, "Finding faces") as tick:
        found = faces.find_faces(folder, output, detector, tick, errors)
    for photo, _, message in found.errors:
        err.print(f"{photo}: {message}", markup=False, soft_wrap=True)
    out.print(
        f"{found.faces} faces in {found.photos} photos, {len(found.errors)} unreadable → {output}",
        markup=False,
    )


@app.command("cluster")
def lab_cluster(
    faces: Annotated[Path, typer.Argument(help="The table that `memoria lab faces` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    method: Annotated[Literal["constrained", "hdbscan"], typer.Option()] = "constrained",
    model_: Annotated[
        str, typer.Option("--model", help="Whose thresholds; without it, what the table says.")
    ] = "",
) -> None:
    """Group faces into people."""
    from memoria_pipeline.lab import group

    density = None
    if method == "hdbscan":  # the settings are its own: a wrong one must not stop the other method
        s = settings()
        density = group.density(s.min_cluster_size, s.min_samples, s.cluster_epsilon)
    done = group.group_faces(faces, output, method=method, model=model_ or None, density=density)
    if done.note:
        err.print(done.note, markup=False, soft_wrap=True)
    out.print(f"{done.people} people of {done.faces} faces → {output}", markup=False)


@app.command("score")
def lab_score(
    files: Annotated[
        list[Path], typer.Argument(help="One or more tables of people, then the truth's CSV.")
    ],
) -> None:
    """How well people match the truth: B³, pairs, effort, impure clusters."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import score

    if len(files) < 2:
        raise typer.BadParameter("give a table of people and the truth: people.parquet truth.csv")
    rows = score.score_people(files[:-1], files[-1])
    report.scores(out, rows)
    for note in score.notes(rows):
        err.print(note, markup=False, soft_wrap=True)


@app.command("calibrate")
def lab_calibrate(
    faces: Annotated[Path, typer.Argument(help="Labelled faces, from `memoria lab faces`.")],
    truth: Annotated[
        Path | None, typer.Option(help="photo, face_index, identity; without it the folder's name.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="calibration.json for the pack's folder.")
    ] = None,
) -> None:
    """The thresholds of a model pack, with their operating point."""
    from memoria_pipeline.lab import calibrate

    out.print_json(data=calibrate.run(faces, truth, output))


@app.command("simulate")
def lab_simulate(
    faces: Annotated[Path, typer.Argument(help="Labelled faces, from `memoria lab faces`.")],
    truth: Annotated[
        Path | None, typer.Option(help="photo, face_index, identity; without it the folder's name.")
    ] = None,
    model_: Annotated[
        str, typer.Option("--model", help="Whose thresholds; without it, what the table says.")
    ] = "",
) -> None:
    """How many answers a review takes, and whether people stay who they are as photos come."""
    from memoria_pipeline import report
    from memoria_pipeline.lab import simulate

    found = simulate.simulate(faces, truth, model_ or None)
    if found.note:
        err.print(found.note, markup=False, soft_wrap=True)
    report.efforts(out, found.efforts)
    report.histories(out, found.histories)
