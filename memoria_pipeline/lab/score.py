"""`memoria lab score`: tables of people against the truth, side by side."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.tables import read_people, read_truth, with_identity
from memoria_pipeline.people import measure

Row = dict[str, str | int | float]


def score_people(people: Sequence[Path], truth: Path) -> list[Row]:
    """One row per table of people: how well it matches the truth.

    Only faces whose identity is known are judged, but for `people` and `impure`, which need no
    truth. unknown: faces without an identity; missing: identities without a face, which no grouping
    can mend (`notes` says so). method: the table's title, its file's name where titles repeat.
    LabError for files that cannot be used or have no face in common.
    """
    known = read_truth(truth)
    if known.empty:
        raise LabError(f"{truth} has no row with an identity; there is nothing to score against.")
    rows = [_row(path, known, truth) for path in people]
    for row, title in zip(rows, _titles([str(row["method"]) for row in rows], people), strict=True):
        row["method"] = title
    return rows


def notes(rows: Sequence[Row]) -> list[str]:
    """What the figures do not show, a sentence per table that lacks faces of the truth."""
    return [
        f"{row['method']}: {row['missing']} of {int(row['missing']) + int(row['judged'])} faces of"
        " the truth are not in the table; no figure counts them."
        for row in rows
        if row["missing"]
    ]


def _titles(titles: list[str], people: Sequence[Path]) -> list[str]:
    for names in (titles, [path.stem for path in people]):
        if max(Counter(names).values(), default=0) <= 1:
            return names
    return [str(path) for path in people]


def _row(path: Path, known: pd.DataFrame, truth: Path) -> Row:
    frame, title = read_people(path)
    if frame.empty:
        raise LabError(f"{path} has no faces; there is nothing to score.")
    joined = with_identity(frame, known, path, truth)
    both = joined[joined["identity"].notna()]
    labels, identity = both["person"].to_numpy(), both["identity"].to_numpy(str)
    cubed, pairs = measure.b_cubed(labels, identity), measure.pairwise(labels, identity)
    return {
        "method": title,
        "faces": len(frame),
        "judged": len(both),
        "unknown": len(frame) - len(both),
        "missing": len(known) - len(both),
        "people": measure.people(frame["person"].to_numpy()),
        "identities": int(both["identity"].nunique()),
        "b3_precision": cubed.precision,
        "b3_recall": cubed.recall,
        "b3_f": cubed.f,
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "pair_f": pairs.f,
        "effort": measure.effort(labels, identity),
        "impure": measure.impure(frame["person"].to_numpy(), frame["photo"].to_numpy(str)),
    }
