"""`memoria export`, from tags in a database to files; the photos' own folder stays as it is."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageOps
from typer.testing import CliRunner

from memoria_pipeline.cli import commands
from memoria_pipeline.commands import export as module
from memoria_pipeline.commands import keys
from memoria_pipeline.errors import ExportError, MemoriaError, SettingsError
from memoria_pipeline.export import jpeg, xmp
from memoria_pipeline.export.album import Photo
from memoria_pipeline.export.regions import marks
from memoria_pipeline.store import audit, events, hidden, media, written
from memoria_pipeline.vision.hide import region
from memoria_pipeline_tests.export.test_xmp import names, regions
from memoria_pipeline_tests.store import factories
from memoria_pipeline_tests.store.factories import ORGANISER

NAME = "Zoë <O'Brien> & Söhne"


def picture(path: Path, kind: str, **options: Any) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.effect_noise((64, 48), 50).convert("RGB").save(data, kind, **options)
    path.write_bytes(data.getvalue())
    return data.getvalue()


@pytest.fixture
def album(conn: sa.Connection, tmp_path: Path) -> UUID:
    """Three photos with the same guest on each, and one with a guess of a machine."""
    photos = tmp_path / "photos"
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(photos / "a.jpg", "jpeg", exif=turned)
    picture(photos / "day two" / "ünï.png", "png")
    picture(photos / "c.jpg", "jpeg")
    picture(photos / "d.jpg", "jpeg")
    event = events.ensure(
        conn, name="Fête", photo_root=str(photos), face_model="pack", consent=True
    )
    guest = uuid4()
    conn.execute(
        sa.text(
            "insert into memoria.event_members (event_id, user_id, role, display_name)"
            " values (:event, :guest, 'guest', :name)"
        ),
        {"event": event, "guest": guest, "name": NAME},
    )
    media.register(conn, event, factories.found("a.jpg", "day two/ünï.png", "c.jpg", "d.jpg"))
    todo = media.pending(conn, event, "pack")
    media.save_analysis(conn, [factories.analysed(each.id) for each in todo], "pack")
    for each in todo:
        tag(conn, each.id, guest, "suggested" if each.storage_key == "d.jpg" else "manual")
    return event


def tag(conn: sa.Connection, photo: UUID, guest: UUID, source: str) -> None:
    box = json.dumps({"x": 0.1, "y": 0.2, "w": 0.2, "h": 0.4})
    conn.execute(
        sa.text(
            "insert into memoria.media_tags (media_id, tagged_user_id, tagged_by_user_id, source,"
            " bbox) values (:photo, :guest, :by, :source, cast(:box as jsonb))"
        ),
        {"photo": photo, "guest": guest, "by": ORGANISER, "source": source, "box": box},
    )


@pytest.fixture
def run(conn: sa.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in the folder `tmp_path`."""

    @contextmanager
    def database() -> Iterator[sa.Connection]:
        audit.by_way_of(conn, "cli")
        yield conn

    monkeypatch.setattr(module, "database", database)
    monkeypatch.chdir(tmp_path)

    def export(event: UUID, *options: str) -> Any:
        result = CliRunner().invoke(commands, ["export", str(event), "--plain", *options])
        if isinstance(result.exception, MemoriaError):
            raise result.exception
        return result

    return export


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_table_holds_what_humans_confirmed(run: Any, album: UUID, tmp_path: Path) -> None:
    result = run(album, "--to", "out")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "tags.csv").read_text("utf-8-sig")
    assert text.count(NAME) == 3
    assert "d.jpg" not in text
    assert run(album, "--format", "json", "--to", "out").exit_code == 0
    told = json.loads((tmp_path / "out" / "tags.json").read_text())
    assert [each["photo"] for each in told["photos"]] == ["a.jpg", "c.jpg", "day two/ünï.png"]


def test_without_a_folder_one_is_named_after_the_event(
    run: Any, album: UUID, tmp_path: Path
) -> None:
    run(album)
    assert (tmp_path / f"memoria-export-{album.hex[:8]}" / "tags.csv").exists()


def test_sidecars_lie_as_the_photos_do_and_the_photos_folder_is_left_alone(
    run: Any, album: UUID, tmp_path: Path
) -> None:
    before = files(tmp_path / "photos")
    assert run(album, "--format", "xmp", "--to", "out").exit_code == 0
    found = files(tmp_path / "out")
    assert set(found) == {"a.jpg.xmp", "c.jpg.xmp", "day two/ünï.png.xmp"}
    assert all(names(each) == [NAME] for each in found.values())
    assert regions(found["c.jpg.xmp"]) == [(NAME, (0.2, 0.4, 0.2, 0.4))]
    assert regions(found["a.jpg.xmp"]) == [(NAME, (0.4, 0.8, 0.4, 0.2))]  # it is stored on its side
    assert files(tmp_path / "photos") == before


