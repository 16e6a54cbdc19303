"""English and French: which of them a request gets, and the texts of `locale/*.po`."""

import gettext
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

_LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "fr")
COOKIE = "memoria_language"


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says, in one language. Its texts are written in English."""

    language: str

    def gettext(self, text: str) -> str:
        """The text in this language; as it is where nobody translated it."""
        return translations(self.language).gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The one or the other, as the language counts."""
        return translations(self.language).ngettext(one, many, number)


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of a language, read once. English needs none."""
    path = _LOCALE / f"{language}.po"
    if language not in LANGUAGES or not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def words_of(request: Request) -> Words:
    """The language of `?lang=`, else of the cookie, else of the browser, else English."""
    for said in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return Words(said)
    return Words(preferred(request.headers.get("accept-language", "")))


def preferred(header: str) -> str:
    """The best of our languages by an Accept-Language header."""
    wanted = []
    for place, each in enumerate(header.split(",")[:20]):
        name, _, quality = each.partition(";q=")
        wanted.append((-_share(quality), place, name.strip().lower()[:2]))
    return next((name for q, _, name in sorted(wanted) if name in LANGUAGES and q < 0), "en")


def _share(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
