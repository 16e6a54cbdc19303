"""Charts of the analysts' views. Each takes a table and says in its title what it shows.

Tables may be empty, but for a comparison, which `reading.newest_comparison` refuses then.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from memoria_pipeline.analyst import canvas
from memoria_pipeline.analyst.canvas import BLUE, GREEN, GREY, INK, ORANGE, PALE, RED, Chart

MOST_EVENTS = 15
"""Bars in a chart of events: the largest; more would not be read."""


def coverage(events: pd.DataFrame) -> Chart:
    """Of `event_coverage`: on which photos somebody is to be seen, event by event."""
    some = events.sort_values("photos").tail(MOST_EVENTS)
    parts = {
        "with faces": (some["photos_with_faces"], BLUE),
        "nobody on it": (some["analysed"] - some["photos_with_faces"], PALE),
        "unreadable": (some["failed"], RED),
        "not analysed yet": (some["photos"] - some["analysed"] - some["failed"], GREY),
    }
    chart, axes = canvas.chart(1 + 0.35 * len(some))
    canvas.bars(axes, _short(some["event_id"]), parts)
    total, shown = int(events["photos"].sum()), int(events["photos_with_faces"].sum())
    canvas.title(
        axes, f"Somebody is to be seen on {shown:,} of {total:,} photos{_share(shown, total)}"
    )
    return chart


def throughput(minutes: pd.DataFrame) -> Chart:
    """Of `throughput`: photos and faces by the minute in which they were analysed."""
    chart, axes = canvas.chart(3)
    sums = minutes.groupby("minute")[["photos", "faces", "seconds"]].sum().astype(float)
    place = np.arange(1, len(sums) + 1)  # one beside the other: pauses say nothing
    axes.bar(place, sums["photos"], color=PALE, width=0.9, label="photos")
    axes.plot(place, sums["faces"], color=BLUE, marker="o", markersize=3, label="faces found")
    axes.set_xlabel("minutes in which photos were analysed")
    canvas.counted(axes, len(sums))
    if len(sums):
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    photos, seconds = sums["photos"].sum(), sums["seconds"].sum()
    speed = f", {seconds / photos:.2f} s of detection each" if photos else ""
    canvas.title(axes, f"{_count(int(photos), 'photo')} analysed in {_minutes(sums)}{speed}")
    return chart


def failures(reasons: pd.DataFrame) -> Chart:
    """Of `photo_failures`: why photos could not be analysed."""
    counts = reasons.groupby("error_code")["photos"].sum().sort_values()
    chart, axes = canvas.chart(1 + 0.35 * len(counts))
    canvas.bars(axes, [str(each) for each in counts.index], {"photos": (counts, RED)}, legend=False)
    total = int(counts.sum())
    canvas.title(
        axes,
        f"{_count(total, 'photo')} could not be analysed" if total else "Every photo was readable",
    )
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
        canvas.plain(axes)
        for name, colour in columns.items():
            values = runs[name].to_numpy(float)
            axes.plot(place[shown], values[shown], color=colour, marker="o", label=name)
            axes.plot(place[~shown], values[~shown], color=colour, marker="x", linestyle="none")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        canvas.counted(axes, len(runs))
    canvas.people_or_share(people, "persons")
    canvas.people_or_share(sound, "silhouette")
    sound.set_xlabel("groupings, the oldest first; × waits or is held, and is not shown to anybody")
    canvas.title(
        people, f"{_last(runs[shown], 'persons')} people; groupings shown so far: {shown.sum()}"
    )
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
    # Hollow and dashed over full: where both agree, both are to be seen.
    looks: Mapping[str, Mapping[str, Any]] = {
        "constrained": {"color": BLUE, "marker": "o", "markersize": 6},
        "hdbscan": {"color": ORANGE, "marker": "o", "markersize": 10, "linestyle": "--"},
    }
    for axes, (name, about) in zip(chart.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        canvas.plain(axes)
        for method, look in looks.items():
            rows = _by_default(compared[compared["method"] == method])
            place = range(1, len(rows) + 1)
            axes.plot(place, rows[name], markerfacecolor="none", label=method, **look)
        axes.set_title(about, fontsize=9, color=INK)
        canvas.people_or_share(axes, name)
        canvas.counted(axes, compared["compared_at"].nunique())
    chart.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    chart.suptitle("Both methods on the same faces, comparison by comparison", color=INK)
    return chart


def _by_default(rows: pd.DataFrame) -> pd.DataFrame:
    """The middle of each comparison's grid: the pack's threshold, tightened for the event."""
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
        canvas.plain(axes)
        axes.plot(tried["threshold"], tried[name], color=BLUE, marker="o")
        axes.axvline(now, color=INK, linewidth=1, linestyle=":")
        for value in other[name]:
            axes.axhline(value, color=ORANGE, linewidth=1.5, linestyle="--")
        axes.set_title(about, fontsize=9, color=INK)
        canvas.people_or_share(axes, name)
    fewest, most = int(tried["persons"].min()), int(tried["persons"].max())
    says = f"From {fewest:,} to {most:,} people, by the threshold"
    if fewest == most:
        says = f"{_count(most, 'person', 'people')}, whichever of these thresholds"
    chart.supxlabel(f"merge threshold; dotted: {now:g}, in use; dashed: hdbscan", fontsize=9)
    chart.suptitle(says, color=INK)
    return chart


def similarities(pairs: pd.DataFrame, threshold: float) -> Chart:
    """Of one comparison: how alike two faces are that are one person's, and two people's."""
    chart, axes = canvas.chart(3.2)
    pairs = _evenly(pairs)
    kinds = {"other_person": GREY, "one_photo": RED, "same_person": GREEN}
    labels = ("two people", "two people for sure: in one photo", "one person")
    for (kind, colour), label in zip(kinds.items(), labels, strict=True):
        total = max(float(pairs[kind].sum()), 1)
        share = 100 * pairs[kind] / total
        axes.fill_between(pairs["similarity"], share, color=colour, alpha=0.35, step="mid")
        axes.plot(pairs["similarity"], share, color=colour, drawstyle="steps-mid", label=label)
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=":")
    axes.set_xlabel("cosine of two faces; dotted: the merge threshold")
    axes.set_ylabel("% of the pairs")
    axes.legend(frameon=False)
    sure = pairs["one_photo"]
    over, total = sure[pairs["similarity"] >= threshold].sum(), sure.sum()
    canvas.title(
        axes,
        f"Pairs of strangers in one photo: {total:,.0f}; as alike as one person's:"
        f" {over:,.0f}{_share(over, total)}",
    )
    return chart


def _evenly(pairs: pd.DataFrame) -> pd.DataFrame:
    """The bins, about 50 of one width; those without a pair are stored nowhere, and are 0 here."""
    middle = pairs["similarity"].astype(float)
    width = 0.01 * max(1, round((middle.max() - middle.min()) / 0.01 / 50)) if len(pairs) else 0.01
    place = np.floor(middle / width).astype(int)
    sums = pairs[["one_photo", "same_person", "other_person"]].astype(float).groupby(place).sum()
    every = sums.reindex(range(int(sums.index.min()), int(sums.index.max()) + 1), fill_value=0.0)
    return every.assign(similarity=(every.index + 0.5) * width)


def review(people: pd.DataFrame) -> Chart:
    """Of `review`: on how many people somebody decided, event by event."""
    some = people.sort_values("people").tail(MOST_EVENTS)
    colours = {"linked": GREEN, "invited": BLUE, "reviewed": PALE, "ignored": ORANGE}
    parts = {name: (some[name], colour) for name, colour in colours.items()}
    parts["awaiting"] = (some["awaiting"], GREY)
    chart, axes = canvas.chart(1 + 0.35 * len(some))
    canvas.bars(axes, _short(some["event_id"]), parts)
    total = int(people["people"].sum())
    done = total - int(people["awaiting"].sum())
    canvas.title(axes, f"{done:,} of {total:,} people are decided on{_share(done, total)}")
    return chart


def decisions(log: pd.DataFrame) -> Chart:
    """Of `decisions`: how they add up, by kind, over the minutes in which any was taken."""
    chart, axes = canvas.chart(3)
    table = log.pivot_table(index="minute", columns="kind", values="decisions", aggfunc="sum")
    growing = table.sort_index().fillna(0).cumsum()
    growing = growing[growing.iloc[-1].sort_values(ascending=False).index] if len(table) else table
    place, below = np.arange(1, len(growing) + 1), np.zeros(len(growing))
    for kind in growing:
        axes.bar(place, growing[kind], bottom=below, width=1, label=str(kind))
        below = below + growing[kind].to_numpy(float)
    axes.set_xlabel("minutes in which somebody decided")
    canvas.counted(axes, len(growing))
    if len(growing):
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    total = int(log["decisions"].sum())
    said = f"{_count(total, 'decision')} in {_minutes(growing)}"
    canvas.title(axes, said if total else "Nobody has decided on anything yet")
    return chart


def _short(ids: pd.Series) -> list[str]:
    return [str(each)[:8] for each in ids]


def _share(part: float, whole: float) -> str:
    return f" ({100 * part / whole:.0f} %)" if whole else ""


def _minutes(rows: pd.DataFrame) -> str:
    return _count(len(rows), "minute")


def _count(n: int, one: str, more: str = "") -> str:
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def _last(rows: pd.DataFrame, column: str) -> str:
    return f"{rows[column].iloc[-1]:,.0f}" if len(rows) else "No"
