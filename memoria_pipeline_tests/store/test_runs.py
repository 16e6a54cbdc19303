"""What automatic runs write, propose and publish."""

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from memoria_pipeline.errors import DatabaseError
from memoria_pipeline.store import decisions, faces, media, persons, proposals, runs
from memoria_pipeline_tests.store.factories import (
    ORGANISER,
    PACK,
    Album,
    a_face,
    an_album,
    analysed,
    group,
    one,
)

WHO: dict[str, Any] = {"actor": ORGANISER}


@pytest.fixture
def album(conn: sa.Connection) -> Album:
    """Three photos; left and right are a person each."""
    made = an_album(conn, 3)
    group(conn, made.event, [[f[0] for f in made.faces], [f[1] for f in made.faces]])
    return made


def _who(conn: sa.Connection, album: Album) -> tuple[UUID, UUID]:
    who = persons.current(conn, album.event)
    return who[album.faces[0][0]], who[album.faces[0][1]]


def _propose(
    conn: sa.Connection,
    album: Album,
    clusters: list[list[UUID]],
    continues: list[UUID | None],
    parameters: dict[str, Any] | None = None,
) -> UUID:
    return proposals.propose(
        conn,
        album.event,
        model=PACK,
        method="constrained",
        parameters=parameters or {},
        measures={"silhouette": 0.4, "impure": 0, "violations": 0},
        fingerprint=runs.fingerprint(conn, album.event, PACK),
        labels=[(face, i, 0.8, 0.1) for i, one_ in enumerate(clusters) for face in one_],
        persons=continues,
        diff={"faces_moved": 1},
    )


def test_probability_margin_and_evidence_are_stored_with_each_face(
    conn: sa.Connection, album: Album
) -> None:
    (a, b), (c, d), (e, f) = album.faces
    left, right = _who(conn, album)
    why = [[c, e], [a], [], [d, f], [b], []]
    group(conn, album.event, [[a, c, e], [b, d, f]], [left, right], evidence=why)
    found = conn.execute(sa.text("select id, evidence, probability, margin from memoria.faces"))
    stored = {row.id: (row.evidence, row.probability, row.margin) for row in found}
    assert stored[a] == ([c, e], pytest.approx(0.9), pytest.approx(0.2))
    assert stored[e] == ([], pytest.approx(0.9), pytest.approx(0.2))


def test_a_person_that_a_run_empties_leads_on_and_is_not_swept(
    conn: sa.Connection, album: Album
) -> None:
    left, right = _who(conn, album)
    everyone = [face for both in album.faces for face in both]
    group(conn, album.event, [everyone], [left], redirects={right: 0})
    query = "select status, merged_into_id, human_touched from memoria.face_persons where id = :p"
    assert conn.execute(sa.text(query), {"p": right}).one() == ("merged", left, False)
    assert set(persons.current(conn, album.event).values()) == {left}
    assert [each.id for each in persons.live(conn, album.event)] == [left]


def test_a_run_redirects_nobody_whom_a_human_reviewed(conn: sa.Connection, album: Album) -> None:
    left, right = _who(conn, album)
    decisions.confirm(conn, album.event, [album.faces[0][1]], right, **WHO)
    with pytest.raises(DatabaseError, match="nobody reviewed"):
        group(conn, album.event, [album.faces[0][:1]], [left], redirects={right: left})


def test_the_machine_layer_of_a_pinned_face_is_frozen(conn: sa.Connection, album: Album) -> None:
    left, right = _who(conn, album)
    face = album.faces[0][0]
    made = decisions.confirm(conn, album.event, [face], right, twice=True, **WHO)
    rest = [one_ for both in album.faces for one_ in both if one_ != face]
    group(conn, album.event, [[face], rest], [None, right], redirects={left: right})
    assert persons.current(conn, album.event)[face] == right
    decisions.undo(conn, album.event, made.id, **WHO)
    # left was redirected meanwhile, and links lead on
    assert persons.current(conn, album.event)[face] == right
    machine = "select machine_person_id from memoria.faces where id = :f"
    assert one(conn, machine, f=face) == left


def test_a_pending_person_that_a_frozen_face_came_from_is_kept_for_the_undo(
    conn: sa.Connection, album: Album
) -> None:
    left, right = _who(conn, album)
    lefts = [both[0] for both in album.faces]
    made = decisions.confirm(conn, album.event, lefts, right, twice=True, **WHO)
    group(conn, album.event, [[f for both in album.faces for f in both]], [right])
    decisions.undo(conn, album.event, made.id, **WHO)
    assert _who(conn, album) == (left, right)


def test_the_table_of_faces_says_who_said_what(conn: sa.Connection, album: Album) -> None:
    left, right = _who(conn, album)
    (a, b), (c, _), (e, _) = album.faces
    decisions.confirm(conn, album.event, [a], left, **WHO)
    decisions.reject(conn, album.event, [c], left, **WHO)
    decisions.not_a_face(conn, album.event, [e], **WHO)
    media.save_analysis(conn, [analysed(album.photos[0], a_face((0.6, 0.2, 0.2, 0.3)))], PACK)
    table = faces.load(conn, album.event, PACK)
    said = dict(zip(table.ids, table.verdict.tolist(), strict=True))
    assert [said[face] for face in (a, b, c, e)] == ["person", "", "", "not_a_face"]
    at = {face: i for i, face in enumerate(table.ids)}
    assert (table.person[at[c]], table.machine[at[c]]) == (None, left)
    assert (table.rejected[at[c]], table.rejected[at[a]]) == ((left,), ())
    assert (table.person[at[e]], table.machine[at[e]]) == (None, left)
    assert [face for face in table.ids if table.lost[at[face]]] == [a]
    assert table.person[at[b]] == right


