"""An event that forgets, through Dagster, on a photo of six people: only one is ever stored."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from memoria_pipeline.privacy.consent import Said
from memoria_pipeline.store import callers, consents, db
from memoria_pipeline.vision.analyse import Work, analyse_photo
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import Face
from memoria_pipeline_tests.defs.test_checks import launch
from memoria_pipeline_tests.defs.test_process_event import (
    PARTY,
    Pipeline,
    metadata,
    pipeline,
    write,
)

__all__ = ["pipeline"]


@pytest.fixture(scope="module")
def party() -> tuple[Face, ...]:
    """The six faces of the photo, from left to right, as the pack describes them."""
    model = Detector(setting="dlib").load("dlib")
    work = Work(Path.read_bytes, lambda: model)  # type: ignore[arg-type]
    found = analyse_photo("party", PARTY.read_bytes(), work, model).faces
    return tuple(sorted(found, key=lambda face: face.detection.box[0]))


@pytest.fixture
def forgetful(pipeline: Pipeline) -> Pipeline:
    pipeline.query(
        "update memoria.events set analysis_mode = 'match_and_forget' where id = :event returning 1"
    )
    return pipeline


def a_member(of: Pipeline, face: Face) -> UUID:
    """Somebody who joined the event, and gave a selfie."""
    user = uuid4()
    with db.connect(of.engine) as conn:
        conn.execute(_JOIN, {"event": of.event, "user": user})
        callers.become(conn, user)
        consents.give(conn, of.event, user, Said(0, "own_photos", True, "2026-1", "fr"))
        conn.execute(sa.text("reset role"))
        consents.keep_selfie(conn, of.event, user, face, "dlib")
    return user


_JOIN = sa.text(
    "insert into memoria.event_members (event_id, user_id, role) values (:event, :user, 'guest')"
)
_STORED = (
    "select m.storage_key, p.linked_user_id from memoria.faces f"
    " join memoria.media m on m.id = f.media_id and m.status <> 'selfie'"
    " left join memoria.face_persons p on p.id = f.face_person_id and p.event_id = f.event_id"
    " where f.event_id = :event order by 1"
)


def stored(of: Pipeline) -> list[Any]:
    return [tuple(row) for row in of.query(_STORED)]


def test_only_the_face_of_the_member_is_stored_with_who_it_is(
    forgetful: Pipeline, party: tuple[Face, ...]
) -> None:
    result = launch(forgetful, "media", "faces", "embeddings")
    assert result.success
    assert stored(forgetful) == []
    assert metadata(result, "faces")["faces forgotten"] == 12
    user = a_member(forgetful, party[2])
    result = forgetful.run()
    assert result.success
    assert stored(forgetful) == [("a.jpg", user), ("b.jpg", user)]
    assert metadata(result, "faces")["faces found"] == 2
    assert metadata(result, "faces")["faces forgotten"] == 10
    assert metadata(result, "clusters")["run"] == "none: faces came with the person that they are"
    assert [
        check.check_name for check in result.get_asset_check_evaluations() if not check.passed
    ] == []
    assert forgetful.query("select count(*) from memoria.media_tags") == [(0,)]
    assert forgetful.photos().analysed == 2


def test_who_takes_it_back_is_gone_and_the_other_member_stays(
    forgetful: Pipeline, party: tuple[Face, ...]
) -> None:
    leaving, staying = a_member(forgetful, party[0]), a_member(forgetful, party[3])
    assert launch(forgetful, "media", "faces", "embeddings").success
    assert {user for _, user in stored(forgetful)} == {leaving, staying}
    with db.connect(forgetful.engine) as conn:
        callers.become(conn, leaving)
        assert consents.take_back(conn, forgetful.event, "own_photos", "api") is not None
    assert stored(forgetful) == [("a.jpg", staying), ("b.jpg", staying)]
    write(forgetful.folder, "c.jpg", 0.9)
    assert launch(forgetful, "media", "faces", "embeddings").success
    assert {user for _, user in stored(forgetful)} == {staying}
    assert len(stored(forgetful)) == 3
