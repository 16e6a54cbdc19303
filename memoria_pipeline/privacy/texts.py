"""What people agree to, word for word, by purpose, version and language.

A version that somebody agreed to is never changed: a new wording is a new version, put last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Purpose = Literal["grouping", "own_photos", "other_events"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
UNKNOWN = "sql"
"""The version of whoever turned the switch without showing anybody a text."""


@dataclass(frozen=True, slots=True)
class Text:
    """title: what the box that is ticked says. body: what it means, below it."""

    version: str
    title: str
    body: str


def latest(purpose: Purpose, language: str) -> Text:
    """What is shown now; in English where a language has no text."""
    version, by_language = list(_TEXTS[purpose].items())[-1]
    title, body = by_language.get(language, by_language["en"])
    return Text(version, title, body)


def current(purpose: Purpose) -> str:
    """The version that is shown now."""
    return latest(purpose, "en").version


def versions(purpose: Purpose) -> list[str]:
    """All versions that were ever shown, the oldest first."""
    return list(_TEXTS[purpose])


def said(purpose: Purpose, version: str, language: str) -> Text:
    """What somebody agreed to. Raises KeyError where there never was such a text."""
    title, body = _TEXTS[purpose][version][language]
    return Text(version, title, body)


_TEXTS: Mapping[Purpose, Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "grouping": {
        "2026-1": {
            "en": (
                "I allow the automatic analysis of faces",
                "Faces in the photos of this event are then found and grouped, so that you can say "
                "who is who. No one is tagged unless a human confirms it; the data stays in this "
                "event and is erased with it. Whoever is in the photos must know about it.",
            ),
            "fr": (
                "J'autorise l'analyse automatique des visages",
                "Les visages des photos de cet événement sont alors repérés et regroupés, pour que "
                "vous puissiez dire qui est qui. Personne n’est tagué sans qu’un humain le "
                "confirme ; les données restent dans cet événement et sont effacées avec lui. Les "
                "personnes photographiées doivent en être informées.",
            ),
        }
    },
    "own_photos": {
        "2026-1": {
            "en": (
                "Find the photos that I am on, by a selfie",
                "Your selfie is looked at once and then thrown away. What is kept is a description "
                "of your face by numbers: it is compared with the faces of this event only, to "
                "propose the photos that you are on; a human confirms them. It is erased when you "
                "take this back, when the event is archived, or when its retention ends.",
            ),
            "fr": (
                "Trouver les photos où je suis, à partir d’un selfie",
                "Votre selfie est regardé une seule fois, puis détruit. Ce qui reste est une "
                "description chiffrée de votre visage : elle n’est comparée qu’aux visages de cet "
                "événement, pour proposer les photos où vous êtes ; un humain les confirme. Elle "
                "est effacée si vous retirez cet accord, quand l’événement est archivé ou quand sa "
                "durée de conservation est écoulée.",
            ),
        }
    },
    "other_events": {
        "2026-1": {
            "en": (
                "Recognise me here by my photos of other events",
                "Faces that were confirmed as yours in other events that you belong to are then "
                "compared with the faces of this event, in memory: nothing is copied from one "
                "event to another. You can take this back at any time.",
            ),
            "fr": (
                "Me reconnaître ici grâce à mes photos d’autres événements",
                "Les visages confirmés comme les vôtres dans d’autres événements dont vous faites "
                "partie sont alors comparés aux visages de cet événement, en mémoire : rien n’est "
                "copié d’un événement à l’autre. Vous pouvez retirer cet accord à tout moment.",
            ),
        }
    },
}
