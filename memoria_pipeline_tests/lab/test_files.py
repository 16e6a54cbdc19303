"""What is written where, and what is left when something stops."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memoria_pipeline.errors import LabError
from memoria_pipeline.lab.faces import find_faces
from memoria_pipeline.lab.files import check_outputs, whole
from memoria_pipeline.vision.analyse import Outcome
from memoria_pipeline.vision.detector import Detector


class Scripted(Detector):
    """Reads each photo and finds no face in any; stops at one called `stop`, as Ctrl-C would."""

    def analyse(self, model: str, keys: Iterable[str], read: Any, **_: object) -> Iterator[Outcome]:
        for key in keys:
            if "stop" in key:
                raise KeyboardInterrupt
            try:
                read(key)
                yield Outcome(key)
            except Exception as error:
                yield Outcome(key, error=("unreadable", str(error)))


def _find(folder: Path, output: Path, errors: Path | None = None) -> list[str]:
    found = find_faces(folder, output, Scripted("dlib"), lambda total: None, errors)
    return [key for key, _, _ in found.errors]


def _write_half(path: Path, stop: type[BaseException]) -> None:
    with whole(path) as half:
        half.write_text("embeddings")
        raise stop


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    return folder


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_file_that_was_not_finished_is_removed(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "faces.parquet"
    path.write_text("before")
    with pytest.raises(stop):
        _write_half(path, stop)
    assert [each.name for each in tmp_path.iterdir()] == ["faces.parquet"]
    assert path.read_text() == "before"


def test_a_stop_among_the_photos_leaves_no_embeddings(album: Path, tmp_path: Path) -> None:
    (album / "stop.jpg").write_bytes(b"s")
    with pytest.raises(KeyboardInterrupt):
        _find(album, tmp_path / "faces.parquet")
    assert [each.name for each in tmp_path.iterdir()] == ["album"]


def test_every_photo_that_cannot_be_read_is_listed(album: Path, tmp_path: Path) -> None:
    (album / "nowhere.jpg").symlink_to(album / "gone.jpg")
    (album / "b\\c.jpg").write_bytes(b"b")
    Path(f"{album}/\udcff.jpg").write_bytes(b"c")
    errors = tmp_path / "errors.csv"
    assert sorted(_find(album, tmp_path / "o.parquet", errors)) == ["\\udcff.jpg", "nowhere.jpg"]
    lines = errors.read_text().splitlines()
    assert lines[0] == "photo,reason,message"
    assert sorted(line.split(",")[0] for line in lines[1:]) == ["\\udcff.jpg", "nowhere.jpg"]


def test_mistakes_are_told_before_the_work_starts(album: Path, tmp_path: Path) -> None:
    stop = album / "stop.jpg"
    stop.write_bytes(b"s")  # were the work to start, it would end in a KeyboardInterrupt
    out, no = tmp_path / "faces.parquet", tmp_path / "no" / "x"
    for folder, output, errors, says in [
        (tmp_path / "nodir", out, None, "nodir is not a folder"),
        (album, no, None, "there is no folder"),
        (album, out, no, "there is no folder"),
        (album, out, out, "are one file"),
        (album, out, album / ".." / out.name, "are one file"),
        (album, album, None, "it is a folder"),
        (album, stop, None, "ending of a photo"),
    ]:
        with pytest.raises(LabError, match=says):
            _find(folder, output, errors)


def test_an_output_is_no_input_under_any_name(tmp_path: Path) -> None:
    source, link, hard = tmp_path / "a", tmp_path / "link", tmp_path / "hard"
    source.write_text("a")
    link.symlink_to(source)
    hard.hardlink_to(source)
    for output in (source, link, hard):
        with pytest.raises(LabError, match="are one file"):
            check_outputs([output], [source])
    check_outputs([tmp_path / "b", None], [source, None])
