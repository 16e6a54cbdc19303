"""One row of every table for every user of two events: what row level security is tried on."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

MEMBERS = ("organiser", "photographer", "member", "guest")
_VECTOR = "[" + ",".join(["0.0441941738"] * 512) + "]"  # length 1
_BOX = {"x": 0, "y": 0, "w": 1, "h": 1}
_number = count()

Row = dict[str, Any]


def user(name: str) -> UUID:
    """The id of a user of this name: of a role, or `other` and `third`."""
    return uuid5(UUID(int=5), name)


@dataclass(frozen=True)
class World:
    """Two events: in the first the members of each role and `other`, in the second `third`.

    Each user has a photo, a person and a face in both; `spare` photos have a face and no tag.
    seeded: (table, event, user) → the rows that are there.
    """

    first: UUID = field(default_factory=uuid4)
    second: UUID = field(default_factory=uuid4)
    seeded: dict[tuple[str, UUID, str], Row] = field(default_factory=dict)

    def id(self, what: str, event: UUID, name: str) -> UUID:
        """The id of the photo, spare photo, person, face or run of a user in an event."""
        return uuid5(event, f"{what} {name}")


@dataclass(frozen=True)
class _About:
    """Whom a row is about, and what it points at: a photo, a face and so on of that user's."""

    event: UUID
    name: str
    user: str
    number: int
    fresh: bool
    there: dict[str, str]
    spare: dict[str, str]

    @property
    def free(self) -> dict[str, str]:
        """What is pointed at by no row yet, where the row is to be inserted beside others."""
        return self.spare if self.fresh else self.there

    def new(self, what: str) -> str:
        """An id for a row of this kind."""
        return str(uuid4()) if self.fresh else self.there[what]

    @property
    def token(self) -> str:
        return f"\\x{self.number:064x}"

    @property
    def lists(self) -> Row:
        names = ("face_ids", "rest_face_ids", "person_ids", "affected_face_ids")
        return dict.fromkeys((*names, "affected_person_ids"), [])


def rows(world: World, event: UUID, name: str, *, fresh: bool) -> dict[str, Row]:
    """A row of each table, in the order of their foreign keys, that is about this user of the
    event. fresh: not the ones that are there, but what might be inserted beside them."""
    there = {what: str(world.id(what, event, name)) for what in _KINDS}
    spare = {what: str(world.id(f"spare {what}", event, name)) for what in _KINDS}
    about = _About(event, name, str(user(name)), next(_number), fresh, there, spare)
    all_of_them = {**_album(about), **_decided(about), **_review(about), **_machine(about)}
    of_event = {"event_id": str(event)}
    return {
        table: row if table in _EVERYWHERE else {**of_event, **row}
        for table, row in all_of_them.items()
    }


_KINDS = ("photo", "person", "face", "run", "erasure")
_EVERYWHERE = ("events", "sessions", "idempotency", "lookouts", "canaries", "migrations")
"""Tables whose rows are of no event."""


def _album(a: _About) -> dict[str, Row]:
    event = str(uuid4() if a.fresh else a.event)
    run = {"method": "m", "model": "pack", "fingerprint": "f", "status": "held", "kind": "full"}
    face: Row = {"bbox": _BOX, "embedding": _VECTOR, "model": "pack"}
    face |= {} if a.fresh else {"verdict": "person"}
    return {
        "events": {"id": event, "name": "a", "photo_root": f"/r/{a.number}"},
        "event_members": {"user_id": a.user, "role": _role(a.name), "display_name": "x"},
        "media": {"id": a.new("photo"), "storage_key": f"{a.number}.jpg"},
        "face_persons": {"id": a.new("person"), "status": "linked", "linked_user_id": a.user}
        | {"invitation_email": "x@example.org", "metadata": {}, "version": 1}
        | {"human_touched": not a.fresh},
        "faces": {"id": a.new("face"), "media_id": a.there["photo"], "human_touched": not a.fresh}
        | {"face_person_id": a.there["person"], "evidence": [], "not_person_ids": []}
        | face,
        "cluster_runs": {"id": a.new("run"), "parameters": {}, "measures": {}} | run,
        "cluster_proposals": {"run_id": a.free["run"], "face_id": str(uuid4())},
    }


