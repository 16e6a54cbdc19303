"""The calibrated numbers that grouping needs; they belong to a model pack, never to the code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosines of one model pack, as `memoria lab calibrate` wrote them.

    merge: two groups are one person from this similarity of their means on.
    attach: a weak or left-over face may join a trusted group from here on …
    margin: … when it is this much nearer to it than to the runner-up.
    trust: mean cosine between a group's faces from which on it is trusted; blur stays below.
    slope, even: p(same person) of a face and a person is logistic, with this slope, and is one half
        at the cosine `even`.
    trust_faces: faces that a trusted group has at least.
    """

    merge: float
    attach: float
    margin: float
    trust: float
    slope: float
    even: float
    trust_faces: float = 3

    def __post_init__(self) -> None:
        """Raise ValueError for cosines that cannot be."""
        for name in ("merge", "attach", "trust"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"The threshold {name} is {getattr(self, name)}; give it in (0, 1]."
                )

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> "Thresholds":
        """From a pack's table; other entries of the table are left aside.

        Raises ValueError when one is missing.
        """
        known = [field.name for field in fields(cls)]
        missing = sorted(set(known) - {"trust_faces"} - set(numbers))
        if missing:
            raise ValueError(f"The pack's thresholds lack {', '.join(missing)}; calibrate it.")
        return cls(**{name: float(numbers[name]) for name in known if name in numbers})

    def as_table(self) -> dict[str, float]:
        """What `of` reads."""
        return asdict(self)
