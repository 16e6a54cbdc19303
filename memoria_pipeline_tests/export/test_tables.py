"""Tags as CSV and JSON: read back by what others read them with."""

import csv
import io
import json
from uuid import UUID

import pytest

from memoria_pipeline.export.album import photos
from memoria_pipeline.export.tables import COLUMNS, as_csv, as_json
from memoria_pipeline_tests.export.tags import AWKWARD, photo, row


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_each_tag_is_a_row_with_who_where_from_what_and_by_whom() -> None:
    head, found = read(as_csv(photos([row()])))
    assert tuple(head) == COLUMNS
    said = dict(zip(head, found, strict=True))
    assert (said["photo"], said["name"], said["source"]) == ("a.jpg", "Ada", "face_clustering")
    assert (said["x"], said["y"], said["width"], said["height"]) == (
        *("0.100000", "0.200000"),
        *("0.200000", "0.400000"),
    )
    assert said["tagged_at"] == "2026-06-20T12:00:00+00:00"
    assert UUID(said["tagged_by"]).int == 1


def test_a_manual_tag_has_no_box() -> None:
    _, found = read(as_csv(photos([row(source="manual", box=None, face=None)])))
    assert found[3:8] == ["", "", "", "", "manual"]


@pytest.mark.parametrize("name", AWKWARD)
def test_names_come_back_as_they_are(name: str) -> None:
    found = read(as_csv([photo(name)]))
    assert found[1][1] == name
    told = json.loads(as_json(UUID(int=1), [photo(name)]))
    assert told["photos"][0]["tags"][0]["name"] == name


@pytest.mark.parametrize(
    "name", ["=1+1", "+49 170", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n=1"]
)
def test_no_cell_is_a_formula(name: str) -> None:
    found = read(as_csv(photos([row(name), row(name, key=f"{name}.jpg")])))
    for cells in found[1:]:
        assert not cells[1].lstrip().startswith(("=", "+", "-", "@", "＝"))
        assert not cells[0].startswith(("=", "+", "-", "@", "\t", "\r", "＝"))


def test_the_order_is_by_photo_and_name_whatever_came_first() -> None:
    rows = [row("Zoë", "b.jpg", 1), row("Ada", "b.jpg", 2), row("Max", "a.jpg", 3)]
    assert photos(rows) == photos(reversed(rows))
    assert as_csv(photos(rows)) == as_csv(photos(reversed(rows)))
    assert [(p.key, p.names) for p in photos(rows)] == [
        ("a.jpg", ("Max",)),
        ("b.jpg", ("Ada", "Zoë")),
    ]


def test_who_has_no_name_is_a_guest_and_no_address() -> None:
    [one] = photos([row(None), row("  ", user=8)])
    assert set(one.names) == {"Guest 00000000"}
    assert len({tag.user for tag in one.tags}) == 2


def test_json_says_where_a_face_is() -> None:
    told = json.loads(as_json(UUID(int=5), photos([row()])))
    assert told["event_id"] == str(UUID(int=5))
    assert told["photos"][0]["width"] == 640
    assert told["photos"][0]["tags"][0]["box"] == {"x": 0.1, "y": 0.2, "w": 0.2, "h": 0.4}
