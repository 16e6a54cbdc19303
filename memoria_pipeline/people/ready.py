"""Whether an event's faces are worth grouping yet."""

LEAST_FACES = 10
LEAST_ANALYSED = 0.8


def enough(faces: int, photos: int, analysed: int) -> bool:
    """The rule that other applications rely on: 10 faces, and 80 % of the photos are analysed."""
    return faces >= LEAST_FACES and analysed >= LEAST_ANALYSED * photos