def test_a_proposal_changes_nothing_until_it_is_published(
    conn: sa.Connection, album: Album
) -> None:
    before = persons.current(conn, album.event)
    left, right = _who(conn, album)
    (a, b), (c, d), (e, f) = album.faces
    run = _propose(conn, album, [[a, c], [b, d, f], [e]], [left, right, None])
    assert persons.current(conn, album.event) == before
    waiting = runs.proposed(conn, album.event)
    assert waiting is not None
    assert (waiting.id, waiting.diff, waiting.status) == (run, {"faces_moved": 1}, "proposed")
    assert one(conn, "select count(*) from memoria.cluster_proposals") == 6
    assert proposals.publish(conn, run)
    after = persons.current(conn, album.event)
    assert {face: after[face] for face in (a, b, c, d, f)} == {
        face: before[face] for face in (a, b, c, d, f)
    }
    assert after[e] not in before.values()
    last = runs.last_run(conn, album.event)
    assert last is not None
    assert last.id == run
    assert one(conn, "select count(*) from memoria.cluster_proposals") == 0
    with pytest.raises(DatabaseError, match="is published"):
        proposals.publish(conn, run)


def _decided(conn: sa.Connection, album: Album) -> None:
    decisions.not_a_face(conn, album.event, album.faces[0][:1], **WHO)


def _found(conn: sa.Connection, album: Album) -> None:
    media.save_analysis(conn, [analysed(album.photos[0], a_face())], PACK)


def _linked_elsewhere(conn: sa.Connection, album: Album) -> None:
    link = "update memoria.face_persons set status = 'linked', linked_user_id = :u where id = :p"
    conn.execute(sa.text(link), {"u": ORGANISER, "p": _who(conn, album)[0]})


@pytest.mark.parametrize("meanwhile", [_decided, _found, _linked_elsewhere])
def test_a_proposal_is_held_when_faces_or_decisions_changed_since(
    conn: sa.Connection, album: Album, meanwhile: Any
) -> None:
    left, right = _who(conn, album)
    run = _propose(conn, album, [album.faces[1], album.faces[2]], [left, right])
    meanwhile(conn, album)
    before = persons.current(conn, album.event)
    assert not proposals.publish(conn, run)
    held = runs.get(conn, run)
    assert held.status == "held"
    assert "changed since" in (held.reason or "")
    assert persons.current(conn, album.event) == before


def test_a_newer_proposal_holds_the_older_one_and_an_organiser_may_hold_any(
    conn: sa.Connection, album: Album
) -> None:
    left, right = _who(conn, album)
    older = _propose(conn, album, [album.faces[1]], [left])
    newer = _propose(conn, album, [album.faces[2]], [right])
    assert runs.get(conn, older).status == "held"
    proposals.hold(conn, newer, "the organiser said no", turned_down=True)
    assert runs.get(conn, newer).reason == "the organiser said no"
    assert runs.proposed(conn, album.event) is None
    assert one(conn, "select count(*) from memoria.cluster_proposals") == 0


def test_a_proposal_counts_as_tried_while_it_can_be_published_or_when_a_human_turned_it_down(
    conn: sa.Connection, album: Album
) -> None:
    left, right = _who(conn, album)
    parameters = {"threshold": 0.3}

    def again() -> UUID:
        clusters = [album.faces[1], album.faces[2]]
        return _propose(conn, album, clusters, [left, right], parameters=parameters)

    assert not proposals.tried(conn, album.event, parameters)
    run = again()
    assert proposals.tried(conn, album.event, parameters)
    _decided(conn, album)
    assert not proposals.tried(conn, album.event, parameters)
    assert not proposals.publish(conn, run)
    assert not proposals.tried(conn, album.event, parameters)
    proposals.hold(conn, again(), "not wanted", turned_down=True)
    _found(conn, album)
    assert proposals.tried(conn, album.event, parameters)


def test_a_purge_and_the_end_of_an_event_leave_no_proposal(
    conn: sa.Connection, album: Album
) -> None:
    left, right = _who(conn, album)
    user = ORGANISER
    run = _propose(conn, album, [album.faces[1]], [right])
    decisions.assign(conn, album.event, left, user, **WHO)
    purge = "select memoria.purge_face_data_for_user(:u, :e)"
    one(conn, purge, u=user, e=album.event)
    assert one(conn, "select count(*) from memoria.cluster_proposals") == 0
    assert runs.get(conn, run).reason == "somebody was erased"
    assert one(conn, "select plan from memoria.cluster_runs where id = :r", r=run) is None
    again = _propose(conn, album, [[album.faces[1][1]]], [right])
    conn.execute(sa.text("update memoria.events set status = 'archived'"))
    assert runs.get(conn, again).status == "held"
    assert one(conn, "select count(*) from memoria.cluster_proposals") == 0
