"""Every text that a person reads is there in English and in French."""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import memoria_pipeline.review
from memoria_pipeline.privacy.texts import latest

ROOM = Path(memoria_pipeline.review.__file__).parent
TEMPLATES = sorted((ROOM / "templates").glob("*.html"))
Text = str | tuple[str, ...]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
SAME_IN_BOTH = {"Memoria", "English", "Français", "Enter", "Esc"}
PLACE = re.compile(r"%\(\w+\)s|%\(\w+\)d|%s|\{\w+\}")


def texts() -> Iterator[Text]:
    """All that the pages and mails say."""
    for path in [*sorted(ROOM.rglob("*.py")), *TEMPLATES]:
        method = "python" if path.suffix == ".py" else "jinja2.ext.babel_extract"
        options = {} if path.suffix == ".py" else {"silent": "false"}
        with path.open("rb") as file:
            for _, text, _, _ in extract(method, file, keywords=KEYWORDS, options=options):
                yield text


def french() -> dict[Text, Text]:
    with (ROOM / "locale" / "fr.po").open("rb") as file:
        catalog = read_po(file, locale="fr")
    return {_text(each.id): _text(each.string) for each in catalog if each.id}


def _text(given: Iterable[str] | None) -> Text:
    return given if isinstance(given, str) else tuple(given or ())


def test_every_text_is_translated() -> None:
    known = french()
    assert [text for text in texts() if not all(_parts(known.get(text, "")))] == []


def test_no_translation_is_left_over() -> None:
    assert french().keys() - set(texts()) == set()


def test_a_translation_fills_in_the_same_things() -> None:
    for text, translated in french().items():
        for one, other in zip(_parts(text), _parts(translated), strict=True):
            assert sorted(PLACE.findall(one)) == sorted(PLACE.findall(other)), one


def _parts(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


class Bare(HTMLParser):
    """Texts of a template that no `_()` is around; what Jinja writes is taken out before."""

    READ = ("alt", "aria-label", "placeholder", "title")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += re.findall(r"[^\W\d_]{2,}", data)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in self.READ or name.startswith("data-selected-"):
                self.handle_data(value or "")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_says_nothing_in_one_language_only(template: Path) -> None:
    bare, shown = Bare(), re.sub(r"\{% block body %\}.*", "", template.read_text())
    bare.feed(re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", "", shown, flags=re.S))
    assert set(bare.found) <= SAME_IN_BOTH


def test_the_notice_is_worded_as_people_agreed_to_it() -> None:
    notice = latest("grouping", "fr")
    assert notice.title == "J'autorise l'analyse automatique des visages"
