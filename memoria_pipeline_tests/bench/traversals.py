"""Paths that lead out of where they belong: keys, names of uploads, exports, links, addresses.

Beside the album lies a secret; whoever reads it, or writes anything outside, is found out.
"""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx

from memoria_pipeline.errors import MemoriaError
from memoria_pipeline.privacy import sealed
from memoria_pipeline.store import photo_files, written
from memoria_pipeline.store.discover import _folders
from memoria_pipeline.store.photo_files import Upload
from memoria_pipeline.store.photos import Photos
from memoria_pipeline.store.watch import folder_signature

SECRET = b"\xff\xd8\xffsecret beside the album"
_KEY, _EVENT = b"k" * 32, UUID(int=3)
_EXTENSIONS = (".jpg", ".xmp")


def made(folder: Path) -> Path:
    """An album with links of every kind, and a secret beside it; the album."""
    album, beside = folder / "watched" / "album", folder / "beside"
    album.mkdir(parents=True)
    beside.mkdir()
    (beside / "secret.jpg").write_bytes(SECRET)
    (folder / "watched" / "secret.jpg").write_bytes(SECRET)
    (folder / "watched" / "album-2").mkdir()
    (folder / "watched" / "album-2" / "secret.jpg").write_bytes(SECRET)
    (album / "real.jpg").write_bytes(b"\xff\xd8\xffa photo")
    (album / "file.jpg").symlink_to(beside / "secret.jpg")
    (album / "near.jpg").symlink_to("../secret.jpg")
    (album / "folder").symlink_to(beside)
    (album / "up").symlink_to("..")
    (album / "root").symlink_to("/")
    (album / "twice").symlink_to("folder")
    (album / "next").symlink_to("../album-2")
    (folder / "watched" / "event").symlink_to(beside)
    return album


def keys(album: Path) -> list[str]:
    """Keys of photos that somebody wrote into `media`."""
    secret = album.parents[1] / "beside" / "secret.jpg"
    return [
        *("../secret.jpg", "../../beside/secret.jpg", "a/../../secret.jpg", "./../secret.jpg"),
        *("..", ".", "", "/", "//", "../", "real.jpg/../../secret.jpg", "..\\secret.jpg"),
        *(str(secret), f"/{secret}", f"file://{secret}", f"local://{secret}", "~/secret.jpg"),
        *("file.jpg", "near.jpg", "folder/secret.jpg", "up/secret.jpg", "twice/secret.jpg"),
        *(f"root{secret}", "next/secret.jpg", "up/../secret.jpg", "\0../secret.jpg"),
        *("../secret.jpg\0.jpg", "%2e%2e/secret.jpg", "..%2fsecret.jpg", "．．/secret.jpg"),
        *("..;/secret.jpg", "....//secret.jpg", "..\u2215secret.jpg", "real.jpg::$DATA"),
    ]


def names() -> list[str]:
    """Names of files as browsers may send them."""
    return [
        *("../../beside/secret.jpg", "..\\..\\secret.jpg", "/etc/passwd", "C:\\x.jpg", "..", "."),
        *("", "\0.jpg", "../.upload-x.jpg", "a/../../b.jpg", ".htaccess", "~root/x.jpg", "con.jpg"),
        *(
            "x" * 5_000 + ".jpg",
            "real.jpg",
            "\u202egpj.exe",
            "a\r\nb.jpg",
            "-rf.jpg",
            "folder/x.jpg",
        ),
    ]


def paths() -> list[str]:
    """What a client may ask the review for; no program cleans it up before."""
    up = ("../" * 6, "..%2f" * 6, "%2e%2e/" * 6, "..%5c" * 6, "%252e%252e%252f" * 6, "....//" * 6)
    deep = [f"/static/{each}etc/passwd" for each in up]
    return [
        *deep,
        "/static//etc/passwd",
        "/static/%00/../../pyproject.toml",
        "/static/..%c0%af..%c0%afetc/passwd",
        "/pictures/photo/../../../../etc/passwd",
        f"/pictures/photo/{_EVENT}/..%2f..%2fsecret.jpg?size=64&exp=9999999999&sig=x",
        f"/pictures/face/{_EVENT}/%2e%2e?size=64&exp=9999999999&sig=x",
        "/event/..%2f..%2fetc/media",
        "/../../../../etc/passwd",
        "//etc/passwd",
    ]