def test_copies_hold_the_names_and_the_same_picture(run: Any, album: UUID, tmp_path: Path) -> None:
    before = files(tmp_path / "photos")
    assert run(album, "--format", "xmp", "--copies", "--to", "out").exit_code == 0
    found = files(tmp_path / "out")
    assert set(found) == {"a.jpg", "c.jpg", "day two/ünï.png", "day two/ünï.png.xmp"}
    assert found["day two/ünï.png"] == before["day two/ünï.png"]
    with Image.open(io.BytesIO(found["a.jpg"])) as copy:
        assert NAME in str(copy.getxmp())
        assert copy.tobytes() == Image.open(io.BytesIO(before["a.jpg"])).tobytes()
    assert files(tmp_path / "photos") == before


def test_a_sidecar_starts_from_the_one_that_the_photo_has(
    run: Any, album: UUID, tmp_path: Path
) -> None:
    theirs = xmp.packet(marks(Photo(uuid4(), "c.jpg", 1, 1, ())))
    kept = theirs.replace(b'rdf:about=""', b'rdf:about="" xmlns:q="urn:q#" q:note="kept"')
    (tmp_path / "photos" / "c.jpg.xmp").write_bytes(kept)
    run(album, "--format", "xmp", "--to", "out")
    assert b"kept" in (tmp_path / "out" / "c.jpg.xmp").read_bytes()


