"""A grouping before it is published, as the columns that expectations look at."""

from collections.abc import Mapping
from typing import Any

FEW_PHOTOS = 5
"""So many unreadable photos are bad luck, whatever share of a small album they are: one bad photo
never stops an event."""

FEW_FACES = 20
"""Two people who turn out to be one are many per cent of a small album; so few faces are none."""


def candidate(kind: str, measures: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of a run of this kind: full, incremental or model; measures: as it keeps them.

    Churn counts where a run that should only place new faces moves old ones: whatever is grouped
    afresh waits for a human's approval instead. Parting who stood twice in a photo (impure_before)
    gives old faces other mates, and has to.
    """
    churn = measures.get("churn") if kind == "incremental" else None
    few = measures.get("churned", FEW_FACES) < FEW_FACES or measures.get("impure_before")
    return {
        "impure": measures.get("impure"),
        "violated": measures.get("violations"),
        "churn": None if few else churn,
        **{name: measures.get(name) for name in ("noise_ratio", "silhouette", "cohesion")},
    }


def failed_share(failed: int, photos: int) -> float | None:
    """Failed photos ÷ photos; None where it is a handful."""
    return None if failed <= FEW_PHOTOS else round(failed / photos, 4)
