"""Who is not to be shown in an event, and what of a photo a viewer therefore gets."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.vision.hide import WHOLE, Box


@dataclass(frozen=True, slots=True)
class Shown:
    """What a viewer gets of a photo. everything: the viewer is an organiser, now.

    boxes: what is painted over. sha256: the bytes that the boxes are of; None where any will do.
    withheld: nobody knows who is on the photo, while somebody is not to be shown.
    """

    everything: bool
    boxes: tuple[Box, ...] = ()
    sha256: str | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Veil:
    """Of one photo: who sees all of it, who is hidden in its event, and where on it.

    faces: whose (None: nobody knows, so it may be theirs) and where. sha256: of the photo as it was
    analysed; None where it was not.
    """

    organisers: frozenset[UUID]
    hidden: frozenset[UUID]
    sha256: str | None
    faces: tuple[tuple[UUID | None, Box], ...]

    def shown_to(self, is_viewer: Callable[[UUID], bool]) -> Shown:
        """What the user gets whom `is_viewer` knows; a user that it knows nobody of, the least."""
        if any(map(is_viewer, self.organisers)):
            return Shown(everything=True)
        others = {each for each in self.hidden if not is_viewer(each)}
        if not others:
            return Shown(everything=False)
        boxes = sorted({box for who, box in self.faces if who is None or who in others})
        return Shown(False, tuple(boxes), self.sha256, withheld=self.sha256 is None)


def veil(conn: sa.Connection, event_id: UUID, media_id: UUID) -> Veil:
    """What of this photo is not for everybody."""
    row = conn.execute(_VEIL, {"event": event_id, "media": media_id}).one()
    faces = tuple((_id(each["who"]), box_of(each["box"])) for each in row.faces)
    return Veil(frozenset(row.organisers), frozenset(row.hidden), row.sha256, faces)


def by_key(
    conn: sa.Connection, event_id: UUID, keys: Sequence[str], viewer: UUID | None
) -> dict[str, Shown]:
    """The photos with these storage keys → what this user gets of each."""
    rows = conn.execute(_BY_KEY, {"event": event_id, "keys": list(keys)}).all()
    return {
        row.storage_key: veil(conn, event_id, row.id).shown_to(lambda user: user == viewer)
        for row in rows
    }


_BY_KEY = sa.text(
    "select id, storage_key from memoria.media"
    " where event_id = :event and storage_key = any (:keys) order by storage_key"
)
_VEIL = sa.text(
    "select organisers, hidden, sha256, faces from memoria.api_veil(:event, :media) as v"
)


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def box_of(given: Any) -> Box:
    """A box as it is stored; what says no place is the whole photo. Applications write some."""
    if not isinstance(given, Mapping):
        return WHOLE
    sides = [each for each in map(given.get, "xywh") if isinstance(each, int | float)]
    if len(sides) < 4 or not all(map(math.isfinite, sides)):
        return WHOLE
    return (sides[0], sides[1], sides[2], sides[3])


def hide(conn: sa.Connection, event_id: UUID, user: UUID, *, hidden: bool) -> bool:
    """Hide this member from viewers, or show them again; whether they are hidden now.

    A member decides for itself; organisers hide others, and take back only what organisers did.
    The database refuses whoever else asks, and users that are in no such event.
    """
    values = {"event": event_id, "user": user, "hide": hidden}
    return bool(conn.execute(_HIDE, values).scalar_one())


_HIDE = sa.text("select memoria.hide(:event, :user, :hide)")


def of_event(conn: sa.Connection, event_id: UUID) -> dict[UUID, bool]:
    """Who is hidden, as far as the caller may know → whether they asked for it themselves."""
    rows = conn.execute(_OF_EVENT, {"event": event_id})
    return {row.user_id: row.by_self for row in rows}


def known_on(conn: sa.Connection, event_id: UUID) -> int:
    """On how many photos the caller's face, or a tag of theirs, is known: where hiding can help."""
    found: int = conn.execute(_KNOWN_ON, {"event": event_id}).scalar_one()
    return found


_KNOWN_ON = sa.text(
    "select count(*)::integer from ("
    " select f.media_id from memoria.faces f where f.event_id = :event"
    "  and f.face_person_id in (select memoria.my_persons())"
    " union select t.media_id from memoria.media_tags t where t.event_id = :event"
    "  and t.tagged_user_id = memoria.current_user_id()) as known"
)
_OF_EVENT = sa.text("select user_id, by_self from memoria.hidden where event_id = :event")
