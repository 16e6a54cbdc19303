"""What holds new people back, on a real database: who stands stays, and nothing gets round it."""

import json
from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.defs import grouping
from memoria_pipeline.defs.holding import Gate
from memoria_pipeline.errors import QualityError
from memoria_pipeline.quality.expectations import Limits, declared, of_grouping
from memoria_pipeline.store import (
    canaries,
    decisions,
    held,
    media,
    observed,
    persons,
    proposals,
    runs,
)
from memoria_pipeline.store.canaries import Canary
from memoria_pipeline_tests.defs.test_grouping import HOW, WHO, Album
from memoria_pipeline_tests.store import factories
from memoria_pipeline_tests.store.factories import one

BLIND = replace(HOW, gate=Gate(seen={"canary_wrong": 1}))
KNOWINGLY = replace(HOW, gate=Gate(seen={"canary_wrong": 1}, despite=True))


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    return Album(conn)


def standing(album: Album) -> dict[UUID, UUID]:
    return persons.current(album.conn, album.event)


def newest(album: Album) -> runs.ClusterRun:
    query = "select id from memoria.cluster_runs order by created_at desc limit 1"
    return runs.get(album.conn, one(album.conn, query))


def count(album: Album) -> int:
    return int(one(album.conn, "select count(*) from memoria.cluster_runs"))


def fail(album: Album, photos: list[UUID]) -> None:
    for photo in photos:
        media.save_failure(album.conn, photo, "broken", "It is cut off. Upload it again.")


def upload_and_break(album: Album, number: int) -> None:
    """Photos that cannot be read, more than a handful."""
    keys = [f"{i:04}.jpg" for i in range(len(album.photos))]
    media.register(
        album.conn, album.event, factories.found(*keys, *(f"x{i}.jpg" for i in range(number)))
    )
    fail(album, [p.id for p in media.pending(album.conn, album.event, factories.PACK)])


def test_a_first_grouping_that_fails_an_expectation_shows_nobody(album: Album) -> None:
    album.add((0, 1), (0, 1))
    told = album.group(BLIND)
    assert (told["run"], told["published"]) == ("full", False)
    assert "the detector finds the faces of a known photo" in str(told["held back"])
    assert standing(album) == {}
    run = newest(album)
    assert (run.status, run.published_at) == ("held", None)
    assert run.reason == told["held back"]
    assert run.measures["faces"] == 4


def test_who_stands_stays_while_new_faces_are_held_back(album: Album) -> None:
    album.add((0, 1), (0, 1))
    album.group()
    before = standing(album)
    [[new, _]] = album.add((0, 5))
    told = album.group(BLIND)
    assert (told["run"], told["published"]) == ("incremental", False)
    assert standing(album) == before
    assert album.who(new) is None
    album.group()
    assert album.who(new) in before.values()
    assert {face: standing(album)[face] for face in before} == before


def test_the_reason_is_kept_with_its_numbers(album: Album) -> None:
    album.add((0,))
    album.group(BLIND)
    kept = one(album.conn, "select failures from memoria.cluster_runs")
    assert kept == [
        {
            "name": "the_detector_finds_the_faces_of_a_known_photo",
            "observed": 1,
            "least": None,
            "most": 0,
        }
    ]


def test_the_same_is_not_tried_again_until_something_changed(album: Album) -> None:
    album.add((0, 1))
    album.group(BLIND)
    again = album.group(BLIND)
    assert again["run"] == "none: nothing changed since it was held back"
    assert "known photo" in str(again["held back"])
    assert count(album) == 1
    album.add((0,))  # a face more
    assert album.group(BLIND)["run"] == "full"
    assert count(album) == 2
    assert album.group()["run"] == "full"  # the detector is well again
    assert len(standing(album)) == 3


def test_other_parameters_are_tried_though_the_last_were_held_back(album: Album) -> None:
    album.add((0, 1))
    album.group(BLIND)
    other = replace(BLIND, thresholds=replace(BLIND.thresholds, merge=0.9))
    assert album.group(other)["run"] == "full"
    assert count(album) == 2


def test_it_can_be_published_knowingly_and_the_run_says_so(album: Album) -> None:
    album.add((0, 1))
    album.group(BLIND)
    told = album.group(KNOWINGLY)
    assert "known photo" in str(told["published despite"])
    assert len(standing(album)) == 2
    run = newest(album)
    assert run.status == "published"
    assert run.reason == told["published despite"]
    assert one(album.conn, "select count(failures) from memoria.cluster_runs") == 2


def test_too_many_unreadable_photos_hold_people_back_until_they_can_be_read(album: Album) -> None:
    album.add(*[(i,) for i in range(8)])
    upload_and_break(album, 6)
    told = album.group()
    assert str(told["held back"]).startswith("few photos are unreadable: at most 0.25")
    assert standing(album) == {}
    album.conn.execute(
        sa.text("update memoria.media set status = 'missing' where storage_key like 'x%'")
    )
    album.group()
    assert len(standing(album)) == 8


