"""What templates are given: rows as people read them, with addresses of their pictures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from memoria_pipeline.review.signed import Signer
from memoria_pipeline.store.shown.faces import FaceShown
from memoria_pipeline.store.shown.members import MemberShown
from memoria_pipeline.store.shown.people import PersonShown
from memoria_pipeline.store.shown.photos import PhotoShown
from memoria_pipeline.store.shown.progress import Progress

TILE, LARGE, PHOTO, WHOLE = 256, 512, 640, 2048  # pixels, of signed.SIZES
KEYS = "123456789abcdefghjklmopqrtvwz"
"""Keys for names: all but those that mean something everywhere (i, n, s, u, x, y)."""


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person. name: of the member, or the address that was invited; None where nobody knows."""

    id: UUID
    name: str | None
    status: str
    faces: int
    photos: int
    version: int
    face_url: str | None
    email: str | None
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class FaceView:
    """A face cut out of its photo; x, y, w, h: its box, in [0, 1] of the photo."""

    id: UUID
    media_id: UUID
    url: str
    name: str | None
    person_id: UUID | None
    verdict: str | None
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member. key: the one that names this member in the queue, if there is one left."""

    user_id: UUID
    name: str
    role: str
    person_id: UUID | None
    key: str = ""


@dataclass(frozen=True, slots=True)
class ProgressView:
    """The line above an event. left: answers until all but one face in a hundred are right."""

    photos: int
    analysed: int
    failed: int
    people: int
    identified: int
    invited: int
    ignored: int
    pending: int
    left: int


@dataclass(frozen=True, slots=True)
class Views:
    """Makes views of one event's rows."""

    signer: Signer
    event: UUID

    def person(self, row: PersonShown, size: int = TILE, crop: UUID | None = None) -> PersonView:
        """One person, with the face that stands for it, or the face `crop`."""
        face = crop or row.representative_face_id
        return PersonView(
            row.id,
            row.name or (row.invitation_email if row.status == "invited" else None),
            row.status,
            row.face_count,
            row.photo_count,
            row.version,
            None if face is None else self.crop(face, size),
            row.invitation_email,
            row.linked_user_id,
        )

    def face(self, row: FaceShown, size: int = TILE) -> FaceView:
        """One face."""
        box = row.bbox
        return FaceView(
            row.id,
            row.media_id,
            self.crop(row.id, size),
            row.name,
            row.person_id,
            row.verdict if row.verdict in ("ignored", "not_a_face") else None,
            *(box[each] for each in "xywh"),
        )

    def crop(self, face: UUID, size: int = TILE) -> str:
        """The address of a face."""
        return self.signer.url("face", self.event, face, size)

    def photo(self, media: UUID, size: int = PHOTO) -> str:
        """The address of a photo."""
        return self.signer.url("photo", self.event, media, size)

    def photos(self, rows: Iterable[PhotoShown], first: int = 1) -> list[dict[str, object]]:
        """Photos, numbered: a file's name may say who is on it."""
        return [
            {"id": row.id, "url": self.photo(row.id), "number": number, "status": row.status}
            for number, row in enumerate(rows, first)
        ]


def named(row: MemberShown, key: str = "") -> MemberView:
    """A member, by name, else by address."""
    return MemberView(
        row.user_id, row.display_name or row.email or "—", row.role, row.person_id, key
    )


def keyed(rows: Iterable[MemberShown]) -> list[MemberView]:
    """Members with a key each, as long as there are keys; a key stays with its member while people
    are named, unless there are more members than keys: then it is for who has no person yet."""
    members = list(rows)
    few = len(members) <= len(KEYS)
    keys = iter(KEYS)
    return [named(each, "" if not few and each.person_id else next(keys, "")) for each in members]


def progress_view(found: Progress, by_status: Mapping[str, int]) -> ProgressView:
    """Counts for the line above an event; left: what naming and putting right still takes."""
    pending = by_status.get("pending", 0)
    return ProgressView(
        found.photos,
        found.analysed,
        found.failed,
        found.people,
        found.identified,
        found.invited,
        found.ignored,
        pending,
        left(found, pending),
    )


def left(found: Progress, pending: int) -> int:
    """About how many answers are left."""
    return max(found.answers_left.get("0.99") or 0, pending)
