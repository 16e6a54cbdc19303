"""The ledger of consents, as the caller sees and writes it; and selfies, which rest on one."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import sqlalchemy as sa

from memoria_pipeline.privacy.consent import Said
from memoria_pipeline.privacy.texts import Purpose
from memoria_pipeline.store.faces import STORED_DIMENSIONS
from memoria_pipeline.vision.model import Face


def saying(conn: sa.Connection, version: str, language: str) -> None:
    """For the rest of this transaction: whoever turns a switch was shown this text."""
    conn.execute(_SAYING, {"version": version, "language": language})


_SAYING = sa.text(
    "select set_config('memoria.text_version', :version, true),"
    " set_config('memoria.language', :language, true)"
)


def mine(conn: sa.Connection, event_id: UUID, user: UUID) -> list[Said]:
    """What the caller ever said in the event, the latest first."""
    rows = conn.execute(_MINE, {"event": event_id, "user": user})
    return [Said(**row._mapping) for row in rows]


_MINE = sa.text(
    "select seq, purpose, given, text_version, language, minor, guardian, guardian_user_id,"
    " recorded_at from memoria.consents where event_id = :event and user_id = :user"
    " order by seq desc"
)


def give(conn: sa.Connection, event_id: UUID, user: UUID, said: Said) -> None:
    """Into the ledger, on the caller's connection and in the caller's name."""
    conn.execute(_GIVE, {**asdict(said), "event": event_id, "user": user})


_GIVE = sa.text(
    "insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,"
    " recorded_by, minor, guardian, guardian_user_id) values (:event, :user, :purpose, :given,"
    " :text_version, :language, :user, :minor, :guardian, :guardian_user_id)"
)


def take_back(conn: sa.Connection, event_id: UUID, purpose: Purpose, source: str) -> UUID | None:
    """The caller agrees no more. source: page or api. The erasure that follows, or None where
    nothing was agreed to, or another consent still carries what is known."""
    values = {"event": event_id, "purpose": purpose, "source": source}
    found: UUID | None = conn.scalar(_TAKE_BACK, values)
    return found


_TAKE_BACK = sa.text("select memoria.take_back(:event, :purpose, :source)")


@dataclass(frozen=True, slots=True)
class Selfie:
    """What is kept of one: that there was one, when, and by which pack it was described."""

    id: UUID
    given_at: datetime
    model: str


def selfie(conn: sa.Connection, event_id: UUID) -> Selfie | None:
    """The caller's selfie in the event."""
    row = conn.execute(_SELFIE, {"event": event_id}).first()
    return None if row is None else Selfie(*row)


_SELFIE = sa.text(
    "select id, created_at, face_model from memoria.media where event_id = :event"
    " and status = 'selfie' and id in (select memoria.my_selfies())"
    " order by created_at desc limit 1"
)


def keep_selfie(conn: sa.Connection, event_id: UUID, user: UUID, face: Face, model: str) -> UUID:
    """The face of the user's selfie, in place of an earlier one; as the bare login. Its row's id.

    The database refuses it (42501) without the consent, or where the event's switch is off.
    """
    values = {"event": event_id, "user": user, "model": model, "face": json.dumps(_shape(face))}
    vector = [float(each) for each in face.embedding]
    padded = vector + [0.0] * (STORED_DIMENSIONS - len(vector))
    made: UUID = conn.execute(_KEEP, {**values, "vector": padded}).scalar_one()
    return made


_KEEP = sa.text(
    "select memoria.api_keep_selfie(:user, :event, cast(:face as jsonb),"
    " cast(:vector as real[]), :model)"
)


def _shape(face: Face) -> dict[str, object]:
    box = dict(zip("xywh", face.detection.box, strict=True))
    return {
        "bbox": box,
        "landmarks": np.round(face.detection.landmarks, 6).astype(float).tolist(),
        "det_score": face.detection.score,
        "quality_score": face.quality,
        "quality_class": face.quality_class,
    }