def test_a_handful_of_unreadable_photos_stops_no_album(album: Album) -> None:
    album.add((0,), (1,))
    upload_and_break(album, 5)
    album.group()
    assert len(standing(album)) == 2


def test_a_photo_that_was_not_looked_at_holds_people_back_unless_it_came_later(
    album: Album,
) -> None:
    album.add((0,), (1,))
    before = one(album.conn, "select clock_timestamp()")
    factories.photos(album.conn, album.event, "0000.jpg", "0001.jpg", "late.jpg")
    # all of one transaction has one time
    album.conn.execute(
        sa.text(
            "update memoria.media set created_at = clock_timestamp() where storage_key = 'late.jpg'"
        )
    )
    assert "every photo is accounted for" in str(album.group()["held back"])
    album.group(replace(HOW, gate=Gate(since=before)))
    assert len(standing(album)) == 2


def test_a_vector_of_another_length_holds_people_back(album: Album) -> None:
    album.add((0,))
    album.conn.execute(sa.text("alter table memoria.faces disable trigger user"))
    album.conn.execute(
        sa.text(
            "update memoria.faces set embedding = (select array_agg(0.995 * x)::halfvec(512)"
            " from unnest(embedding::vector(512)::real[]) as x)"
        )
    )
    assert "every embedding has unit length" in str(album.group()["held back"])


def test_new_photos_that_would_give_many_old_faces_other_mates_are_held_back(album: Album) -> None:
    guests = [(i,) for i in range(24)]
    album.add(*guests, *guests, noise=0.02)
    album.group(replace(HOW, thresholds=replace(HOW.thresholds, merge=0.9999)))
    before = standing(album)
    assert len(set(before.values())) == 48  # nobody was seen to be there twice
    album.add(*guests, noise=0.02)
    told = album.group()
    assert str(told["held back"]).startswith("faces keep their mates: at most 0.01, observed ")
    assert standing(album) == before
    [churn] = album.conn.scalars(
        sa.text("select measures -> 'churn' from memoria.cluster_runs where status = 'held'")
    )
    assert churn > 0.5


def test_whoever_is_twice_in_a_photo_is_parted_however_many_get_other_mates(album: Album) -> None:
    ids = album.add(*[(i, i + 12) for i in range(12)])
    factories.group(album.conn, album.event, ids, kind="full")  # as a merge would leave them
    album.conn.execute(
        sa.text("update memoria.cluster_runs set parameters = cast(:how as jsonb)"),
        {"how": json.dumps(HOW.as_table())},
    )
    album.group()
    run = runs.last_run(album.conn, album.event)
    assert run
    assert (run.kind, run.measures["churned"]) == ("incremental", 24)
    assert run.measures["impure_before"] == 12
    assert observed.of_people(album.conn, album.event)["churn"] is None
    assert len(set(standing(album).values())) == 24


def test_a_grouping_afresh_that_fails_is_not_even_proposed(album: Album) -> None:
    album.add((0, 1), (0, 1))
    album.group(replace(HOW, thresholds=replace(HOW.thresholds, merge=0.999)))
    before = standing(album)
    told = album.group(BLIND, force=True)
    assert told["published"] is False
    assert "waits for approval" not in told
    assert runs.proposed(album.conn, album.event) is None
    assert standing(album) == before
    waits = album.group(HOW, force=True)
    assert "waits for approval" in waits


def test_a_decision_that_would_not_hold_holds_the_run_back(album: Album) -> None:
    [[a], [b]] = album.add((0,), (0,))
    album.group()
    person = album.who(a)
    assert person
    decisions.confirm(album.conn, album.event, [a], person, actor=WHO)
    failed = HOW.gate.failed(
        album.conn, album.event, "full", {"impure": 1, "violations": 2, "churn": 0.9}
    )
    assert [each.observed for each in failed] == [1, 2]


def test_the_check_says_what_was_held_back_and_is_quiet_once_it_is_mended(album: Album) -> None:
    album.add((0,))
    album.group()
    assert held.standing(album.conn, album.event) is None
    run = newest(album)
    row = {"event": album.event, "kind": "incremental", "model": factories.PACK}
    row |= {"method": "constrained", "fingerprint": run.fingerprint, "parameters": run.parameters}
    measures = {"impure": 3, "violations": 0, "churn": 0.2, "churned": 40}
    held.hold_back(album.conn, {**row, "measures": measures, "diff": None}, [])
    seen = observed.of_people(album.conn, album.event)
    assert (seen["impure"], seen["violated"], seen["churn"]) == (3, 0, 0.2)
    album.add((1,))  # it is about other faces now
    assert held.standing(album.conn, album.event) is None
    assert observed.of_people(album.conn, album.event)["impure"] == 0


