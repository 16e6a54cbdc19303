"""Small pictures of numbers, for metadata that people look at. Never of a photo or a face.

PNG of about 6 KB: an event log keeps it for every run.
"""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it costs half a CPU-second
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OWN, _OTHER = "#2a7f62", "#b5532a"


def similarity(own: Sequence[float], other: Sequence[float]) -> str:
    """Mean cosines of faces with the others of their person, and with those of the nearest other
    person; as Markdown. The less they overlap, the surer the grouping."""
    figure, axes = _axes("mean cosine of a face", "share of the faces")
    both = [*own, *other]
    ends = (min(both), max(both) + 1e-6) if both else None
    for values, colour, label in ((own, _OWN, "own person"), (other, _OTHER, "nearest other")):
        if len(values):
            each = [1 / len(values)] * len(values)
            axes.hist(values, 30, range=ends, weights=each, color=colour, alpha=0.65, label=label)
    if both:
        axes.legend(frameon=False, fontsize=7)
    return _markdown(figure, "How alike faces are: own person, nearest other person")


def sizes(faces: Sequence[int]) -> str:
    """How many people have how many faces, 20 and more together; as Markdown."""
    figure, axes = _axes("faces of a person", "people")
    counted = [min(each, 20) for each in faces]
    axes.hist(counted, bins=[n + 0.5 for n in range(21)], color=_OWN, rwidth=0.85)
    axes.set_xticks([1, 5, 10, 15, 20], ["1", "5", "10", "15", "20+"])
    return _markdown(figure, "How many faces people have")


def _axes(x: str, y: str) -> tuple["Figure", "Axes"]:
    """Without pyplot, which keeps figures and looks for a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 2.2), dpi=80, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _markdown(figure: "Figure", what: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return f"![{what}](data:image/png;base64,{base64.b64encode(file.getvalue()).decode()})"
