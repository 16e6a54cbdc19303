"""What became of photos goes into the database, some photos in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.defs import matching
from memoria_pipeline.defs.matching import Sieve, Whose
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.store import media as media_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.media import Analysed, PendingPhoto
from memoria_pipeline.vision.analyse import Outcome

Sieved = tuple[PendingPhoto, Outcome, Whose]
"""A photo, what became of it, and whose faces those are that may be stored."""


@dataclass(slots=True)
class Saving:
    """Saves outcomes of one event's photos, and counts them.

    todo: by key. known: sha256 → the photo of these bytes; it learns those that are saved.
    """

    store: Store
    event: Event
    todo: Mapping[str, PendingPhoto]
    known: dict[str, UUID]
    sieve: Sieve
    done: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("photos analysed", "faces found", "photos unreadable", "exact duplicates"), 0
        )
    )

    def save(self, outcomes: Sequence[Outcome]) -> None:
        """All of them in one transaction.

        Where that fails, each in one of its own: what can be saved is saved before the first error
        is raised.
        """
        batch = [(self.todo[one.key], *self.sieve.through(one)) for one in outcomes]
        try:
            self._commit(batch)
        except Exception:
            if len(batch) == 1:
                raise
            self._one_by_one(batch)

    def _one_by_one(self, batch: Sequence[Sieved]) -> None:
        failed: Exception | None = None
        for each in batch:
            try:
                self._commit([each])
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _commit(self, batch: Sequence[Sieved]) -> None:
        new = {o.sha256: photo.id for photo, o, _ in batch if not (o.error or o.duplicate)}
        copies = {p.id: (self.known | new).get(o.sha256) for p, o, _ in batch if o.duplicate}
        with self.store.transaction() as conn:
            # All at once, for locks that are taken photo by photo would come in any order.
            originals = dict.fromkeys(of for of in copies.values() if of)
            media_store.locked(conn, originals | {photo.id: photo.etag for photo, *_ in batch})
            saved = self._save_analysed(conn, [one for one in batch if one[1].sha256 in new])
            for photo, outcome, _ in batch:
                if self._save_other(conn, photo, outcome, copies.get(photo.id)):
                    saved.add(photo.id)
        # All others are still pending, the next run's to count, or erased.
        self.known |= {sha256: photo for sha256, photo in new.items() if photo in saved}
        for _, outcome, _ in (each for each in batch if each[0].id in saved):
            self.done[_counted(outcome)] += 1
            self.done["faces found"] += len(outcome.faces)

    def _save_analysed(self, conn: sa.Connection, batch: Sequence[Sieved]) -> set[UUID]:
        results = [
            self._kept(conn, analysed(photo, outcome), whose)
            for photo, outcome, whose in batch
            if not outcome.duplicate
        ]
        if not results:
            return set()
        model, alike = self.event.face_model, self.sieve.threshold
        return media_store.save_analysis(conn, results, model, alike=alike)

    def _kept(self, conn: sa.Connection, made: Analysed, whose: Whose) -> Analysed:
        if not self.event.forgets:
            return made
        theirs = matching.persons(conn, self.event.id, whose)
        return replace(made, faces=tuple(theirs), whose=theirs)

    def _save_other(
        self, conn: sa.Connection, photo: PendingPhoto, outcome: Outcome, of: UUID | None
    ) -> bool:
        """Whether this photo is unreadable or a copy, and the database says so now.

        The etag goes along: where the file changed while it was analysed, it stays pending.
        """
        if outcome.error is not None:
            return media_store.save_failure(conn, photo.id, *outcome.error, etag=photo.etag)
        if not outcome.duplicate or of is None:
            return False
        return media_store.save_duplicate(conn, photo.id, outcome.sha256, of, etag=photo.etag)


def _counted(outcome: Outcome) -> str:
    if outcome.error is not None:
        return "photos unreadable"
    return "exact duplicates" if outcome.duplicate else "photos analysed"


def analysed(photo: PendingPhoto, outcome: Outcome) -> Analysed:
    """What came of the photo, with its etag and its event's epoch as it was handed out."""
    return Analysed(
        photo.id,
        outcome.sha256,
        outcome.width,
        outcome.height,
        outcome.seconds,
        outcome.faces,
        etag=photo.etag,
        epoch=photo.epoch,
    )
