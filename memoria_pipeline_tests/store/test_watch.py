"""Looking at folders and at a real S3 and SQS (moto's server, over HTTP)."""

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import s3fs
import sqlalchemy as sa
from botocore.session import get_session
from moto.server import ThreadedMotoServer

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.store import db, discover, events, media, queue, watch
from memoria_pipeline.store.photos import Photos
from memoria_pipeline_tests.fakes import WHITE, picture
from memoria_pipeline_tests.store.factories import a_face, an_album, analysed, found, one, touch

PHOTO = picture(WHITE)


def test_a_folders_signature_changes_with_its_photos_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(PHOTO)
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone")
    first, newest = watch.folder_signature(str(tmp_path))
    assert newest >= (tmp_path / "sub" / "a.png").stat().st_ctime
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / ".hidden.jpg").write_bytes(PHOTO)
    assert watch.folder_signature(str(tmp_path))[0] == first
    os.utime(tmp_path / "sub" / "a.png", (1, 1))
    assert watch.folder_signature(str(tmp_path))[0] != first
    assert watch.folder_signature(str(tmp_path / "gone")) == ("", 0.0)


def test_a_copy_that_keeps_the_files_own_time_is_not_old(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PHOTO)
    os.utime(tmp_path / "a.png", (1, 1))
    os.utime(tmp_path, (1, 1))
    assert watch.folder_signature(str(tmp_path))[1] > 1_000_000


def test_a_photo_that_a_network_drops_once_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(PHOTO)
    monkeypatch.setattr("memoria_pipeline.store.photos._PAUSES", (0.0, 0.0))
    storage = Flaky(str(tmp_path), fails=2)
    assert storage.read_patiently("a.png", 10_000) == PHOTO
    with pytest.raises(PhotoError, match="OSError"):
        Flaky(str(tmp_path), fails=3).read_patiently("a.png", 10_000)


def test_a_photo_that_is_gone_is_not_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no longer there"):
        Photos(str(tmp_path)).read_patiently("gone.png", 10_000)


class Flaky(Photos):
    """Storage whose first reads fail."""

    left: list[int] = []

    def __init__(self, root: str, fails: int) -> None:
        super().__init__(root)
        Flaky.left = list(range(fails))

    def read(self, key: str, max_bytes: int) -> bytes:
        if Flaky.left:
            Flaky.left.pop()
            try:
                raise OSError("Stale file handle")
            except OSError as error:
                raise PhotoError("unreadable", "It cannot be read (OSError).") from error
        return super().read(key, max_bytes)


def test_faces_of_photos_that_went_go_at_once_and_those_a_human_touched_are_lost(
    conn: sa.Connection,
) -> None:
    album = an_album(conn, 3)
    touch(conn, album.event, album.faces[1][0])
    media.register(conn, album.event, found("000.jpg"))
    left = one(conn, "select array_agg(id order by id) from memoria.faces where not lost")
    assert left == sorted(album.faces[0])
    assert one(conn, "select array_agg(id) from memoria.faces where lost") == [album.faces[1][0]]
    media.register(conn, album.event, found("000.jpg", "001.jpg"))
    [back] = media.pending(conn, album.event, "pack")
    media.save_analysis(conn, [analysed(back.id, a_face())], "pack")
    assert one(conn, "select count(*) from memoria.faces") == 3


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """The address of an S3 and SQS of our own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


class Cloud:
    """A bucket `photos` and a queue that its events go to."""

    def __init__(self) -> None:
        session = get_session()
        self.s3 = session.create_client("s3")
        self.sqs = session.create_client("sqs")
        self.s3.create_bucket(Bucket="photos")
        self.queue = self.sqs.create_queue(QueueName="uploads")["QueueUrl"]

    def put(self, key: str) -> None:
        self.s3.put_object(Bucket="photos", Key=key, Body=PHOTO)

    def say(self, message: Any) -> None:
        body = message if isinstance(message, str) else json.dumps(message)
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        about = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(int(each) for each in about["Attributes"].values())


@pytest.fixture
def bucket(cloud: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name, value in {
        "AWS_ENDPOINT_URL": cloud,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    made = Cloud()
    yield made
    for each in made.s3.list_objects_v2(Bucket="photos").get("Contents", []):
        made.s3.delete_object(Bucket="photos", Key=each["Key"])
    made.sqs.delete_queue(QueueUrl=made.queue)


class Places:
    """A database, and what the sensor does with it."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        return db.connect(self.engine)

    def due(self, *, everything: bool) -> None:
        when = "now()" if everything else "'infinity'"
        self.do(f"update memoria.watched set next_look_at = {when}")  # noqa: S608
        self.do("update memoria.lookouts set next_look_at = now()")

    def do(self, statement: str) -> None:
        with self.transaction() as conn:
            conn.execute(sa.text(statement))

    def ask(self, query: str) -> Any:
        with self.transaction() as conn:
            return one(conn, query)

    def photos(self) -> list[str]:
        keys = "select array_agg(storage_key || ' ' || status order by storage_key)"
        return list(self.ask(f"{keys} from memoria.media") or [])


