"""How an export gets from tags to files: read a photo, mark it, write it elsewhere."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from memoria_pipeline.errors import ExportError, PhotoError
from memoria_pipeline.export import jpeg, tables, xmp
from memoria_pipeline.export.album import Photo
from memoria_pipeline.export.regions import marks
from memoria_pipeline.settings import settings
from memoria_pipeline.store import hidden, written
from memoria_pipeline.store.hidden import Shown
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.written import Put
from memoria_pipeline.vision import picture
from memoria_pipeline.vision.container import open_container, sniff
from memoria_pipeline.vision.photo import Limits

SIDECAR = ".xmp"
"""Behind the photo's whole name, as darktable and digiKam have it: a.jpg and a.png differ."""

JPEG = ".jpg"
"""Behind a blurred copy's name: whatever the photo is, the copy is a JPEG."""

_QUALITY = 95
_UNKNOWN = "Somebody of the event is hidden, and nobody looked yet whether they are on this photo."
_TURNED = ("jpeg", "png", "webp", "tiff")  # HEIF and AVIF turn their pixels themselves


@dataclass(slots=True)
class Done:
    """What is to be told: photos with something to know, and photos that are left out, each with
    its path and why."""

    notes: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def refuse_photos_own(folder: Path, root: str, *, told: bool) -> None:
    """Raises ExportError where a photo's own folder would be written to, unless told to; and where
    it cannot be."""
    if told and "://" in root:
        raise ExportError("The photos are in a bucket: write with --to, and upload what you want.")
    if not told and "://" not in root and root and written.within(folder, Path(root)):
        raise ExportError("That is the photos' own folder: name another, or say --beside.")


def table(format_: str, event: UUID, photos: Sequence[Photo], put: Put) -> None:
    """tags.csv or tags.json."""
    as_csv = format_ == "csv"
    put(f"tags.{format_}", tables.as_csv(photos) if as_csv else tables.as_json(event, photos))


Veiled = dict[UUID, Shown]
"""By the photo's id: what viewers get of it, where that is not all of it."""


def for_viewers(
    conn: sa.Connection, event: UUID, photos: Sequence[Photo]
) -> tuple[list[Photo], Veiled]:
    """The photos without the tags of whoever is hidden, and what of each viewers get."""
    away = set(hidden.of_event(conn, event))
    left = [
        replace(each, tags=tuple(t for t in each.tags if t.user not in away)) for each in photos
    ]
    shown = {
        each.id: hidden.veil(conn, event, each.id).shown_to(lambda _: False) for each in photos
    }
    return left, {each: what for each, what in shown.items() if what.boxes or what.withheld}


def as_shown(data: bytes, shown: Shown) -> bytes:
    """A photo as somebody gets it; blurred, it is a new JPEG with nothing of the old file in it,
    such as a thumbnail. Raises ExportError where nobody knows what to blur."""
    if not shown.boxes and not shown.withheld:
        return data
    if shown.withheld or hashlib.sha256(data).hexdigest() != shown.sha256:
        raise ExportError(_UNKNOWN)
    limits = Limits(settings().max_bytes, settings().max_pixels)
    return picture.whole(data, None, limits, shown.boxes, _QUALITY)


@dataclass(frozen=True, slots=True)
class Xmp:
    """XMP of photos below a root. copies: in copies of them, where they are JPEG files. shown: what
    of some photos is not for those who get the copies."""

    root: str
    copies: bool
    shown: Veiled = field(default_factory=dict)

    def into(self, put: Put, photos: Sequence[Photo]) -> Done:
        """Elsewhere, each file as it is put there."""
        return self._each(photos, lambda photo, done: self._elsewhere(put, photo, done))

    def beside(self, photos: Sequence[Photo]) -> Done:
        """A sidecar beside each photo; one that is there is added to."""
        put = written.into(Path(self.root))
        return self._each(photos, lambda photo, done: self._sidecar(put, photo))

    def _each(self, photos: Sequence[Photo], write: Callable[[Photo, Done], None]) -> Done:
        done = Done()
        for photo in photos:
            try:
                write(photo, done)
            except PhotoError as error:
                done.left_out.append((photo.key, str(error)))
            except _LeftOut as error:
                done.left_out.append((photo.key, str(error.why)))
        return done

    def _elsewhere(self, put: Put, photo: Photo, done: Done) -> None:
        if not self.copies:
            self._sidecar(put, photo)
            return
        data = self._read(photo)
        if photo.id in self.shown:
            blurred = self._as_shown(photo, data)
            put(_name(photo) + JPEG, jpeg.with_xmp(blurred, self._packet(photo, blurred, None)))
            return
        copy = data
        try:
            copy = jpeg.with_xmp(data, self._packet(photo, data, _embedded(data)))
        except ExportError as error:
            if sniff(data) == "jpeg":
                done.notes.append((photo.key, str(error)))
            self._sidecar(put, photo)
        put(_name(photo), copy)

    def _as_shown(self, photo: Photo, data: bytes) -> bytes:
        try:
            return as_shown(data, self.shown[photo.id])
        except ExportError as error:
            raise _LeftOut(error) from None

    def _sidecar(self, put: Put, photo: Photo) -> None:
        data = self._read(photo)
        try:
            packet = self._packet(photo, data, self._there(photo, data))
        except ExportError as error:
            raise _LeftOut(error) from None
        put(_name(photo) + SIDECAR, packet)

    def _there(self, photo: Photo, data: bytes) -> bytes | None:
        """What the photo's own sidecar says, else the photo: a sidecar counts in its place."""
        try:
            return Photos(self.root).read(photo.key + SIDECAR, settings().max_bytes)
        except PhotoError as error:
            if error.reason != "missing":
                raise
        try:
            return _embedded(data)
        except ExportError:
            return None

    def _packet(self, photo: Photo, data: bytes, there: bytes | None) -> bytes:
        return xmp.packet(marks(photo, _orientation(data)), there)

    def _read(self, photo: Photo) -> bytes:
        return Photos(self.root).read_patiently(photo.key, settings().max_bytes)


class _LeftOut(Exception):
    """One photo that cannot be written without losing something; the others go on."""

    def __init__(self, why: ExportError) -> None:
        self.why = why


def _name(photo: Photo) -> str:
    try:
        return written.below_any(photo.key)
    except ExportError as error:
        raise _LeftOut(error) from None


def _embedded(data: bytes) -> bytes | None:
    return jpeg.xmp_of(data) if sniff(data) == "jpeg" else None


def _orientation(data: bytes) -> int:
    """EXIF's, of formats whose pixels are still to be turned; 1 where it cannot be read."""
    name = sniff(data)
    if name not in _TURNED:
        return 1
    try:
        return open_container(name, data).orientation
    except Exception:  # whatever the bytes provoke: a photo that was analysed has it in order
        return 1
