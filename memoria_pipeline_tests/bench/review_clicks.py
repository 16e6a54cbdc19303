"""How many keys and clicks a fully tagged demo event needs, in Chromium, by somebody who knows all.

Who is who says the album's truth; the first eight members are the eight people. Undo, ignore, split
and merge are tried as well, and not counted: they put right what was tried.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Locator, expect

from memoria_pipeline.album import sample
from memoria_pipeline_tests.bench.browser import KEPT, Organiser, demo
from memoria_pipeline_tests.bench.figures import Row, show

MOST = 200
"""Questions after which something is wrong."""


@dataclass
class Knows:
    """Who each face of the demo event is, and which member that is."""

    organiser: Organiser
    identity: Mapping[UUID, str]
    names: Mapping[str, str]
    used: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    def press(self, key: str) -> None:
        """One key, counted."""
        self.organiser.page.keyboard.press(key)
        self.used += 1

    def answer_all(self) -> None:
        """Answer until nothing is asked any more."""
        for _ in range(MOST):
            question = self.organiser.page.locator(".question:not([hidden])")
            if not question.count():
                self.organiser.settled()
                if not question.count():
                    return
            self._answer(question)
        raise RuntimeError(f"More than {MOST} questions: {dict(self.asked)}")

    def _answer(self, question: Locator) -> None:
        number = str(question.get_attribute("data-question"))
        kind = str(question.get_attribute("data-kind"))
        self.asked[kind] += 1
        if self.asked[kind] == 1:
            self.organiser.picture(f"question-{kind}")
        row = self._row(number)
        {"name": self._name, "same_person": self._same, "mixed": self._mixed}.get(
            kind, self._other
        )(question, row)
        expect(self.organiser.page.locator(f"[data-question='{number}']")).to_have_count(0)

    def _row(self, question: str) -> Any:
        query = "select persons, faces from memoria.questions where id = cast(:id as uuid)"
        return self.organiser.stack.rows("memoria", query, id=question)[0]

    def who(self, person: UUID) -> str | None:
        """Whom most of a person's faces show; None for somebody who is nobody of the album."""
        faces = [self.identity.get(face) for face in self._faces(person)]
        known = Counter(each for each in faces if each is not None)
        return known.most_common(1)[0][0] if known else None

    def _faces(self, person: UUID) -> list[UUID]:
        query = "select id from memoria.faces where face_person_id = :person"
        return [row.id for row in self.organiser.stack.rows("memoria", query, person=person)]

    def _name(self, question: Locator, row: Any) -> None:
        who = self.who(row.persons[0])
        if who is None:
            self.press("i")
            return
        button = question.locator(f"[data-name='{self.names[who]}']")
        self.press(str(button.get_attribute("data-key")))

    def _same(self, question: Locator, row: Any) -> None:
        first, *others = (self.who(each) for each in row.persons)
        same = [i for i, each in enumerate(others) if each == first and first is not None]
        if same and len(same) < len(others):
            shown = question.locator("[data-toggle]")
            wanted = {str(row.persons[1 + i]) for i in same}
            for i in range(shown.count()):
                if shown.nth(i).get_attribute("value") in wanted:
                    self.press(str(shown.nth(i).get_attribute("data-key")))
            self.press("Enter")
        else:
            self.press("y" if same else "n")

    def _mixed(self, question: Locator, row: Any) -> None:
        own = self.who(row.persons[0])
        wrong = [each for each in row.faces if self.identity.get(each) != own]
        for face in wrong:
            question.locator(f"[data-toggle][value='{face}']").click()
            self.used += 1
        self.press("Enter" if wrong else "y")

    def _other(self, question: Locator, row: Any) -> None:
        self.press("y")


def knows(organiser: Organiser) -> Knows:
    """What the truth of the album says of the faces that were found."""
    album = organiser.stack.home / "sample-album"
    truth = sample.load_truth(album)
    rows = organiser.stack.rows("memoria", _FACES, event=organiser.event)
    identity: dict[UUID, str] = {}
    for photo in {row.storage_key for row in rows}:
        found = [row for row in rows if row.storage_key == photo]
        boxes = [[row.bbox[side] for side in "xywh"] for row in found]
        known = [each for each in truth if each.photo == Path(photo).name]
        for row, face in zip(found, sample.identify(boxes, known), strict=True):
            if face is not None:
                identity[row.id] = face.identity
    people = sorted(set(identity.values()))
    members = [row.display_name for row in organiser.stack.rows("memoria", _MEMBERS)]
    return Knows(organiser, identity, dict(zip(people, members, strict=False)))


_FACES = (
    "select f.id, f.bbox, m.storage_key from memoria.faces f join memoria.media m"
    " on m.id = f.media_id where f.event_id = :event and not f.lost"
)
_MEMBERS = (
    "select display_name from memoria.event_members where role = 'member'"
    " and display_name is not null order by display_name"
)


def rows(organiser: Organiser) -> Iterator[Row]:
    """From the event's page as it opens to one on which nothing is asked any more."""
    one = knows(organiser)
    people = len(set(one.identity.values()))
    organiser.go(organiser.here)
    organiser.picture("event")
    one.answer_all()
    organiser.settled()
    organiser.picture("event-tagged")
    each = one.used / people
    asked = ", ".join(f"{n} {kind}" for kind, n in one.asked.items())
    reached = f"{each:.2f} ({one.used} for {people} people: {asked})"
    yield "keys and clicks per person, demo event", "<= 1.30", reached, each <= 1.3
    yield _tagged(one, people)


def _tagged(one: Knows, people: int) -> Row:
    """Every photo on which somebody was found is tagged with them, by the face that is theirs."""
    names = {row.user_id: row.display_name for row in one.organiser.stack.rows("memoria", _USERS)}
    tags = one.organiser.stack.rows("memoria", _TAGS, event=one.organiser.event)
    right = sum(one.names[one.identity[t.face_id]] == names[t.user] for t in tags if t.face_id)
    found = one.organiser.stack.rows("memoria", _FACES, event=one.organiser.event)
    wanted = len({(r.storage_key, one.identity[r.id]) for r in found if r.id in one.identity})
    reached = f"{right} of {wanted} right, {len(tags) - right} wrong"
    good = right == len(tags) and right >= 0.98 * wanted
    return (
        f"tags of {people} people, of those that were found",
        ">= 98 %, none wrong",
        reached,
        good,
    )


_USERS = "select user_id, display_name from memoria.event_members"
_TAGS = (
    "select tagged_user_id as user, face_id from memoria.media_tags"
    " where event_id = :event and source = 'face_clustering'"
)


def quiet(organiser: Organiser) -> Row:
    """What the console said on all pages."""
    wrong = organiser.wrong
    reached = f"{len(wrong)} {wrong[0][:80] if wrong else ''}".strip()
    return "errors and warnings in the browser's console", "0", reached, not wrong


if __name__ == "__main__":

    def everything() -> Iterator[Row]:
        """These figures alone."""
        with demo() as one:
            yield from rows(one)
            yield quiet(one)

    sys.stderr.write(f"Screenshots are kept in {KEPT}.\n")
    sys.exit(show("Review of the demo event", everything()))