def test_only_when_told_it_writes_beside_the_photos(run: Any, album: UUID, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for given in (["--to", str(photos)], ["--format", "xmp", "--to", str(photos / "x")]):
        with pytest.raises(ExportError, match="own folder"):
            run(album, *given)
    before = files(photos)
    assert run(album, "--format", "xmp", "--beside").exit_code == 0
    after = files(photos)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 3
    assert run(album, "--format", "xmp", "--beside").exit_code == 0
    assert files(photos) == after


def test_a_photo_that_is_gone_is_named_and_the_rest_is_written(
    run: Any, album: UUID, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "a.jpg").unlink()
    result = run(album, "--format", "xmp", "--to", "out")
    assert result.exit_code == 1
    assert "a.jpg" in result.output
    assert set(files(tmp_path / "out")) == {"c.jpg.xmp", "day two/ünï.png.xmp"}


def test_what_stops_halfway_leaves_nothing_that_looks_whole(
    run: Any, album: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = written.file, iter(range(2))

    def full(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise ExportError("No space.")
        write(path, data)

    monkeypatch.setattr(written, "file", full)
    with pytest.raises(ExportError, match="No space"):
        run(album, "--format", "xmp", "--to", "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_a_folder_with_something_in_it_is_not_mixed_with(
    run: Any, album: UUID, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="not empty"):
        run(album, "--format", "xmp", "--to", "out")
    assert set(files(tmp_path / "out")) == {"mine.txt"}


@pytest.fixture
def seal(run: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `memoria export …` as it is said, with a master key."""
    monkeypatch.setattr(keys, "master_key", lambda: "m" * 40)

    def export(*arguments: str) -> Any:
        result = CliRunner().invoke(commands, ["export", *arguments])
        if isinstance(result.exception, MemoriaError):
            raise result.exception
        return result

    return export


def test_unless_told_otherwise_one_sealed_file_holds_it_all_and_opens_again(
    seal: Any, run: Any, album: UUID, tmp_path: Path
) -> None:
    before = files(tmp_path / "photos")
    said = seal(str(album), "--format", "xmp", "--copies", "--to", "out")
    assert (said.exit_code, "export open out.sealed" in said.output) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.sealed", "photos"]
    data = (tmp_path / "out.sealed").read_bytes()
    # neither a name of a photo nor one of a guest, nor the picture itself
    assert not [each for each in (b"a.jpg", NAME.encode(), before["c.jpg"][-64:]) if each in data]
    assert seal("open", "out.sealed").exit_code == 0
    run(album, "--format", "xmp", "--copies", "--to", "plain")
    assert files(tmp_path / "out") == files(tmp_path / "plain")
    with pytest.raises(ExportError, match="already"):
        seal(str(album), "--to", "out")


def test_what_was_sealed_opens_no_more_once_the_event_is_erased(
    seal: Any, conn: sa.Connection, album: UUID, tmp_path: Path
) -> None:
    seal(str(album), "--to", "out")
    conn.execute(
        sa.text("update memoria.events set status = 'deleted' where id = :e"), {"e": album}
    )
    with pytest.raises(ExportError, match="erased"):
        seal("open", "out.sealed")
    with pytest.raises(ExportError, match="erased"):  # nor does it get a new one
        seal(str(album), "--to", "again")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".sealed"] == ["out.sealed"]


def test_a_key_of_another_master_and_a_file_of_nobody_are_refused(
    seal: Any, album: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(str(album), "--to", "out")
    (tmp_path / "other.sealed").write_bytes(b"PK\3\4 no such thing" * 9)
    with pytest.raises(ExportError, match="none that Memoria sealed"):
        seal("open", "other.sealed")
    with pytest.raises(ExportError, match="cannot be read"):
        seal("open", "nowhere.sealed")
    monkeypatch.setattr(keys, "master_key", lambda: "n" * 40)
    with pytest.raises(ExportError, match="MEMORIA_MASTER_KEY"):
        seal("open", "out.sealed")
    assert not (tmp_path / "out").exists()


def test_under_a_new_master_key_what_was_sealed_opens_and_the_old_one_opens_nothing(
    seal: Any, conn: sa.Connection, album: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "database", lambda: nullcontext(conn))
    seal(str(album), "--to", "out")
    (tmp_path / "old.key").write_text("m" * 40)
    monkeypatch.setattr(keys, "master_key", lambda: "n" * 40)
    with pytest.raises(SettingsError, match="cannot be read"):
        seal("rotate", "--old", "nowhere.key")
    assert "1 keys" in seal("rotate", "--old", "old.key").output
    assert seal("open", "out.sealed").exit_code == 0
    assert "0 keys" in seal("rotate", "--old", "old.key").output
    monkeypatch.setattr(keys, "master_key", lambda: "m" * 40)
    with pytest.raises(ExportError, match="another master key"):
        seal("open", "out.sealed", "--to", "again")
    (tmp_path / "other.key").write_text("o" * 40)
    with pytest.raises(SettingsError, match="yet another"):
        seal("rotate", "--old", "other.key")


def test_beside_the_photos_is_never_sealed_and_has_to_be_said(seal: Any, album: UUID) -> None:
    said = seal(str(album), "--format", "xmp", "--beside")
    assert (said.exit_code, "--plain" in said.output) == (2, True)


def _hidden_guest(conn: sa.Connection, album: UUID, folder: Path) -> None:
    """The guest is hidden; photos are known by their bytes, but for one that changed since."""
    guest = conn.scalar(
        sa.text("select user_id from memoria.event_members where event_id = :e"), {"e": album}
    )
    hidden.hide(conn, album, guest, hidden=True)
    for row in conn.execute(sa.text("select id, storage_key from memoria.media")).all():
        data = b"another" if row.storage_key == "c.jpg" else (folder / row.storage_key).read_bytes()
        conn.execute(
            sa.text("update memoria.media set sha256 = :sha where id = :id"),
            {"sha": hashlib.sha256(data).hexdigest(), "id": row.id},
        )


def test_an_export_for_viewers_has_blurred_copies_and_no_tag_of_who_is_hidden(
    run: Any, album: UUID, conn: sa.Connection, tmp_path: Path
) -> None:
    before = files(tmp_path / "photos")
    _hidden_guest(conn, album, tmp_path / "photos")
    result = run(album, "--format", "xmp", "--copies", "--for-viewers", "--to", "out")
    found = files(tmp_path / "out")
    assert set(found) == {"a.jpg.jpg", "day two/ünï.png.jpg"}
    assert "nobody looked yet" in result.output  # c.jpg is not the photo that was analysed
    for key, data in found.items():
        copy = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)
        upright = ImageOps.exif_transpose(Image.open(tmp_path / "photos" / key[:-4]))
        original = np.asarray(upright.convert("RGB"), np.int16)
        left, top, right, bottom = region((0.1, 0.2, 0.2, 0.4), *upright.size)
        apart = np.abs(copy - original)
        assert apart[top:bottom, left:right].mean() > 15
        assert apart[:, right + 16 :].mean() < 8
        assert not names(jpeg.xmp_of(data) or b"")
        assert NAME.encode() not in data
    assert files(tmp_path / "photos") == before


def test_a_table_for_viewers_leaves_out_who_is_hidden(
    run: Any, album: UUID, conn: sa.Connection, tmp_path: Path
) -> None:
    _hidden_guest(conn, album, tmp_path / "photos")
    run(album, "--for-viewers", "--to", "out")
    assert NAME not in (tmp_path / "out" / "tags.csv").read_text("utf-8-sig")


def test_an_export_is_written_into_the_audit(run: Any, album: UUID, conn: sa.Connection) -> None:
    run(album, "--to", "out")
    found = [each for each in audit.of_event(conn, album).items if each.verb == "exported"]
    assert [(each.thing, each.times, each.via) for each in found] == [("tags", 3, "cli")]
