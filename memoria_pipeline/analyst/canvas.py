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
        shown = label if numbers.any() else None  # a legend of what is not there confuses
        axes.barh(place, numbers, left=left, height=0.6, color=colour, label=shown)
        left = left + numbers
    axes.set_yticks(place, names)
    axes.set_ylim(-0.6, max(len(names), 2) - 0.4)  # one event alone is a bar too, not a block
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if legend and left.any():
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def counted(axes: Axes, last: int) -> None:
    """One, two … `last` along the bottom: whole numbers, and the same place for a single one."""
    axes.set_xlim(0.4, max(last, 1) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))


def people_or_share(axes: Axes, name: str) -> None:
    """From 0: a difference in the third digit is not drawn as if it were one."""
    if name == "persons":
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_ylim(bottom=0, top=max(1, 1.15 * axes.dataLim.y1) if axes.has_data() else 1)
    else:
        axes.set_ylim(min(0, axes.dataLim.y0) * 1.1 if axes.has_data() else 0, 1.05)


def title(axes: Axes, text: str) -> None:
    """A sentence above, at the left."""
    axes.set_title(text, loc="left", color=INK, fontsize=11, fontweight="bold")
