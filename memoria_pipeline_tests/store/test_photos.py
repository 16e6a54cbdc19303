import logging
import os
import subprocess
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from memoria_pipeline.errors import PhotoError, SettingsError
from memoria_pipeline.store.photos import Photos

_EXTS = (".jpg", ".png")
_HOSTILE = ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "", "..", "a\\..\\..\\x.jpg", "a\0.jpg"]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    root = tmp_path / "mon album"
    (root / "été" / "nuit").mkdir(parents=True)
    for key in ("b.JPG", "été/a.png", "été/nuit/c.jpg", "notes.txt", ".hidden.jpg"):
        (root / key).write_bytes(b"x" * len(key))
    (root / ".trash").mkdir()
    (root / ".trash" / "old.jpg").write_bytes(b"old")
    return root


def _keys(root: Path | str) -> list[str]:
    return [photo.storage_key for photo in Photos(str(root)).list(_EXTS)]


def _reason(root: Path, key: str, limit: int = 100) -> str:
    with pytest.raises(PhotoError) as raised:
        Photos(str(root)).read(key, limit)
    return raised.value.reason


def test_photos_are_listed_by_key_in_all_folders_and_hidden_ones_are_not(album: Path) -> None:
    assert _keys(album) == ["b.JPG", "été/a.png", "été/nuit/c.jpg"]
    assert _keys(f"file://{album}") == _keys(album)


def test_a_photo_has_its_size_and_an_etag_that_changes_with_the_file(album: Path) -> None:
    before = next(Photos(str(album)).list(_EXTS))
    assert before.byte_size == len("b.JPG")
    assert next(Photos(str(album)).list(_EXTS)) == before
    os.utime(album / "b.JPG", ns=(1, 1))
    assert next(Photos(str(album)).list(_EXTS)).etag != before.etag


def test_links_that_lead_back_up_do_no_harm(album: Path) -> None:
    (album / "été" / "back").symlink_to(album)
    assert _keys(album) == ["b.JPG", "été/a.png", "été/nuit/c.jpg"]


def test_a_link_to_nowhere_is_listed_and_says_why_when_it_is_read(album: Path) -> None:
    (album / "broken.jpg").symlink_to(album / "nowhere.jpg")
    (album / "self.jpg").symlink_to(album / "self.jpg")
    found = {each.storage_key: each for each in Photos(str(album)).list(_EXTS)}
    for key in ("broken.jpg", "self.jpg"):
        assert (found[key].byte_size, found[key].etag) == (0, "unreadable")
        assert _reason(album, key) in {"missing", "unreadable"}
    (album / "nowhere.jpg").write_bytes(b"there")
    mended = {each.storage_key: each for each in Photos(str(album)).list(_EXTS)}
    assert mended["broken.jpg"].etag != "unreadable"


def test_links_that_lead_out_are_neither_listed_nor_read_and_those_within_are(
    album: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.jpg").write_bytes(b"secret")
    (album / "out.jpg").symlink_to(elsewhere / "secret.jpg")
    (album / "out").symlink_to(elsewhere)
    (album / "album-2").symlink_to(f"{album}-2")
    Path(f"{album}-2").mkdir()  # its name begins as the album's does
    Path(f"{album}-2", "beside.jpg").write_bytes(b"secret")
    (album / "within.jpg").symlink_to("b.JPG")
    heard: list[str] = []
    found = [
        each.storage_key for each in Photos(str(album)).list(_EXTS, lambda k, _: heard.append(k))
    ]
    assert "within.jpg" in found
    assert not {key for key in found if key.startswith(("out", "album-2"))}
    assert set(heard) == {"out.jpg", "out", "album-2"}
    for key in ("out.jpg", "out/secret.jpg", "album-2/beside.jpg"):
        assert _reason(album, key) == "missing"
    assert Photos(str(album)).read("within.jpg", 9) == Photos(str(album)).read("b.JPG", 9)
    linked = tmp_path_factory.mktemp("linked") / "album"
    linked.symlink_to(album)  # the root itself may be one: its owner said so
    assert "b.JPG" in _keys(linked)


@pytest.mark.skipif(os.sep == "\\", reason="here a backslash separates")
def test_a_backslash_is_a_letter_in_a_folder_and_refused_in_a_bucket(album: Path) -> None:
    (album / "a\\b.jpg").write_bytes(b"abc")
    for root in (str(album), f"file://{album}"):
        assert "a\\b.jpg" in _keys(root)
        assert Photos(root).read("a\\b.jpg", 3) == b"abc"
    fsspec.filesystem("memory").pipe({"/windows/a\\b.jpg": b"abc"})
    with pytest.raises(PhotoError, match="not the key"):
        Photos("memory://windows").read("a\\b.jpg", 3)


def test_whoever_asks_hears_of_what_cannot_be_listed(album: Path) -> None:
    Path(os.fsdecode(os.fsencode(album) + b"/\xff.jpg")).write_bytes(b"x")
    os.mkfifo(album / "pipe.jpg")
    os.mkfifo(album / "pipe.txt")
    heard: dict[str, str] = {}
    assert len(list(Photos(str(album)).list(_EXTS, heard.__setitem__))) == 3
    assert sorted(heard) == ["\\udcff.jpg", "pipe.jpg"]
    assert "UTF-8" in heard["\\udcff.jpg"]
    assert "not a plain file" in heard["pipe.jpg"]


def test_a_folder_that_cannot_be_read_is_an_error_and_not_an_empty_one(album: Path) -> None:
    """Listed by a process of its own, as nobody where we are root, who may read everything."""
    (album / "été" / "nuit").chmod(0)
    script = (
        "import os, sys; from memoria_pipeline.store.photos import Photos\n"
        "from memoria_pipeline.errors import SettingsError\n"
        "os.chdir(sys.argv[1])\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: print(list(Photos('.').list(['.jpg'])))\n"
        "except SettingsError as error: print('refused:', error)"
    )
    album.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", script, str(album)], capture_output=True, text=True, check=False
    )
    (album / "été" / "nuit").chmod(0o700)
    assert "refused: A folder of the album cannot be read (Permission denied)" in done.stdout
    assert "nuit" not in done.stdout + done.stderr