@pytest.fixture
def places(database: sa.Engine) -> Places:
    return Places(database)


def event(record: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"bucket": {"name": "photos"}, "object": {"key": record}}}]}


def test_a_bucket_is_listed_and_what_went_from_it_is_missing(bucket: Cloud, places: Places) -> None:
    bucket.put("albums/party/été 1.png")
    bucket.put("albums/party/b.png")
    assert discover.discover(places.transaction, "s3://photos/albums") is None
    assert watch.look(places.transaction).changed == 1
    assert places.photos() == ["b.png pending", "été 1.png pending"]
    places.due(everything=True)
    assert watch.look(places.transaction).changed == 0
    bucket.s3.delete_object(Bucket="photos", Key="albums/party/b.png")
    places.due(everything=True)
    assert watch.look(places.transaction).changed == 1
    assert places.photos() == ["b.png missing", "été 1.png pending"]


def test_a_bucket_that_cannot_be_read_changes_nothing(bucket: Cloud, places: Places) -> None:
    bucket.put("albums/party/b.png")
    discover.discover(places.transaction, "s3://photos/albums")
    watch.look(places.transaction)
    bucket.s3.delete_object(Bucket="photos", Key="albums/party/b.png")
    places.due(everything=True)
    assert watch.look(places.transaction).problems == 1
    assert places.photos() == ["b.png pending"]
    places.due(everything=True)
    wrong = discover.discover(places.transaction, "nowhere://photos")
    assert "MEMORIA_WATCH is no address" in str(wrong)