def test_a_proposal_that_was_turned_down_is_no_alarm(album: Album) -> None:
    album.add((0, 1), (0, 1))
    album.group(replace(HOW, thresholds=replace(HOW.thresholds, merge=0.999)))
    assert album.group()["published"] is False
    [run] = proposals.waiting(album.conn)
    proposals.hold(album.conn, run.id, "no", turned_down=True)
    assert held.standing(album.conn, album.event) is None


def test_an_event_waits_for_ten_faces_and_goes_on_once_it_was_grouped(album: Album) -> None:
    album.add((0, 1, 2, 3), (4, 5, 6, 7))
    told = grouping.not_yet(album.conn, album.event)
    assert told == {
        "run": "none: too little is analysed yet",
        "faces": 8,
        "photos": 2,
        "analysed": 2,
    }
    assert not grouping.pictured(told)
    album.add((0, 1))
    assert grouping.not_yet(album.conn, album.event) is None
    factories.photos(album.conn, album.event, *(f"{i:04}.jpg" for i in range(20)))
    assert grouping.not_yet(album.conn, album.event) is not None  # 3 of 20 are analysed
    album.group(replace(HOW, gate=Gate(expectations=())))
    assert grouping.not_yet(album.conn, album.event) is None


def test_limits_of_a_run_go_before_those_that_are_set() -> None:
    strict = of_grouping(declared(Limits(churn=0.0)))
    [churn] = [each for each in strict if each.column == "churn"]
    assert churn.most == 0


def test_what_is_held_back_in_one_event_concerns_no_other(album: Album) -> None:
    other = Album(album.conn)
    other.add((0,))
    other.group(BLIND)
    album.add((0,))
    assert album.group()["faces"] == 1
    assert held.standing(album.conn, other.event) is not None
    assert held.standing(album.conn, album.event) is None
    assert [run.event_id for run in held.everywhere(album.conn)] == [other.event]
    other.group()
    assert held.everywhere(album.conn) == []


def propose(album: Album) -> UUID:
    """Two people who stand, and a proposal to tell more faces of them apart."""
    album.add((0, 1), (0, 1))
    album.group(replace(HOW, thresholds=replace(HOW.thresholds, merge=0.999)))
    assert album.group()["published"] is False
    [run] = proposals.waiting(album.conn)
    return run.id


def test_publishing_a_proposal_by_hand_does_not_get_round_a_check_that_fails_by_now(
    album: Album,
) -> None:
    waits, before = propose(album), standing(album)
    canaries.save(album.conn, factories.PACK, "as set now", Canary(1, 0))
    with pytest.raises(QualityError, match="finds the faces of a known photo: at most 0, obs"):
        proposals.publish(album.conn, waits)
    canaries.save(album.conn, factories.PACK, "as set now", Canary(0, 0))
    upload_and_break(album, 6)
    with pytest.raises(QualityError, match="few photos are unreadable"):
        proposals.publish(album.conn, waits)
    assert standing(album) == before
    assert runs.get(album.conn, waits).status == "proposed"  # nothing was lost
    mended = "update memoria.media set status = 'missing' where storage_key like 'x%'"
    album.conn.execute(sa.text(mended))
    assert proposals.publish(album.conn, waits)
    assert len(set(standing(album).values())) == 2


def test_a_proposal_published_knowingly_says_what_it_does_not_meet(album: Album) -> None:
    waits = propose(album)
    upload_and_break(album, 6)
    assert proposals.publish(album.conn, waits, despite=True)
    run = runs.get(album.conn, waits)
    assert run.status == "published"
    assert str(run.reason).startswith("few photos are unreadable: at most 0.25, observed 0.75")


def test_a_photo_that_changed_while_others_were_analysed_holds_nobody_back(album: Album) -> None:
    album.add((0,), (1,))
    before = one(album.conn, "select clock_timestamp()")
    album.conn.execute(
        sa.text("update memoria.media set status = 'pending', etag = 'new' where id = :id"),
        {"id": album.photos[0]},
    )
    assert "every photo is accounted for" in str(album.group()["held back"])
    told = album.group(replace(HOW, gate=Gate(since=before)))
    assert "held back" not in told


def test_what_was_held_back_is_over_once_something_is_published_after_it(album: Album) -> None:
    waits = propose(album)
    other = replace(BLIND, thresholds=replace(BLIND.thresholds, merge=0.9))
    album.group(other, force=True)
    assert held.standing(album.conn, album.event)
    assert proposals.publish(album.conn, waits)
    assert held.standing(album.conn, album.event) is None


def test_an_event_does_not_wait_for_photos_that_nobody_can_read(album: Album) -> None:
    album.add((0, 1, 2, 3), (4, 5, 6, 7), (0, 1))
    upload_and_break(album, 2)  # 3 of 5 are analysed, and there will not be more
    assert grouping.not_yet(album.conn, album.event) is None
