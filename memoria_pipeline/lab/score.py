"""`memoria lab score`: tables of people against the truth, side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.tables import KEY, read_people, read_truth
from memoria_pipeline.people import measure

Row = dict[str, str | int | float]


def score_people(people: Sequence[Path], truth: Path) -> list[Row]:
    """One row per table of people: how well it matches the truth.

    Only faces whose identity is known are judged, but for `people` and `impure`, which need no
    truth. unknown: faces without an identity; missing: identities without a face, which no grouping
    can mend. LabError for files that cannot be used or have no face in common.
    """
    known = read_truth(truth)
    return [_row(path, known, truth) for path in people]


def _row(path: Path, known: pd.DataFrame, truth: Path) -> Row:
    frame, title = read_people(path)
    both = frame.merge(known, on=KEY, how="inner")
    if both.empty and len(frame):
        raise LabError(
            f"{path} and {truth} have no (photo, face_index) in common; photo is the path relative"
            " to the folder, with forward slashes, and face_index counts from 0."
        )
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
