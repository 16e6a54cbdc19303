"""A pack's faster ways on one's own photos: made (int8) and measured against fp32 (the guard)."""

import filecmp
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from memoria_pipeline.errors import ModelError, PhotoError
from memoria_pipeline.vision import catalogue, packs
from memoria_pipeline.vision.backends import choose, guard, keeping
from memoria_pipeline.vision.backends.network import Way
from memoria_pipeline.vision.backends.opening import open_networks
from memoria_pipeline.vision.backends.quantise import Recording, quantise
from memoria_pipeline.vision.insightface_model import InsightFaceModel
from memoria_pipeline.vision.model import Image
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline.vision.photo import EXTENSIONS, read_photo

BOXES = "boxes.json"
"""{"photo.jpg": [[left, top, right, bottom], …]} in the photo's pixels, upright."""

PER_PERSON = 4
"""Photos of one person that are used: more would be pairs of the same few people."""

FASTER = tuple(way for way in choose.ON_CPU if way.precision != "fp32")


@dataclass(frozen=True, slots=True)
class Trial:
    """One pack, and where its things are kept."""

    pack: Pack
    place: Path

    @classmethod
    def of(cls, setting: str, store: Path, home: Path) -> "Trial":
        """Of the pack that a setting means. ModelError for dlib, which runs in one way only."""
        name = catalogue.choose(setting, home).pack
        if name == packs.DLIB:
            raise ModelError(
                "The model pack dlib runs in one way only: name an InsightFace pack, or set"
                " MEMORIA_FACE_MODEL to one."
            )
        pack = catalogue.files(name, home)
        return cls(pack, keeping.folder(store, pack))

    def model(self, way: Way) -> InsightFaceModel:
        """The pack run in this way, unasked: the guard asks with it. ModelError as `load`."""
        int8 = way.precision == "int8"
        files = keeping.quantised(self.place, self.pack) if int8 else self.pack
        networks = open_networks(files, way, "cpu")
        return InsightFaceModel(networks, name="trial", licence="", thresholds={})

    def make_int8(self, photos: Path, most: int = 60) -> int:
        """Writes the int8 networks, calibrated on photos of a folder; how many were looked at.

        ModelError where no photo is there, none shows a face, or another process is at it.
        """
        with keeping.alone(self.place):
            return self._made_int8(photos, most)

    def _made_int8(self, photos: Path, most: int) -> int:
        recording = Recording.of(open_networks(self.pack, Way(), "cpu"))
        model = InsightFaceModel(recording.networks, name="", licence="", thresholds={})
        looked = 0
        for image in islice(_photos(_files(photos), model.max_side), most):
            model.embed([image], [model.detect(image)])
            looked += 1
        guard.forget(self.place, "int8")
        quantise(self.pack, recording, keeping.quantised(self.place, self.pack))
        (self.place / choose.FILE).unlink(missing_ok=True)
        return looked

    def relent(self) -> bool:
        """Puts the pack's own recogniser beside the int8 detector; False where it is there."""
        made = keeping.quantised(self.place, self.pack).recogniser
        if filecmp.cmp(made, self.pack.recogniser, shallow=False):
            return False
        guard.forget(self.place, "int8")
        keeping.copy(self.pack.recogniser, made)
        (self.place / choose.FILE).unlink(missing_ok=True)
        return True

    def judge(
        self, labelled: Path, faces: Path, most: int, tick: Callable[[str], None]
    ) -> dict[Way, guard.Verdict | str]:
        """Measures every faster way that can run here; keeps and gives its verdict.

        For a way that cannot run, what hinders it. labelled: photos with BOXES. faces: one folder
        per person. most: portraits. ModelError where the photos are too few to tell, or another
        process makes or measures this pack's networks.
        """
        with keeping.alone(self.place):
            return self._judged(labelled, faces, most, tick)

    def _judged(
        self, labelled: Path, faces: Path, most: int, tick: Callable[[str], None]
    ) -> dict[Way, guard.Verdict | str]:
        told: dict[Way, guard.Verdict | str] = {}
        portraits(faces, most)  # before the minutes that the labelled photos take
        tick(str(Way()))
        before = self._measured(Way(), labelled, faces, most)
        for way in FASTER:
            why = choose.unable(way, self.pack, self.place)
            if why:
                told[way] = why
                continue
            tick(str(way))
            found = guard.compare(before, self._measured(way, labelled, faces, most))
            if not found.passed and way.precision == "int8" and self.relent():
                tick(f"{way}, with the recogniser as it was")
                found = guard.compare(before, self._measured(way, labelled, faces, most))
            told[way] = found
            guard.keep(self.place, way, found)
        return told

    def _measured(self, way: Way, labelled: Path, faces: Path, most: int) -> guard.Measured:
        model = self.model(way)
        side = model.max_side
        people = (
            (image, person)
            for person, paths in enumerate(portraits(faces, most))
            for image in _photos(paths, side)
        )
        return guard.measure(model, boxed(labelled, side), people)


def boxed(folder: Path, side: int) -> Iterator[tuple[Image, guard.Boxes]]:
    """The photos of a folder that its BOXES knows. ModelError where that cannot be used."""
    for number, (name, boxes) in enumerate(_boxes(folder).items(), 1):
        try:
            photo = read_photo((folder / Path(name).name).read_bytes(), max_side=side)
        except (OSError, PhotoError) as error:
            raise ModelError(
                f"Photo {number} of {BOXES} cannot be read ({type(error).__name__}): put it into"
                f" the folder of labelled photos again, or take it out of {BOXES}."
            ) from error
        size = np.array([photo.width, photo.height] * 2, np.float32)
        yield photo.pixels, boxes / size


def _boxes(folder: Path) -> dict[str, guard.Boxes]:
    try:
        every = json.loads((folder / BOXES).read_text("utf-8"))
        return {
            str(name): np.array(given, np.float32).reshape(len(given), 4)
            for name, given in every.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The folder of labelled photos has no {BOXES} that can be read"
            f' ({type(error).__name__}): write {{"photo.jpg": [[left, top, right, bottom], …]}}.'
        ) from error


def portraits(folder: Path, most: int) -> list[list[Path]]:
    """Photos by person, those first of whom there are two; `most` in all, of PER_PERSON each.

    ModelError where the folder is not there.
    """
    _require(folder)
    people = [_files(each)[:PER_PERSON] for each in sorted(folder.iterdir()) if each.is_dir()]
    people = sorted((each for each in people if each), key=lambda each: len(each) < 2)
    total = np.cumsum([len(each) for each in people])
    return [each for each, count in zip(people, total, strict=True) if count <= most]


def _require(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError("The folder of photos is not there: name one that holds photos.")


def _files(folder: Path) -> list[Path]:
    _require(folder)
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    return sorted(path for path in paths if path.is_file())


def _photos(paths: Sequence[Path], side: int) -> Iterator[Image]:
    """Those that can be read."""
    for path in paths:
        try:
            yield read_photo(path.read_bytes(), max_side=side).pixels
        except (OSError, PhotoError):
            continue
