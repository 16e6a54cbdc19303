"""The paper that charts are drawn on: one look for all of them."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, GREEN, ORANGE, RED, GREY = "#2563eb", "#15803d", "#ea580c", "#b91c1c", "#9ca3af"
PALE, INK = "#bfdbfe", "#1f2937"


class Chart(Figure):
    """A figure that a notebook shows by itself; no pyplot, so nothing of it stays behind."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110, bbox_inches="tight")
        return file.getvalue()


def chart(height: float) -> tuple[Chart, Axes]:
    """A chart of one pair of axes, `height` inches high."""
    made = Chart(figsize=(9, max(height, 1.6)), layout="constrained")
    axes = made.subplots()
    plain(axes)
    return made, axes


def plain(axes: Axes) -> None:
    """Only the lines that say something."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)


def bars(
    axes: Axes,
    names: Sequence[str],
    parts: Mapping[str, tuple[pd.Series, str]],
    *,
    legend: bool = True,
) -> None:
    """Horizontal bars of parts that add up, the last name on top."""
    left, place = np.zeros(len(names)), np.arange(len(names))
    for label, (values, colour) in parts.items():
        numbers = values.to_numpy(float)
        axes.barh(place, numbers, left=left, height=0.6, color=colour, label=label)
        left = left + numbers
    axes.set_yticks(place, names)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if legend:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def title(axes: Axes, text: str) -> None:
    """A sentence above, at the left."""
    axes.set_title(text, loc="left", color=INK, fontsize=11, fontweight="bold")