def test_messages_of_the_queue_say_where_to_look_and_go_after_our_commit(
    bucket: Cloud, places: Places
) -> None:
    bucket.put("albums/party/a.png")
    discover.discover(places.transaction, "s3://photos/albums")
    watch.look(places.transaction, told=True)
    places.due(everything=False)
    bucket.put("albums/party/é b.png")
    bucket.put("albums/wedding/c.png")
    bucket.say({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"})
    bucket.say(event("albums/party/%C3%A9+b.png"))
    bucket.say({"Type": "Notification", "Message": json.dumps(event("albums/wedding/c.png"))})
    bucket.say("no event at all")
    bucket.say(event("albums/%00/odd.png"))
    bucket.say('{"Records": [{"s3": {"bucket": {"name": "x"}, "object": {"key": "\\ud800/a"}}}]}')
    bucket.say("[" * 100_000)
    assert queue.hear(places.transaction, bucket.queue, "s3://photos/albums") is None
    assert bucket.left() == 0
    assert watch.look(places.transaction, told=True).changed == 2
    assert places.photos() == ["a.png pending", "c.png pending", "é b.png pending"]
    assert places.ask("select array_agg(name order by name) from memoria.events") == [
        "party",
        "wedding",
    ]


def test_messages_stay_in_the_queue_where_the_database_is_away(
    bucket: Cloud, places: Places
) -> None:
    bucket.say(event("albums/party/a.png"))
    with pytest.raises(RuntimeError):
        queue.hear(_away, bucket.queue, None)
    assert bucket.left() == 1


def _away() -> AbstractContextManager[sa.Connection]:
    raise RuntimeError("the database is away")


def test_a_queue_that_is_not_there_is_said(bucket: Cloud, places: Places) -> None:
    said = queue.hear(places.transaction, bucket.queue + "-not", None)
    assert said is not None
    assert "MEMORIA_S3_QUEUE_URL" in said
    assert places.ask("select problem from memoria.lookouts where name = 'queue'") == said


def test_a_key_is_below_each_of_its_folders() -> None:
    assert list(queue.folders_of("b/one/two/x.jpg")) == ["s3://b", "s3://b/one", "s3://b/one/two"]
    keys = ["b/in/event/x.jpg", "b/in/x.jpg", "b/other/event/x.jpg", "b/in/.tmp/x.jpg"]
    assert list(queue.new_places(keys, "s3://b/in/")) == [("s3://b/in/event", "event")]


@pytest.fixture
def folders(places: Places, tmp_path: Path) -> list[Path]:
    """Two places, each an event's, with a photo in it."""
    made = [tmp_path / "one", tmp_path / "two"]
    for folder in made:
        folder.mkdir()
        (folder / "a.png").write_bytes(PHOTO)
        with places.transaction() as conn:
            root = str(folder)
            events.ensure(conn, name="e", photo_root=root, face_model=None, consent=False)
    return made


_LATER = "update memoria.watched set changed_at = now() - interval '1 day', next_look_at = now()"


def test_a_second_burst_of_a_handful_of_old_events_is_seen_at_the_next_tick(
    places: Places, folders: list[Path]
) -> None:
    assert watch.look(places.transaction).changed == 2
    places.do(_LATER)
    watch.look(places.transaction)
    assert places.ask("select min(next_look_at) > now() + interval '4 min' from memoria.watched")
    (folders[0] / "b.png").write_bytes(PHOTO)
    assert watch.look(places.transaction).changed == 1


def test_so_many_places_are_looked_at_early_and_no_more(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_SPARE", 60.0)
    monkeypatch.setattr(watch, "_EARLY", 3)
    places.do(
        "insert into memoria.events (name, photo_root)"
        " select 'e', '/nowhere/' || i from generate_series(1, 5) i"
    )
    places.do("update memoria.watched set quick = true, next_look_at = now() + interval '5 min'")
    watch.look(places.transaction)
    assert places.ask("select count(looked_at) from memoria.watched") == 3


def test_a_place_that_hangs_holds_up_its_own_tick_and_not_the_next_one(
    places: Places, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, back, real = threading.Event(), threading.Event(), watch.folder_signature

    def at_a_server_that_is_gone(root: str) -> tuple[str, float]:
        if root == str(folders[0]):
            hangs.set()
            assert back.wait(60)
        return real(root)

    monkeypatch.setattr(watch, "folder_signature", at_a_server_that_is_gone)
    monkeypatch.setattr(watch, "_MOST", 1)
    first = threading.Thread(target=watch.look, args=(places.transaction,))
    places.do(f"update memoria.watched set next_look_at = '-infinity' where root = '{folders[0]}'")  # noqa: S608
    first.start()
    assert hangs.wait(60)
    monkeypatch.setattr(watch, "_MOST", 2)
    assert watch.look(places.transaction).changed == 1
    back.set()
    first.join()
    assert places.ask("select count(*) from memoria.media") == 2


def test_a_link_to_itself_is_nothing_and_stops_nobody(
    places: Places, folders: list[Path], tmp_path: Path
) -> None:
    (folders[0] / "loop").symlink_to("loop")
    (tmp_path / "loop").symlink_to("loop")
    assert discover.discover(places.transaction, str(tmp_path)) is None
    assert watch.look(places.transaction).changed == 2
    places.due(everything=True)
    assert watch.look(places.transaction) == watch.Looks()


def test_folders_a_thousand_deep_are_a_problem_of_their_place_alone(
    places: Places, folders: list[Path], request: pytest.FixtureRequest
) -> None:
    depth = sys.getrecursionlimit() + 20
    folder = os.open(folders[0], os.O_RDONLY)
    request.addfinalizer(lambda: subprocess.run(["rm", "-rf", folders[0]], check=True))
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        below = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert watch.look(places.transaction) == watch.Looks(changed=1, problems=1)
    assert "RecursionError" in places.ask("select max(problem) from memoria.watched")


def test_a_root_that_moves_is_looked_at_anew(places: Places, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_bytes(PHOTO)
    with places.transaction() as conn:
        root = str(tmp_path / "one")
        events.ensure(conn, name="e", photo_root=root, face_model=None, consent=False)
    watch.look(places.transaction)
    shutil.move(tmp_path / "one", tmp_path / "two")
    with places.transaction() as conn:
        values = {"root": str(tmp_path / "two")}
        conn.execute(sa.text("update memoria.events set photo_root = :root"), values)
    assert watch.look(places.transaction).changed == 1
    places.do("update memoria.events set status = 'archived'")
    assert places.ask("select count(*) from memoria.watched") == 0