def tried(folder: Path, client: httpx.Client) -> tuple[int, list[str]]:
    """How many were tried, and which of them read or wrote outside."""
    album = made(folder)
    before = _outside(folder, album)
    attempts: list[tuple[str, Callable[[], bytes]]] = [
        *((f"key {each!r}", _reading(album, each)) for each in keys(album)),
        *((f"upload {each!r}", _uploading(album, each)) for each in names()),
        *((f"export {each!r}", _exporting(album, each)) for each in keys(album)[:17]),
        *((f"sealed {each!r}", _unsealing(album, each)) for each in keys(album)[:8]),
        *((f"address {each!r}", _asking(client, each)) for each in paths()),
        ("the listing", lambda: _listed(album)),
        ("the watched folder", lambda: _watched(album)),
    ]
    wrong = [what for what, attempt in attempts if _leaks(attempt)]
    wrong += [f"written: {each}" for each in _outside(folder, album) ^ before]
    return len(attempts), wrong


def _leaks(attempt: Callable[[], bytes]) -> bool:
    try:
        said = attempt()
    except MemoriaError:
        return False
    return SECRET in said or b"root:" in said or b"[build-system]" in said


def _outside(folder: Path, album: Path) -> set[tuple[str, int]]:
    found = (each for each in folder.rglob("*") if album not in (each, *each.parents))
    return {(str(each), each.lstat().st_mtime_ns) for each in found if each.is_file()}


def _reading(album: Path, key: str) -> Callable[[], bytes]:
    return lambda: Photos(str(album)).read(key, 1_000_000)


def _uploading(album: Path, name: str) -> Callable[[], bytes]:
    def upload() -> bytes:
        found = photo_files.write(album, [Upload(name, b"\xff\xd8\xff" + b"x" * 20)], 1_000)
        for each in found:
            if "/" in each.storage_key or (album / each.storage_key).parent != album:
                return SECRET
        return b""

    return upload


def _exporting(album: Path, key: str) -> Callable[[], bytes]:
    def export() -> bytes:
        target = album / "export"
        target.mkdir(exist_ok=True)
        written.into(target)(key, b"exported")
        return b""

    return export


def _unsealing(album: Path, name: str) -> Callable[[], bytes]:
    def unseal() -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr(name or "x", b"unsealed")
        path = album / "x.sealed"
        path.write_bytes(sealed.seal(_KEY, _EVENT, packed.getvalue()))
        target = album / "opened"
        target.mkdir(exist_ok=True)
        written.unsealed(path, _KEY, written.into(target))
        return b""

    return unseal


def _asking(client: httpx.Client, path: str) -> Callable[[], bytes]:
    def ask() -> bytes:
        url = httpx.URL("http://memoria.test").copy_with(raw_path=path.encode())
        return client.get(url).content

    return ask


def _listed(album: Path) -> bytes:
    found = [each.storage_key for each in Photos(str(album)).list(_EXTENSIONS)]
    odd = [key for key in found if not Path(album, key).resolve().is_relative_to(album.resolve())]
    return SECRET if odd else b""


def _watched(album: Path) -> bytes:
    """A link in the watched folder is no event; and what is beyond one changes nothing."""
    _, places, _ = _folders(str(album.parent))
    if "event" in {name for _, name in places}:
        return SECRET
    before = folder_signature(str(album))
    beside = album.parents[1] / "beside" / "new.jpg"
    beside.write_bytes(b"new")
    after = folder_signature(str(album))
    beside.unlink()
    return b"" if before == after else SECRET
