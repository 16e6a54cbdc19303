"""Every page without a browser, as each role gets it: what is in it, and what is said instead."""

import re

import pytest

from memoria_pipeline_tests.review.seeded import ClientOf, Seeded

HTML = {"accept": "text/html"}


def paths(seeded: Seeded) -> dict[str, str]:
    here = f"/review/{seeded.event}"
    person, other = seeded.persons
    photo = seeded.photos[0]
    return {
        "events": "/",
        "policy": "/policy",
        "new": "/review/new",
        "event": here,
        "people": f"{here}/people",
        "progress": f"{here}/progress",
        "questions": f"{here}/questions",
        "photos": f"{here}/photos",
        "photo": f"{here}/photo/{photo}",
        "face": f"{here}/photo/{photo}/face/{seeded.faces[0][0]}",
        "face's people": f"{here}/photo/{photo}/face/{seeded.faces[0][0]}/people",
        "person": f"{here}/person/{person}",
        "members": f"{here}/person/{person}/members?q=a",
        "others": f"{here}/person/{person}/others",
        "side by side": f"{here}/person/{person}/merge/{other}",
        "runs": f"{here}/runs",
        "history": f"{here}/history",
        "settings": f"{here}/settings",
    }


EVERYBODY = {"events", "policy", "new", "event", "photos", "photo"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_organiser_gets_every_page(seeded: Seeded, client_of: ClientOf, language: str) -> None:
    client = client_of("organiser")
    for name, path in paths(seeded).items():
        sign = "&" if "?" in path else "?"
        answer = client.get(f"{path}{sign}lang={language}", headers=HTML)
        assert answer.status_code == 200, name
        assert not re.search(r"%\(\w+\)|\{\{|None<", answer.text), name