def _decided(a: _About) -> dict[str, Row]:
    tag = {"tagged_user_id": a.user, "bbox": _BOX}
    by_face = {"tagged_by_user_id": str(user("organiser")), "source": "face_clustering"}
    agreed = {"user_id": a.user, "given": True, "text_version": "1", "recorded_by": a.user}
    by_hand = {"tagged_by_user_id": a.user, "source": "manual", "media_id": a.spare["photo"]}
    return {
        "decisions": {"id": str(uuid4()), "kind": "confirm", "actor_id": a.user, "details": {}}
        | {"reason": "seed", "before": {}}
        | a.lists,
        "media_tags by face": {"id": str(uuid4()), "media_id": a.free["photo"]}
        | {"face_id": a.free["face"]}
        | (tag | by_face),
        "media_tags by hand": {"id": str(uuid4())} | tag | by_hand,
        "media_tags for others": {"id": str(uuid4())}
        | (tag | by_hand | {"tagged_user_id": str(user("fourth"))}),
        "untagged": {"media_id": a.free["photo"], "user_id": a.user},
        "consents to grouping": {"id": str(uuid4()), "purpose": "grouping"} | agreed,
        "consents of one's own": {"id": str(uuid4()), "purpose": "own_photos"} | agreed,
        "erasures": {"id": a.new("erasure"), "scope": "person", "status": "requested"},
        "erasure_requests": {"id": a.free["erasure"], "user_id": str(user("nobody"))},
        "tombstones": {"id": str(uuid4()), "bbox": _BOX, "erasure_id": str(uuid4())},
        "erased_persons": {"person_id": str(uuid4())},
        "audit": {"id": str(uuid4()), "actor_id": a.user, "verb": "looked", "thing": "photos"}
        | {"via": "page", "times": 1},
        "hidden": {"user_id": a.user, "by_self": True},
        "hidden_boxes": {"id": str(uuid4()), "media_id": a.there["photo"], "user_id": a.user}
        | {"bbox": _BOX},
    }


def _review(a: _About) -> dict[str, Row]:
    later, token = {"expires_at": "2099-01-01"}, {"token_hash": a.token}
    return {
        "sessions": {"user_id": a.user, "csrf": "c"} | later | token,
        "links": {"kind": "sign_in", "user_id": a.user} | later | token,
        "invitations": {"id": str(uuid4()), "person_id": a.there["person"], "language": "en"}
        | {"email": "x@example.org", "invited_by": a.user, "media_ids": []}
        | later,
        "idempotency": {"user_id": a.user, "key": f"k{a.number}", "fingerprint": "f"}
        | {"status": 200},
        "questions": {"id": str(uuid4()), "rank": 1, "kind": "name", "persons": [], "faces": []}
        | {"detail": {}, "decisions_seq": 0},
        "event_keys": {"wrapped": "\\x" + "00" * 60, "master": "m"},
        "forecasts": {"answers": {}, "total": 0, "decisions_seq": 0},
        "run_answers": {"id": str(uuid4()), "run_id": a.free["run"], "answer": "publish"}
        | {"by_user": a.user},
    }


def _machine(a: _About) -> dict[str, Row]:
    past = dict.fromkeys(("first_at", "last_at", "quiet_since", "due_at"), "2020-01-01")
    job = {"job_type": "detect", "media_ids": [], "priority": "normal", "status": "pending"}
    beside = {"bbox": _BOX, "embedding": _VECTOR, "model": "pack"}
    measured: Row = {"parameters": {}, "groupings": [], "similarities": []}
    return {
        "ml_jobs": {"id": a.new("run"), "attempts": 0} | job,
        "callbacks": {"id": str(uuid4()), "job_id": a.there["run"], "payload": {}, "attempts": 0},
        "comparisons": {"id": str(uuid4()), "model": "pack", "fingerprint": "f"} | measured,
        "backfills": {"model": "pack"},
        "face_changes": {"id": 1_000_000 + a.number, "came": 1},
        "media_beside": {"media_id": a.free["photo"], "model": "pack", "error_code": "broken"}
        | {"attempts": 1},
        "faces_beside": {"id": str(uuid4()), "media_id": a.there["photo"]} | beside,
        "uploads": {"photos": 0, "gone": False, "version": a.number, "tried": 0} | past,
        "watched": {"root": f"/r/{a.number}", "quick": False},
        "moves": {"face_model": "pack", "version": a.number, "tried": 0},
        "lookouts": {"name": f"l{a.number}"},
        "canaries": {"model": f"m{a.number}", "settings": "s", "missed": 0, "surplus": 0},
        "migrations": {"name": f"9{a.number}"},
        "opened": {"what": "event", "id": str(uuid4())},
    }


def _role(name: str) -> str:
    return name if name in MEMBERS else "member"
