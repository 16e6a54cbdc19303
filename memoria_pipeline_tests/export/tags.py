"""Made-up tags of made-up photos, with the names that people really have."""

from datetime import UTC, datetime
from uuid import UUID

from memoria_pipeline.export.album import Box, Photo, Row, photos

WHEN = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
ORGANISER = UUID(int=1)
AWKWARD = (
    "Zoë Müller-O'Brien",
    '<b>Ada & "Lovelace"</b>',
    "李小龍",
    "Renée\nand Sons, Ltd.",
    "👩‍👩‍👧 Team",
    "]]> ?> <!--",
)
BOX: Box = (0.1, 0.2, 0.2, 0.4)


def row(name: str | None = "Ada", key: str = "a.jpg", user: int = 7, **more: object) -> Row:
    given: dict[str, object] = {
        "media": UUID(int=hash(key) % 2**64),
        "key": key,
        "width": 640,
        "height": 480,
        "user": UUID(int=user),
        "name": name,
        "source": "face_clustering",
        "box": BOX,
        "face": UUID(int=9),
        "by": ORGANISER,
        "at": WHEN,
        **more,
    }
    return Row(**given)  # type: ignore[arg-type]


def photo(*names: str) -> Photo:
    """One photo with these people on it, side by side."""
    boxes = [(0.15 * i, 0.2, 0.1, 0.3) for i in range(len(names))]
    found = photos(
        row(name, user=i, box=box) for i, (name, box) in enumerate(zip(names, boxes, strict=True))
    )
    return found[0]
