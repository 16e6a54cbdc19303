"""The declared list: each a sentence that should be true, and between which numbers it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

Severity = Literal["error", "warning"]
Observed = Mapping[str, float | None]
"""Column → number, or None where so few photos or faces give none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be set, as shares; the defaults are those of the settings."""

    churn: float = 0.01
    failed: float = 0.25
    noise: float = 0.98
    silhouette: float = -0.2
    cohesion: float = 0.3
    weak: float = 0.8
    coverage: float = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """A number that lies within [least, most]; a bound that is None does not exist.

    name: a sentence that should be true. asset: whose check it is. column: of what is observed. An
    error holds new people back, a warning only says so. about: what it means, for whoever reads it.
    optional: whether there may be no number, which is no failure then.
    """

    name: str
    asset: str
    column: str
    about: str
    severity: Severity = "error"
    least: float | None = None
    most: float | None = None
    optional: bool = False

    def holds(self, value: float | None) -> bool:
        """Whether this number is as it should be."""
        if value is None or isnan(value):
            return self.optional
        low = self.least is not None and value < self.least
        return not low and not (self.most is not None and value > self.most)


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met, and by which number."""

    expectation: Expectation
    observed: float | None

    def sentence(self) -> str:
        """For people: what should be true, what was seen."""
        of = self.expectation
        bounds = [("at least", of.least), ("at most", of.most)]
        asked = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
        seen = "nothing" if self.observed is None else f"{self.observed:.4g}"
        return f"{of.name.replace('_', ' ')}: {asked}, observed {seen}"

    def as_table(self) -> dict[str, Any]:
        """For the database."""
        of = self.expectation
        return {"name": of.name, "observed": self.observed, "least": of.least, "most": of.most}


def failures(observed: Observed, expectations: Iterable[Expectation]) -> list[Failure]:
    """Those that are not met, in their order."""
    seen = ((each, observed.get(each.column)) for each in expectations)
    return [Failure(each, value) for each, value in seen if not each.holds(value)]


def reason(failed: Iterable[Failure]) -> str:
    """For people: each expectation that was not met, with the number."""
    return "; ".join(each.sentence() for each in failed)


def errors(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    """Those that hold new people back."""
    return tuple(each for each in expectations if each.severity == "error")


def of_grouping(expectations: Iterable[Expectation]) -> tuple[Expectation, ...]:
    """The errors that a grouping, and what it is made from, can have: they hold it back."""
    made_from = ("faces", "embeddings", "clusters")
    return tuple(each for each in errors(expectations) if each.asset in made_from)


def declared(limits: Limits | None = None) -> tuple[Expectation, ...]:
    """All of them, in the order in which the data is made; without limits those of the settings'
    defaults."""
    limits = limits or Limits()
    return (*_WAITING, *_photos(limits), *_faces(limits), *_people(limits), *_TAGS)


def _none(name: str, asset: str, column: str, about: str) -> Expectation:
    """An error: there is no such thing."""
    return Expectation(name, asset, column, about, most=0)


def _warning(name: str, asset: str, column: str, about: str, **bounds: float) -> Expectation:
    """A number that few photos or faces may not give."""
    return Expectation(name, asset, column, about, "warning", **bounds, optional=True)


def _timely(name: str, column: str, about: str) -> Expectation:
    """Nothing waits for too long; a warning, as new people are none the worse for it."""
    return Expectation(name, "media", column, about, "warning", most=0)


_WAITING = (
    _timely(
        "no_job_is_overdue",
        "jobs_overdue",
        "Jobs of the inbox that did not end within MEMORIA_OVERDUE_HOURS.",
    ),
    _timely(
        "no_erasure_is_overdue",
        "erasures_overdue",
        "Erasures that somebody asked for and that have not been carried out.",
    ),
    _timely(
        "no_photo_is_overdue",
        "photos_overdue",
        "Photos that have waited for their analysis longer than MEMORIA_OVERDUE_HOURS.",
    ),
    _timely(
        "no_partition_is_overdue",
        "partition_overdue",
        "1 where photos came or went and no run has followed within MEMORIA_OVERDUE_HOURS.",
    ),
    _none(
        "no_face_data_is_kept_past_its_date",
        "media",
        "faces_past_date",
        "Faces of an event that is over, or whose retention ended more than two hours ago.",
    ),
)


def _photos(limits: Limits) -> tuple[Expectation, ...]:
    return (
        _none(
            "every_photo_is_accounted_for",
            "faces",
            "photos_unaccounted",
            "After a run every photo is analysed, or has a reason why not.",
        ),
        _none(
            "every_found_face_is_stored",
            "faces",
            "faces_miscounted",
            "A photo has as many faces as its analysis found.",
        ),
        Expectation(
            "few_photos_are_unreadable",
            "faces",
            "failed_share",
            "Failed photos ÷ photos. A handful is bad luck, more is the storage or the model.",
            most=limits.failed,
            optional=True,
        ),
        Expectation(
            "the_detector_finds_the_faces_of_a_known_photo",
            "faces",
            "canary_wrong",
            "Faces missed or made up in a photo whose one face is known.",
            most=0,
            optional=True,
        ),
        _warning(
            "enough_photos_show_faces",
            "faces",
            "coverage",
            "Photos with faces ÷ photos.",
            least=limits.coverage,
        ),
    )


def _faces(limits: Limits) -> tuple[Expectation, ...]:
    return (
        _warning(
            "few_faces_are_weak",
            "faces",
            "weak_share",
            "Faces too small, blurred or turned to make a person (classes B and C) ÷ faces.",
            most=limits.weak,
        ),
        _none(
            "every_embedding_has_unit_length",
            "embeddings",
            "embeddings_off_length",
            "Every face has one vector of length 1, ready for cosine.",
        ),
    )


def _people(limits: Limits) -> tuple[Expectation, ...]:
    return (
        _none(
            "no_person_holds_two_faces_of_one_photo",
            "clusters",
            "impure",
            "Two faces in one photo are two people.",
        ),
        _none(
            "every_face_is_what_a_human_decided",
            "clusters",
            "violated",
            "No automatic run changed what a human decided.",
        ),
        Expectation(
            "faces_keep_their_mates",
            "clusters",
            "churn",
            "Old faces that got other mates as photos were added ÷ old faces.",
            most=limits.churn,
            optional=True,
        ),
        _warning(
            "few_faces_are_alone",
            "clusters",
            "noise_ratio",
            "Faces that are a person by themselves, or nobody, ÷ faces.",
            most=limits.noise,
        ),
        _warning(
            "people_differ_from_one_another",
            "clusters",
            "silhouette",
            "Silhouette by cosine distance, in [-1, 1].",
            least=limits.silhouette,
        ),
        _warning(
            "faces_of_one_person_are_alike",
            "clusters",
            "cohesion",
            "Mean cosine of a face with the others of its person.",
            least=limits.cohesion,
        ),
    )


_TAGS = (
    _none(
        "every_tag_by_a_face_is_of_who_that_is",
        "tags",
        "tags_astray",
        "A tag that came from a face names the member to whom its person is linked.",
    ),
    _none(
        "every_face_of_a_member_that_a_human_confirmed_is_a_tag",
        "tags",
        "tags_missing",
        "Photos with a confirmed face of a member have a tag of that member, unless taken off.",
    ),
)
