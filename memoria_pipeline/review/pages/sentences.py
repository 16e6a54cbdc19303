"""Decisions and runs in sentences, in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memoria_pipeline.review.pages.frame import Frame
from memoria_pipeline.review.words import Words
from memoria_pipeline.store.shown import people
from memoria_pipeline.store.shown.history import DecisionShown


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One decision, as its event's organisers read it."""

    id: UUID
    text: str
    by: str
    at: datetime
    undone: bool
    can_undo: bool


def history_lines(frame: Frame, found: Iterable[DecisionShown]) -> list[HistoryLine]:
    """Decisions as lines, with whom they are about."""
    rows = list(found)
    names = _names(frame, rows)
    unknown = frame.words.gettext("somebody")
    return [
        HistoryLine(
            each.id,
            _sentence(frame.words, each, names),
            each.actor_name or unknown,
            each.created_at,
            each.undone,
            not each.undone and each.kind != "undo",
        )
        for each in rows
    ]


def _names(frame: Frame, rows: Iterable[DecisionShown]) -> dict[UUID, str | None]:
    about = {one for each in rows for one in (each.person_id, each.other_person_id) if one}
    found = people.of(frame.conn, frame.event.id, about)
    return {each.id: each.name or each.invitation_email for each in found.values()}


def _sentence(words: Words, each: DecisionShown, names: Mapping[UUID, str | None]) -> str:
    _ = words.gettext
    nobody = _("someone without a name")
    who = (names.get(each.person_id) if each.person_id else None) or nobody
    other = (names.get(each.other_person_id) if each.other_person_id else None) or nobody
    faces = words.ngettext("%(num)d face", "%(num)d faces", each.faces) % {"num": each.faces}
    user = each.user_name or _("a member")
    texts = {
        "confirm": _("%(faces)s confirmed as %(who)s"),
        "reject": _("%(faces)s not %(who)s"),
        "merge": _("%(other)s and %(who)s are one person"),
        "split": _("%(faces)s of %(who)s: someone else"),
        "move": _("%(faces)s moved to %(other)s"),
        "ignore": _("%(who)s ignored") if each.person_id else _("%(faces)s ignored"),
        "not_a_face": _("%(faces)s: not a face"),
        "assign": _("identified as %(user)s"),
        "invite": _("invited: %(email)s"),
        "unassign": _("not identified any more"),
        "undo": _("a decision undone"),
    }
    about = {"faces": faces, "who": who, "other": other, "user": user, "email": each.email or "—"}
    text = texts[each.kind] % about
    return text[:1].upper() + text[1:]
