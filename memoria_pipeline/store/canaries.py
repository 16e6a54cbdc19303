"""What each pack last made of the photo whose faces are known, so that not every run looks."""

from dataclasses import dataclass

import sqlalchemy as sa

HOURS = 1.0
"""So long a good look counts; a bad one is looked at again by every run."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The known faces that a pack missed, and what it took for a face."""

    missed: int
    surplus: int

    @property
    def wrong(self) -> int:
        """Both."""
        return self.missed + self.surplus


def fresh(conn: sa.Connection, model: str, settings: str) -> Canary | None:
    """The last look with this pack and these settings, where it was good and is not old."""
    row = conn.execute(
        sa.text(
            "select missed, surplus from memoria.canaries"
            " where model = :model and settings = :settings and missed + surplus = 0"
            " and looked_at > now() - make_interval(secs => 3600 * :hours)"
        ),
        {"model": model, "settings": settings, "hours": HOURS},
    ).first()
    return None if row is None else Canary(*row)


def newest(conn: sa.Connection, model: str) -> Canary | None:
    """The last look with this pack, however it was set."""
    row = conn.execute(
        sa.text(
            "select missed, surplus from memoria.canaries where model = :model"
            " order by looked_at desc limit 1"
        ),
        {"model": model},
    ).first()
    return None if row is None else Canary(*row)


def save(conn: sa.Connection, model: str, settings: str, seen: Canary) -> None:
    """Keep a look; the settings are a text without a path."""
    conn.execute(
        sa.text(
            "insert into memoria.canaries (model, settings, missed, surplus)"
            " values (:model, :settings, :missed, :surplus)"
            " on conflict (model, settings) do update set missed = excluded.missed,"
            " surplus = excluded.surplus, looked_at = now()"
        ),
        {"model": model, "settings": settings, "missed": seen.missed, "surplus": seen.surplus},
    )
