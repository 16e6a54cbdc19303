"""Charts of the analysts' views. Each takes a table and says in its title what it shows."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, GREEN, ORANGE, RED, GREY = "#2563eb", "#15803d", "#ea580c", "#b91c1c", "#9ca3af"
PALE, INK = "#bfdbfe", "#1f2937"
MOST_EVENTS = 15
"""Bars in a chart of events: the largest; more would not be read."""


class Chart(Figure):
    """A figure that a notebook shows by itself; no pyplot, so nothing of it stays behind."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110, bbox_inches="tight")
        return file.getvalue()


def coverage(events: pd.DataFrame) -> Chart:
    """Of `event_coverage`: on which photos somebody is to be seen, event by event."""
    some = events.sort_values("photos").tail(MOST_EVENTS)
    parts = {
        "with faces": (some["photos_with_faces"], BLUE),
        "nobody on it": (some["analysed"] - some["photos_with_faces"], PALE),
        "unreadable": (some["failed"], RED),
        "not analysed yet": (some["photos"] - some["analysed"] - some["failed"], GREY),
    }
    chart, axes = _chart(1 + 0.35 * len(some))
    _bars(axes, _short(some["event_id"]), parts)
    total, shown = int(events["photos"].sum()), int(events["photos_with_faces"].sum())
    _title(axes, f"Somebody is to be seen on {shown:,} of {total:,} photos{_share(shown, total)}")
    return chart


def throughput(minutes: pd.DataFrame) -> Chart:
    """Of `throughput`: photos and faces by the minute in which they were analysed."""
    chart, axes = _chart(3)
    sums = minutes.groupby("minute")[["photos", "faces", "seconds"]].sum().astype(float)
    place = np.arange(len(sums))  # minutes of work, one beside the other: pauses say nothing
    axes.bar(place, sums["photos"], color=PALE, width=0.9, label="photos")
    axes.plot(place, sums["faces"], color=BLUE, marker="o", markersize=3, label="faces found")
    axes.set_xlabel("minutes in which photos were analysed")
    axes.legend(frameon=False, loc="upper left")
    photos, seconds = sums["photos"].sum(), sums["seconds"].sum()
    speed = f", {seconds / photos:.2f} s of detection each" if photos else ""
    _title(axes, f"{photos:,.0f} photos analysed in {len(sums):,} minutes{speed}")
    return chart


def failures(reasons: pd.DataFrame) -> Chart:
    """Of `photo_failures`: why photos could not be analysed."""
    counts = reasons.groupby("error_code")["photos"].sum().sort_values()
    chart, axes = _chart(1 + 0.35 * len(counts))
    _bars(axes, [str(each) for each in counts.index], {"photos": (counts, RED)}, legend=False)
    total = int(counts.sum())
    _title(axes, f"{total:,} photos could not be analysed" if total else "Every photo was readable")
    return chart


def over_time(runs: pd.DataFrame) -> Chart:
    """Of `clusterings`, one event's: its people and how sound they look, grouping by grouping."""
    runs = runs.sort_values("created_at")
    place, shown = np.arange(1, len(runs) + 1), (runs["status"] == "published").to_numpy()
    chart = Chart(figsize=(9, 4.5), layout="constrained")
    people, sound = chart.subplots(2, 1, sharex=True)
    for axes, columns in (
        (people, {"persons": BLUE, "single": GREY}),
        (sound, {"cohesion": GREEN, "silhouette": BLUE, "separation": ORANGE}),
    ):
        _plain(axes)
        for name, colour in columns.items():
            values = runs[name].to_numpy(float)
            axes.plot(place[shown], values[shown], color=colour, marker="o", label=name)
            axes.plot(place[~shown], values[~shown], color=colour, marker="x", linestyle="none")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    sound.set_xlabel("groupings, the oldest first; × waits or is held, and is not shown to anybody")
    sound.xaxis.set_major_locator(MaxNLocator(integer=True))
    _title(people, f"{_last(runs[shown], 'persons')} people after {shown.sum()} groupings")
    return chart


MEASURES: Mapping[str, str] = {
    "persons": "people",
    "noise_ratio": "share of faces alone",
    "silhouette": "silhouette",
    "agreement": "agreement with today's people",
}


