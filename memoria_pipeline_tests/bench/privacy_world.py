"""An event in a real database that lives through a script: photos, runs, and what people do."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from memoria_pipeline.defs import grouping, holding
from memoria_pipeline.errors import DecisionError
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.store import (
    beside,
    db,
    decisions,
    events,
    invitations,
    manual_tags,
    media,
    once,
    proposals,
    questions,
    runs,
    sessions,
    tags,
)
from memoria_pipeline.store.photos import FoundPhoto
from memoria_pipeline.vision.model import Detection, Face, QualityClass
from memoria_pipeline_tests.bench.privacy_script import GONE, GUESTS, LATER, Step
from memoria_pipeline_tests.store import factories

D = 48
THRESHOLDS = Thresholds(merge=0.44, attach=0.38, margin=0.1, trust=0.5, slope=30.0, even=0.4)
HOW = grouping.How(THRESHOLDS, churn_limit=0.01, gate=holding.Gate(despite=True))
ROLES = ("guest", "guest", "guest", "member", "photographer", "organiser")


@dataclass(frozen=True, slots=True)
class Photo:
    """guests: who is on it. content: names its bytes; a copy has the same."""

    key: str
    guests: tuple[int, ...]
    content: str
    version: int = 0


@dataclass(eq=False)
class World:
    """One event of its own, with its members: guest n's user is users[n], its address emails[n].

    made: the decisions that were taken about each guest. erased: guest 0 went.
    """

    engine: sa.Engine
    seed: int
    photos: list[Photo] = field(default_factory=list)
    away: set[int] = field(default_factory=set)
    made: dict[int, list[UUID]] = field(default_factory=dict)
    erased: bool = False
    _why: str = ""

    def __post_init__(self) -> None:
        chance = np.random.default_rng([self.seed, 2])
        self.role = ROLES[chance.integers(len(ROLES))]
        self._people = {pack: _apart(chance) for pack in ("pack", "another")}
        self.users = [uuid4() for _ in range(GUESTS)]
        self.word = [f"zz{uuid4().hex}" for _ in range(GUESTS)]
        self.emails = [f"{word}@example.org" for word in self.word]
        self.organiser = uuid4()
        with self.engine.begin() as conn:
            self.event = factories.an_event(conn)
            self._join(conn, self.organiser, "organiser", f"zz{uuid4().hex}")
            for guest in range(1, GUESTS):
                self._join(conn, self.users[guest], "guest", self.word[guest])

    def live(self, step: Step, n: int) -> None:
        """Step n. Raises whatever the database does; again after that is as good as once."""
        if self.erased and step.does not in LATER and step.who[0] == GONE:
            return
        does: Callable[[Step, str], None] = getattr(self, step.does)
        self._why = f"step {n}"
        does(step, self._why)

    def member(self, step: Step, why: str) -> None:
        """Guest 0 is there, too."""
        with self.engine.begin() as conn:
            self._join(conn, self.users[GONE], self.role, self.word[GONE])

    def upload(self, step: Step, why: str) -> None:
        """New photos, registered and analysed; a step that is taken again adds none."""
        base = sum(photo.content.startswith(f"{why} ") for photo in self.photos)
        for i, guests in enumerate(step.guests[base:]):
            self.photos.append(Photo(f"{len(self.photos):04}.jpg", guests, f"{why} {i}"))
        self._list()
        self._analyse()

    def copy(self, step: Step, why: str) -> None:
        """The bytes of a photo come again under another name."""
        if not any(photo.key.startswith(f"{why} ") for photo in self.photos):
            old = self._photo(step)
            self.photos.append(Photo(f"{why} copy.jpg", old.guests, old.content, old.version))
        self._list()
        self._analyse()

    def again(self, step: Step, why: str) -> None:
        """A photo is looked at again: boxes a little elsewhere."""
        with self.engine.begin() as conn:
            conn.execute(_AGAIN, {"event": self.event, "key": self._photo(step).key})
        self._analyse()

    def changed(self, step: Step, why: str) -> None:
        """A file has other bytes and shows the same people."""
        i = step.photo % len(self.photos)
        old = self.photos[i]
        if old.content != why:
            self.photos[i] = Photo(old.key, old.guests, why, old.version + 1)
        self._list()
        self._analyse()

    def gone(self, step: Step, why: str) -> None:
        """A photo goes from its folder."""
        if len(self.away) < len(self.photos) - 2:
            self.away.add(step.photo % len(self.photos))
        self._list()
        self._analyse()

    def back(self, step: Step, why: str) -> None:
        """All that went is back."""
        self.away.clear()
        self._list()
        self._analyse()

    def group(self, step: Step, why: str) -> None:
        """What the asset does after every upload."""
        with self.engine.begin() as conn:
            grouping.update(conn, events.lock(conn, self.event), HOW, force=False)

    def regroup(self, step: Step, why: str) -> None:
        """Everything afresh; every other time it goes on waiting for approval."""
        with self.engine.begin() as conn:
            grouping.update(conn, events.lock(conn, self.event), HOW, force=True)
        if step.at < 0.5:
            self._publish()

    def model(self, step: Step, why: str) -> None:
        """On the way to another pack; every third time not to its end."""
        with self.engine.begin() as conn:
            now = events.get(conn, self.event).face_model
            other = next(pack for pack in self._people if pack != now)
            beside.start(conn, self.event, other)
            todo = beside.pending(conn, self.event, other)
        with self.engine.begin() as conn:
            beside.save(conn, self._found(todo, other), other)
        if step.at < 0.66:
            with self.engine.begin() as conn:
                grouping.move(conn, events.lock(conn, self.event), HOW)
            self._publish()

    def ask(self, step: Step, why: str) -> None:
        """The asset `questions`: read at one moment, written at a later one."""
        with self.engine.begin() as conn:
            db.steady(conn)
            batch = questions.ask(conn, self.event, THRESHOLDS)
        with self.engine.begin() as conn:
            questions.save(conn, self.event, batch)

    def compare(self, step: Step, why: str) -> None:
        """Counts follow; stands for whatever reads all faces."""
        with self.engine.begin() as conn:
            events.lock(conn, self.event)
            conn.execute(_COUNTS, {"event": self.event})

    def tags(self, step: Step, why: str) -> None:
        """The asset `tags`."""
        with self.engine.begin() as conn:
            tags.sync_event(conn, self.event)

    def job(self, step: Step, why: str) -> None:
        """Another application's worker tells what it made of some photos; somebody is told."""
        with self.engine.begin() as conn:
            values = {"event": self.event, "n": 1 + step.photo % 3}
            conn.execute(_JOB, values)
            conn.execute(_TOLD, values)

    def answered(self, step: Step, why: str) -> None:
        """The review keeps its answer to a request that names a member."""
        who = step.who[0]
        body = {"user_id": str(self.users[who]), "email": self.emails[who]}
        with self.engine.begin() as conn:
            if once.answered(conn, self.organiser, why) is None:
                once.keep(conn, self.organiser, why, once.Answer("f", 200, [body]))

    def link(self, step: Step, why: str) -> None:
        """The organiser says whose person it is."""
        self._decide(
            step, why, lambda c, p, who: decisions.assign(c, self.event, p, who, **self._by)
        )

    def confirm(self, step: Step, why: str) -> None:
        """Some of the person's faces are the person's."""
        self._of_faces(step, why, decisions.confirm)

    def reject(self, step: Step, why: str) -> None:
        """A face of one guest is not another guest."""
        one, other = step.who
        if self.erased and other == GONE:
            return

        def take(conn: sa.Connection) -> Any:
            faces = self._faces(conn, one)
            person = self._person(conn, other)
            if not faces or person is None or person == self._person(conn, one):
                return None
            return decisions.reject(conn, self.event, faces[:1], person, **self._by)

        self._take(step, why, take)

    def ignore(self, step: Step, why: str) -> None:
        """A face is of no interest."""
        self._of_face(step, why, decisions.ignore_faces)

    def not_a_face(self, step: Step, why: str) -> None:
        """A face is none."""
        self._of_face(step, why, decisions.not_a_face)

    def split(self, step: Step, why: str) -> None:
        """A face of a person with several is somebody else."""

        def take(conn: sa.Connection) -> Any:
            person = self._person(conn, step.who[0])
            faces = self._faces(conn, step.who[0], person)
            if person is None or len(faces) < 3:
                return None
            return decisions.split(conn, self.event, person, faces[:1], **self._by)

        self._take(step, why, take)

    def unite(self, step: Step, why: str) -> None:
        """Two persons that are one guest."""

        def take(conn: sa.Connection) -> Any:
            found = self._persons(conn, step.who[0])
            if len(found) < 2:
                return None
            return decisions.merge(conn, self.event, found[0], found[1], **self._by)

        self._take(step, why, take)

    def mistake(self, step: Step, why: str) -> None:
        """A face is said to be another guest, which is mended at once."""
        one, other = step.who
        with self.engine.begin() as conn:
            faces, mine = self._faces(conn, one)[:1], self._person(conn, one)
            person = None if self.erased and other == GONE else self._person(conn, other)
            try:
                if not faces or mine is None or mine == person:
                    return
                if person is not None:
                    decisions.confirm(conn, self.event, faces, person, twice=True, **self._by)
                decisions.confirm(conn, self.event, faces, mine, twice=True, **self._by)
            except DecisionError:
                conn.rollback()

    def undo(self, step: Step, why: str) -> None:
        """A decision about the guest is taken back."""
        made = self.made.get(step.who[0], [])
        if made:
            which = made[int(step.at * len(made))]
            self._take(step, why, lambda conn: decisions.undo(conn, self.event, which, **self._by))

    def tag(self, step: Step, why: str) -> None:
        """A tag by hand; now and then guest 0 sets it."""
        who = step.who[0]
        by = self.users[GONE] if step.at < 0.4 and self._here() else self.organiser
        with self.engine.begin() as conn:
            photo = self._id(conn, self._photo(step))
            if photo is not None:
                manual_tags.add(conn, self.event, photo, self.users[who], by=by)

    def untag(self, step: Step, why: str) -> None:
        """A member takes the own tag away."""
        with self.engine.begin() as conn:
            photo = self._id(conn, self._photo(step))
            if photo is not None:
                manual_tags.remove(conn, self.event, photo, self.users[step.who[0]])
                row = {"event": self.event, "photo": photo, "user": self.users[step.who[0]]}
                conn.execute(_UNTAGGED, row)

    def invite(self, step: Step, why: str) -> None:
        """By mail, to the guest's own address."""
        who = step.who[0]

        def take(conn: sa.Connection) -> Any:
            person = self._person(conn, who)
            if person is None:
                return None
            made = decisions.invite(conn, self.event, person, self.emails[who], **self._by)
            shown = invitations.preview(conn, self.event, person)
            secret = hashlib.sha256(f"{self.event} {who}".encode()).digest()
            conn.execute(_NO_TOKEN, {"hash": secret})
            note = f"Come and look, {self.word[who]}!"
            draft = invitations.Draft(person, self.emails[who], secret, note, shown, "en", 3600)
            invitations.insert(conn, self.event, self.organiser, draft)
            conn.execute(sa.text("reset role"))
            return made

        self._take(step, why, take)

    def accept(self, step: Step, why: str) -> None:
        """Whoever was invited says: that is me."""
        secret = hashlib.sha256(f"{self.event} {step.who[0]}".encode()).digest()

        def take(conn: sa.Connection) -> Any:
            taken = invitations.accept(conn, secret, self.word[step.who[0]])
            if taken is None:
                return None
            said = {"actor": taken.invited_by, "reason": invitations.ACCEPTED}
            return decisions.assign(conn, self.event, taken.person_id, taken.user_id, **said)

        self._take(step, why, take)

    def consent(self, step: Step, why: str) -> None:
        """To being found by a selfie."""
        row = {"event": self.event, "user": self.users[step.who[0]]}
        with self.engine.begin() as conn:
            conn.execute(_CONSENT, {**row, "given": step.at < 0.7})

    def sign_in(self, step: Step, why: str) -> None:
        """A session, and a link by mail."""
        who = step.who[0]
        with self.engine.begin() as conn:
            secret = hashlib.sha256(uuid4().bytes).digest()
            sessions.start(conn, self.users[who], secret, "csrf", 3600)
            sessions.link_for(conn, self.emails[who], secret, 600)

    @property
    def _by(self) -> dict[str, Any]:
        """Who decides: the organiser, or guest 0 while they are one."""
        both = self.role == "organiser" and self._here() and len(self.photos) % 2
        return {"actor": self.users[GONE] if both else self.organiser, "reason": self._why}

    def _here(self) -> bool:
        return not self.erased and self.role in ("organiser", "photographer")

    def _join(self, conn: sa.Connection, user: UUID, role: str, word: str) -> None:
        values = {"event": self.event, "user": user, "role": role, "name": f"Name {word}"}
        conn.execute(_JOIN, {**values, "email": f"{word}@example.org"})

    def _decide(
        self, step: Step, why: str, act: Callable[[sa.Connection, UUID, UUID], Any]
    ) -> None:
        who = step.who[0]

        def take(conn: sa.Connection) -> Any:
            person = self._person(conn, who)
            return None if person is None else act(conn, person, self.users[who])

        self._take(step, why, take)

    def _of_faces(self, step: Step, why: str, act: Callable[..., Any]) -> None:
        def take(conn: sa.Connection) -> Any:
            person = self._person(conn, step.who[0])
            faces = self._faces(conn, step.who[0], person)
            if person is None or not faces:
                return None
            return act(conn, self.event, faces[: 1 + step.photo % 3], person, **self._by)

        self._take(step, why, take)

    def _of_face(self, step: Step, why: str, act: Callable[..., Any]) -> None:
        def take(conn: sa.Connection) -> Any:
            faces = self._faces(conn, step.who[0])
            if not faces:
                return None
            return act(conn, self.event, [faces[step.photo % len(faces)]], **self._by)

        self._take(step, why, take)

    def _take(self, step: Step, why: str, take: Callable[[sa.Connection], Any]) -> None:
        """Take a decision once, whatever became of the last try."""
        try:
            with self.engine.begin() as conn:
                events.lock(conn, self.event)
                found = conn.scalar(_TAKEN, {"event": self.event, "why": why})
                if found is None:
                    made = take(conn)
                    if made is None:
                        return
                    found = made.id
        except DecisionError:
            return
        known = self.made.setdefault(step.who[0], [])
        if found not in known:
            known.append(found)

    def _person(self, conn: sa.Connection, guest: int) -> UUID | None:
        """The person that holds most faces of the guest, or None."""
        return next(iter(self._persons(conn, guest)), None)

    def _persons(self, conn: sa.Connection, guest: int) -> list[UUID]:
        count: dict[UUID, int] = {}
        for row in self.rows(conn):
            if row.guest == guest and row.person is not None:
                count[row.person] = count.get(row.person, 0) + 1
        first = {row.person: row.label for row in reversed(self.rows(conn)) if row.guest == guest}
        return sorted(count, key=lambda person: (-count[person], first[person]))

    def _faces(self, conn: sa.Connection, guest: int, person: UUID | None = None) -> list[UUID]:
        return [
            row.id
            for row in self.rows(conn)
            if row.guest == guest and (person is None or row.person == person)
        ]

    def rows(self, conn: sa.Connection) -> "list[Seen]":
        """Every face with the guest that it is, by photo and guest."""
        found = conn.execute(_SEEN, {"event": self.event})
        seen = [Seen(row.id, row.key, round((row.x - 0.02) / 0.135), row.person) for row in found]
        return sorted(seen, key=lambda row: row.label)

    def firm(self, key: str, guest: int) -> bool:
        """Whether the guest's face there is of the best grade to either pack.

        Of weaker ones a grouping may hold two as two persons; which of them the person stays is
        a matter of their ids, and so of chance.
        """
        photo = next(photo for photo in self.photos if photo.key == key)
        grades = {self._face(pack, photo, guest).quality_class for pack in self._people}
        return grades == {"A"}

    def _photo(self, step: Step) -> Photo:
        return self.photos[step.photo % len(self.photos)]

    def _id(self, conn: sa.Connection, photo: Photo) -> UUID | None:
        values = {"event": self.event, "key": photo.key}
        found: UUID | None = conn.scalar(_MEDIA, values)
        return found

    def _publish(self) -> None:
        with self.engine.begin() as conn:
            events.lock(conn, self.event)  # an erasure in between would hold what waits
            waiting = runs.proposed(conn, self.event)
            if waiting is not None:
                proposals.publish(conn, waiting.id, must=())

    def _list(self) -> None:
        there = [photo for i, photo in enumerate(self.photos) if i not in self.away]
        found = [FoundPhoto(photo.key, 1000, photo.content) for photo in there]
        with self.engine.begin() as conn:
            media.register(conn, self.event, found)

    def _analyse(self) -> None:
        """As the asset does: what waits is read in one transaction, each photo saved in its own."""
        with self.engine.begin() as conn:
            pack = events.get(conn, self.event).face_model
            todo = media.pending(conn, self.event, pack)
            known = media.known_hashes(conn, self.event, pack)
        for photo in todo:
            [found] = self._found([photo], pack)
            with self.engine.begin() as conn:
                if found.sha256 in known:
                    of = known[found.sha256]
                    media.save_duplicate(conn, photo.id, found.sha256, of, etag=photo.etag)
                else:
                    media.save_analysis(conn, [found], pack, alike=THRESHOLDS.merge)
                    known[found.sha256] = photo.id

    def _found(self, todo: list[media.PendingPhoto], pack: str) -> list[media.Analysed]:
        made, of = [], {photo.key: photo for photo in self.photos}
        for each in todo:
            photo = of[each.storage_key]
            faces = [self._face(pack, photo, guest) for guest in photo.guests]
            sha256 = hashlib.sha256(f"{self.event} {photo.content}".encode()).hexdigest()
            made.append(media.Analysed(each.id, sha256, 640, 480, 0.1, faces, each.etag))
        return made

    def _face(self, pack: str, photo: Photo, guest: int) -> Face:
        """The same in every life of the photo, but for a box that trembles."""
        which = int.from_bytes(hashlib.sha256(photo.content.encode()).digest()[:4], "big")
        chance = np.random.default_rng([self.seed, which, guest, photo.version, len(pack)])
        vector = self._people[pack][guest] + 0.06 * chance.normal(size=D)
        grades: tuple[QualityClass, ...] = ("A", "B", "C")
        grade = grades[int(chance.choice(3, p=[0.85, 0.12, 0.03]))]
        x, y = 0.02 + 0.135 * guest, 0.3 + 0.01 * float(chance.random())
        points = np.full((5, 2), 0.5, np.float32)
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        detection = Detection((x, y, 0.11, 0.2), points, 0.9)
        return Face(detection, float(chance.uniform(0.3, 1)), grade, unit)