class _Down(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A bucket whose client fails with the address in its words, as botocore's does."""

    protocol = "down"

    def find(self, path: str, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionError(f"https://bucket/{path}/Ada Lovelace")

    def exists(self, path: str, **_: Any) -> bool:
        return True


def test_a_bucket_that_fails_is_an_error_without_its_address() -> None:
    fsspec.register_implementation("down", _Down, clobber=True)
    with pytest.raises(SettingsError, match="cannot be listed .ConnectionError") as refused:
        _keys("down://album")
    assert "Lovelace" not in "".join(traceback.format_exception(refused.value))


def test_a_name_that_is_no_text_is_reported_and_the_rest_is_listed(
    album: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Path(os.fsdecode(os.fsencode(album) + b"/\xff\xfe.jpg")).write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        assert len(_keys(album)) == 3
    assert "rename it" in caplog.text


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a::b {c} 100% #1?"
    folder.mkdir()
    (folder / "x.jpg").write_bytes(b"abc")
    assert _keys(folder) == ["x.jpg"]
    assert Photos(str(folder)).read("x.jpg", 3) == b"abc"


def test_a_root_that_is_not_there_is_an_error_and_not_an_empty_album(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such folder"):
        _keys(tmp_path / "unmounted")
    with pytest.raises(SettingsError, match="There is nothing at"):
        _keys("memory://nowhere-at-all")
    with pytest.raises(SettingsError, match="neither a folder nor an address"):
        _keys("nope://bucket")


def test_a_photo_is_read_whole(album: Path) -> None:
    assert Photos(str(album)).read("été/a.png", 100) == b"x" * len("été/a.png")


@pytest.mark.parametrize("key", _HOSTILE)
def test_a_key_that_leads_out_of_the_root_is_not_read(album: Path, key: str) -> None:
    (album.parent / "x.jpg").write_bytes(b"secret")
    assert _reason(album, key) == "missing"


def test_what_cannot_be_read_says_why(album: Path) -> None:
    assert _reason(album, "gone.jpg") == "missing"
    assert _reason(album, "été/nuit/c.jpg", limit=3) == "too_large"
    assert _reason(album, "été") == "unreadable"


def test_a_pipe_is_neither_listed_nor_waited_for(album: Path) -> None:
    os.mkfifo(album / "pipe.jpg")
    assert "pipe.jpg" not in _keys(album)
    assert _reason(album, "pipe.jpg") == "unreadable"


def test_a_bucket_is_listed_and_read_like_a_folder() -> None:
    bucket = fsspec.filesystem("memory")
    bucket.pipe({"/bucket/fête/a.jpg": b"abc", "/bucket/.x/b.jpg": b"", "/bucket/z.txt": b""})
    photos = Photos("memory://bucket")
    assert [(p.storage_key, p.byte_size) for p in photos.list(_EXTS)] == [("fête/a.jpg", 3)]
    assert photos.read("fête/a.jpg", 3) == b"abc"
    with pytest.raises(PhotoError, match="larger"):
        photos.read("fête/a.jpg", 2)


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="s3fs is installed")
def test_s3_without_its_package_names_the_mend() -> None:
    with pytest.raises(SettingsError, match="s3fs"):
        _keys("s3://bucket/album")
