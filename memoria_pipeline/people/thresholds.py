"""The calibrated numbers that grouping needs; they belong to a model pack, never to the code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

OPTIONAL = {"trust_faces", "stranger", "stranger_90", "far"}
"""What a calibration may lack."""


@dataclass(frozen=True, slots=True)
class Certainty:
    """What makes p(same person) of a pack, fitted to groupings that the machine made.

    Each p is logistic in a sum. Of a face in a group: own × its cosine with the rest + margin × how
    far that is above the nearest other person + base. Of a face that is alone: alone × its cosine
    with the nearest other person + alone_base; the weight is negative. Of two groups that were left
    apart: pair × the cosine of their means + pair_base; `candidates` adds how large they are. Older
    calibrations have further numbers, of which nothing is made.
    """

    own: float
    margin: float
    base: float
    alone: float
    alone_base: float
    pair: float
    pair_base: float

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> "Certainty | None":
        """From the entries p_… of a pack's table; None where there are none.

        Raises ValueError when only some are there.
        """
        names = [field.name for field in fields(cls)]
        missing = [f"p_{name}" for name in names if f"p_{name}" not in numbers]
        if len(missing) == len(names):
            return None
        if missing:
            raise ValueError(f"The pack's thresholds lack {', '.join(missing)}; calibrate it.")
        return cls(**{name: float(numbers[f"p_{name}"]) for name in names})

    def moved(self, share: float) -> "Certainty":
        """The same where all cosines were moved by a share: c became share + (1 - share) c.

        Differences of cosines shrink, and a cosine is worth what it was before.
        """
        wider = 1 / (1 - share)
        return replace(
            self,
            own=self.own * wider,
            margin=self.margin * wider,
            base=self.base - self.own * share * wider,
            alone=self.alone * wider,
            alone_base=self.alone_base - self.alone * share * wider,
            pair=self.pair * wider,
            pair_base=self.pair_base - self.pair * share * wider,
        )

    def as_table(self) -> dict[str, float]:
        """What `of` reads."""
        return {f"p_{name}": value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Cosines of one model pack, as `memoria lab calibrate` wrote them.

    merge: two groups are one person from this similarity of their means on.
    attach: a weak or left-over face may join a trusted group from here on …
    margin: … when it is this much nearer to it than to the runner-up.
    trust: mean cosine between a group's faces from which on it is trusted; blur stays below.
    slope, even: p(same person) of a face and a person is logistic, with this slope, and is one half
        at the cosine `even`; only a calibration without `certainty` is judged by it.
    trust_faces: faces that a trusted group has at least.
    stranger, stranger_90, far: median cosine of two people, what a tenth of their pairs exceed, and
        the share of the pairs that reach `merge`; an event is compared with them. None in older
        calibrations: then nothing is compared. Nor is `far` where it is 0, because that only says
        that too few pairs were seen.
    certainty: what makes p; None in calibrations from before there was one.
    """

    merge: float
    attach: float
    margin: float
    trust: float
    slope: float
    even: float
    trust_faces: float = 3
    stranger: float | None = None
    stranger_90: float | None = None
    far: float | None = None
    certainty: Certainty | None = None

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
        known = [field.name for field in fields(cls) if field.name != "certainty"]
        missing = sorted(set(known) - OPTIONAL - set(numbers))
        if missing:
            raise ValueError(f"The pack's thresholds lack {', '.join(missing)}; calibrate it.")
        plain = {name: float(numbers[name]) for name in known if name in numbers}
        return cls(**plain, certainty=Certainty.of(numbers))

    def as_table(self) -> dict[str, float]:
        """What `of` reads."""
        plain = {
            field.name: float(value)
            for field in fields(self)
            if field.name != "certainty" and (value := getattr(self, field.name)) is not None
        }
        return plain | (self.certainty.as_table() if self.certainty else {})