@dataclass(frozen=True, slots=True)
class Seen:
    """A face, and who it is in truth."""

    id: UUID
    key: str
    guest: int
    person: UUID | None

    @property
    def label(self) -> tuple[str, int]:
        """Means the same in another life of the same script."""
        return self.key, self.guest


def _apart(chance: np.random.Generator) -> NDArray[np.float64]:
    """Guests who are nothing alike, so that who is grouped with whom hangs on nobody else."""
    found: NDArray[np.float64] = np.linalg.qr(chance.normal(size=(D, GUESTS)))[0].T
    return found


_AGAIN = sa.text(
    "update memoria.media set status = 'pending', duplicate_of = null where event_id = :event"
    " and storage_key = :key and status <> 'missing'"
)
_COUNTS = sa.text("select memoria.refresh_person_counts(:event)")
_JOB = sa.text(
    "insert into memoria.ml_jobs (job_type, event_id, media_ids, status, result, completed_at)"
    " select 'detect', :event, array_agg(m.id), 'completed', jsonb_build_object('faces', ("
    "  select coalesce(jsonb_agg(jsonb_build_object('id', f.id, 'person', f.face_person_id)), '[]')"
    "  from memoria.faces f where f.event_id = :event and f.media_id = any (array_agg(m.id)))),"
    " now() from (select id from memoria.media where event_id = :event order by id limit :n) m"
)
_TOLD = sa.text(
    "insert into memoria.callbacks (job_id, event_id, payload) select id, event_id,"
    " jsonb_build_object('job', id, 'result', result) from memoria.ml_jobs"
    " where event_id = :event order by created_at desc limit 1"
)
_UNTAGGED = sa.text(
    "insert into memoria.untagged (event_id, media_id, user_id) values (:event, :photo, :user)"
    " on conflict do nothing"
)
_NO_TOKEN = sa.text("update memoria.invitations set token_hash = null where token_hash = :hash")
_CONSENT = sa.text(
    "insert into memoria.consents (event_id, user_id, purpose, given, text_version, language,"
    " recorded_by) values (:event, :user, 'own_photos', :given, '1', 'en', :user)"
)
_JOIN = sa.text(
    "insert into memoria.event_members (event_id, user_id, role, display_name, email)"
    " values (:event, :user, :role, :name, :email) on conflict do nothing"
)
_TAKEN = sa.text("select id from memoria.decisions where event_id = :event and reason = :why")
_SEEN = sa.text(
    "select f.id, m.storage_key as key, (f.bbox ->> 'x')::float8 as x, f.face_person_id as person"
    " from memoria.faces f join memoria.media m on m.id = f.media_id where f.event_id = :event"
)
_MEDIA = sa.text("select id from memoria.media where event_id = :event and storage_key = :key")