def methods(compared: pd.DataFrame) -> Chart:
    """Of `comparisons`, one event's: both methods side by side, comparison by comparison."""
    chart = Chart(figsize=(9, 2.8), layout="constrained")
    colours = {"constrained": BLUE, "hdbscan": ORANGE}
    for axes, (name, about) in zip(chart.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        _plain(axes)
        for method, colour in colours.items():
            rows = _by_default(compared[compared["method"] == method])
            axes.plot(range(1, len(rows) + 1), rows[name], color=colour, marker="o", label=method)
        axes.set_title(about, fontsize=9, color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
        axes.margins(0.2)
    chart.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    chart.suptitle("Both methods on the same faces, comparison by comparison", color=INK)
    return chart


def _by_default(rows: pd.DataFrame) -> pd.DataFrame:
    """The middle of each comparison's grid: the threshold that the pack was calibrated to."""
    ordered = rows.sort_values(["compared_at", "threshold"])
    some = ordered.groupby("compared_at")
    return ordered[some.cumcount() == some["method"].transform("size") // 2]


def thresholds(compared: pd.DataFrame) -> Chart:
    """Of one comparison: what a stricter or looser merge threshold would make of the event."""
    tried = compared[compared["method"] == "constrained"].sort_values("threshold")
    now = float(_by_default(tried)["threshold"].iloc[0])
    other = compared[compared["method"] == "hdbscan"]
    chart = Chart(figsize=(9, 5.5), layout="constrained")
    for axes, (name, about) in zip(chart.subplots(2, 2).flat, MEASURES.items(), strict=True):
        _plain(axes)
        axes.plot(tried["threshold"], tried[name], color=BLUE, marker="o")
        axes.axvline(now, color=INK, linewidth=1, linestyle=":")
        for value in other[name]:
            axes.axhline(value, color=ORANGE, linewidth=1, linestyle="--")
        axes.set_title(about, fontsize=9, color=INK)
    looser, stricter = (int(tried["persons"].iloc[i]) for i in (0, -1))
    chart.supxlabel(f"merge threshold; dotted: {now:g}, the pack's; dashed: hdbscan", fontsize=9)
    chart.suptitle(f"From {looser:,} to {stricter:,} people, by the threshold", color=INK)
    return chart


def similarities(pairs: pd.DataFrame, threshold: float) -> Chart:
    """Of one comparison: how alike two faces are that are one person's, and two people's."""
    chart, axes = _chart(3.2)
    kinds = {"other_person": GREY, "one_photo": RED, "same_person": GREEN}
    labels = ("two people", "two people for sure: in one photo", "one person")
    for (kind, colour), label in zip(kinds.items(), labels, strict=True):
        total = max(float(pairs[kind].sum()), 1)
        share = 100 * pairs[kind].astype(float) / total
        axes.fill_between(pairs["similarity"], share, color=colour, alpha=0.35, step="mid")
        axes.plot(pairs["similarity"], share, color=colour, drawstyle="steps-mid", label=label)
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel("cosine of two faces; dotted: the merge threshold")
    axes.set_ylabel("% of the pairs")
    axes.legend(frameon=False)
    sure = pairs["one_photo"].astype(float)
    over, total = sure[pairs["similarity"] >= threshold].sum(), sure.sum()
    _title(axes, f"{over:,.0f} of {total:,.0f} pairs in one photo reach it{_share(over, total)}")
    return chart


def review(people: pd.DataFrame) -> Chart:
    """Of `review`: on how many people somebody decided, event by event."""
    some = people.sort_values("people").tail(MOST_EVENTS)
    colours = {"linked": GREEN, "invited": BLUE, "reviewed": PALE, "ignored": ORANGE}
    parts = {name: (some[name], colour) for name, colour in colours.items()}
    parts["awaiting"] = (some["awaiting"], GREY)
    chart, axes = _chart(1 + 0.35 * len(some))
    _bars(axes, _short(some["event_id"]), parts)
    total = int(people["people"].sum())
    done = total - int(people["awaiting"].sum())
    _title(axes, f"{done:,} of {total:,} people are decided on{_share(done, total)}")
    return chart


def decisions(log: pd.DataFrame) -> Chart:
    """Of `decisions`: how they add up, by kind, over the minutes in which any was taken."""
    chart, axes = _chart(3)
    table = log.pivot_table(index="minute", columns="kind", values="decisions", aggfunc="sum")
    growing = table.sort_index().fillna(0).cumsum()
    growing = growing[growing.iloc[-1].sort_values(ascending=False).index] if len(table) else table
    place = np.arange(1, len(growing) + 1)
    axes.stackplot(
        place, *[growing[kind] for kind in growing], labels=growing.columns.tolist(), alpha=0.8
    )
    axes.set_xlabel("minutes in which somebody decided")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(growing):
        axes.legend(frameon=False, loc="upper left")
    total = int(log["decisions"].sum())
    _title(axes, f"{total:,} decisions in {len(growing):,} minutes")
    return chart


def _chart(height: float) -> tuple[Chart, Axes]:
    chart = Chart(figsize=(9, max(height, 1.6)), layout="constrained")
    axes = chart.subplots()
    _plain(axes)
    return chart, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)


def _bars(
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
        axes.barh(place, numbers, left=left, color=colour, label=label)
        left = left + numbers
    axes.set_yticks(place, names)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if legend:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def _short(ids: pd.Series) -> list[str]:
    return [str(each)[:8] for each in ids]


def _share(part: float, whole: float) -> str:
    return f" ({100 * part / whole:.0f} %)" if whole else ""


def _last(rows: pd.DataFrame, column: str) -> str:
    return f"{rows[column].iloc[-1]:,.0f}" if len(rows) else "No"


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", color=INK, fontsize=11, fontweight="bold")
