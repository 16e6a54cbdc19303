"""What `memoria erase` does once it knows whom: asks the database, does the job, shows receipts."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from memoria_pipeline.commands.screen import database, out
from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy import plan
from memoria_pipeline.privacy import receipt as receipts
from memoria_pipeline.privacy.receipt import Keys, Signed
from memoria_pipeline.privacy.replay import Again, again, events
from memoria_pipeline.services import erasing as service
from memoria_pipeline.settings import settings
from memoria_pipeline.store import db, erasing, erasure, ledger, recount
from memoria_pipeline.store.erasing import Erasure
from memoria_pipeline.store.erasure import Subject

Request = Callable[[Connection], list[UUID]]


def person(event: UUID, user: UUID | None, persons: Sequence[UUID], email: str | None) -> None:
    """One person: by id, or whoever an address means there."""

    def request(conn: Connection) -> list[UUID]:
        users, named = [user] if user else [], list(persons)
        if email is not None:
            found = erasing.known_by(conn, event, email)
            users, named = [*users, *found[0]], [*named, *found[1]]
        if email and not users and not named:
            alone = erasing.address_alone(conn, event, email)
            if alone is not None:
                return [alone]
        if not users and not named:
            raise ErasureError("Nobody in this event has that address: nothing was erased.")
        return _persons(conn, event, users, named, "request")

    _do(request)


def event(event_id: UUID) -> None:
    """A whole event."""
    _do(lambda conn: [erasure.request(conn, "event", event_id, source="cli")])


def photos(event_id: UUID, ids: Sequence[UUID]) -> None:
    """The faces of some photos."""
    _do(lambda conn: [erasure.request(conn, "photos", event_id, photos=ids, source="cli")])


def _persons(
    conn: Connection,
    event_id: UUID,
    users: Iterable[UUID],
    persons: Sequence[UUID],
    reason: erasure.Reason,
) -> list[UUID]:
    """One request for each user, and one for the persons who are no user's."""
    made = [
        erasure.request(conn, "person", event_id, user=each, source="cli", reason=reason)
        for each in dict.fromkeys(users)
    ]
    if persons:
        more = erasure.request(
            conn, "person", event_id, persons=persons, source="cli", reason=reason
        )
        made.append(more)
    return made


def _do(request: Request) -> None:
    """Ask for it, carry it out in this very moment, and show the receipts."""
    s = settings()
    with db.running(s.home, s.database_url, s.dagster_database_url) as found:
        with db.connect(db.engine(found.memoria)) as conn:
            ids = request(conn)
        if ids:
            service.carry_out(ids, s.home, found)
        with db.connect(db.engine(found.memoria)) as conn:
            for each in ids:
                _show(erasing.get(conn, each))


def _show(done: Erasure) -> None:
    went = ", ".join(f"{number} {name}" for name, number in sorted(done.counts.items()) if number)
    nothing = "nothing: none of it was there. Was it erased before, or is the id another one's?"
    out.print(f"Erased     {went or nothing}", soft_wrap=True, markup=False)
    out.print(f"Receipt    {done.id}", soft_wrap=True)


def keys() -> Keys:
    """Ours."""
    s = settings()
    return ledger.keys(s.home, s.erasure_key, s.subject_key)


def verify_file(path: Path, key: str | None) -> None:
    """Every line of a ledger, whosever."""
    found = ledger.read(path)
    public = key or keys().public
    for each in found:
        receipts.verify(each, public)
    out.print(f"{len(found)} receipts, each signed by this key and unchanged.")


def verify_all(key: str | None) -> None:
    """All receipts of the database and of the ledger: each is signed, and both say the same."""
    public, known = key or keys().public, _ledger()
    with database() as conn:
        done = [each for each in erasing.list_(conn, limit=1_000_000) if each.completed_at]
    signed = {each.id: each.signed for each in done}
    for each in (*known.values(), *signed.values()):
        if each is not None:
            receipts.verify(each, public)
    _same(known, signed)
    unsigned = sum(each is None for each in signed.values())
    out.print(f"{len(done) - unsigned} erasures are signed, in the ledger and unchanged.")
    if unsigned:
        out.print(f"{unsigned} are from before there were signatures.")
    if lost := len(set(known) - set(signed)):
        out.print(
            f"{lost} of the ledger are not in the database: it was restored from an older backup."
            " Run `memoria erase replay`."
        )


def _same(known: dict[UUID, Signed], signed: dict[UUID, Signed | None]) -> None:
    for name, each in signed.items():
        if each is not None and known.get(name) != each:
            raise ErasureError(
                f"Erasure {name} is not in the ledger as the database has it: one of them was"
                " changed. Compare both with their backups."
            )


def _ledger() -> dict[UUID, Signed]:
    return {UUID(each.receipt["id"]): each for each in ledger.read(settings().ledger)}


def verify_one(erasure_id: UUID, user: UUID | None, key: str | None) -> None:
    """One erasure; with a user, that it was theirs, and that nothing of them is left."""
    with database() as conn:
        found = erasing.get(conn, erasure_id)
        if found.completed_at is None:
            raise ErasureError(f"Erasure {erasure_id} is {found.status}: it has no receipt yet.")
        if found.signed is None:
            raise ErasureError(f"Erasure {erasure_id} is from before there were signatures.")
        receipts.verify(found.signed, key or keys().public)
        _same(_ledger(), {erasure_id: found.signed})
        out.print("Signed, unchanged, and in the ledger.")
        if user is not None:
            _recount(conn, found, user)


def _recount(conn: Connection, found: Erasure, user: UUID) -> None:
    theirs = keys().hashed(found.event_id, "user", str(user))
    if theirs not in (found.receipt or {}).get("subjects", ()):
        raise ErasureError("This receipt is not about that user: its hash is another one's.")
    stays = plan.keeps_member(found.receipt or {})
    about = Subject(found.event_id, user, [], [], [], [], kept=stays, alone=False)
    counted = recount.recount(conn, about, found.event_id)
    left = {name: number for name, number in counted.items() if number}
    if left:
        raise ErasureError(f"Something is left, or came since: {', '.join(sorted(left))}.")
    out.print(f"It is that user's; nothing of them is left in {len(counted)} columns.")


def replay(ask: Callable[[str], None]) -> None:
    """Verify the ledger, find who is there all the same, and erase them again."""
    known = list(_ledger().values())
    public = keys().public
    for each in known:
        receipts.verify(each, public)
    with database() as conn:
        found = again(known, erasing.everybody(conn, events(known)), keys())
    if not found:
        out.print(f"{len(known)} receipts: nobody of them is there.")
        return
    ask(f"Erase again what {len(known)} receipts say, in {len(found)} events?")
    _do(lambda conn: [each for name in found for each in _again(conn, name, found[name])])


def _again(conn: Connection, event_id: UUID, what: Again) -> list[UUID]:
    reason: erasure.Reason = "restored"
    if what.whole:
        return [erasure.request(conn, "event", event_id, source="cli", reason=reason)]
    made = _persons(conn, event_id, what.users, sorted(what.persons), reason)
    # the reason that keeps them members: it was not for leaving that they asked
    made += _persons(conn, event_id, what.withdrew, [], "withdrawn")
    if what.photos:
        photos_ = sorted(what.photos)
        more = erasure.request(
            conn, "photos", event_id, photos=photos_, source="cli", reason=reason
        )
        made.append(more)
    if what.archive:
        made.append(erasure.request(conn, "archive", event_id, source="cli", reason=reason))
    return made
