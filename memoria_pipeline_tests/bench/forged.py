"""Callbacks and addresses of pictures that are not ours, or not any more; each is to be refused."""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID, uuid4

import anyio.from_thread
import httpx
import sqlalchemy as sa

from memoria_pipeline.review.app import create_app
from memoria_pipeline.review.parts import Parts
from memoria_pipeline.review.signed import Signer
from memoria_pipeline.webhooks import headers, sign
from memoria_pipeline_tests.review.seeded import URL, InProcess, parts_for

SECRET = "a secret of callbacks, long enough"
BODY = json.dumps({"job_id": str(UUID(int=1)), "status": "completed"}).encode()
REFUSED = (401, 403, 404, 422)
"""404 is what a callback hears that is not signed right; a picture's address that is: 403."""


@contextmanager
def review(folder: Path) -> Iterator[tuple[Parts, httpx.Client]]:
    """The review without a database: whatever gets past the guards hears 500 or 503."""
    nowhere = sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none?connect_timeout=1")
    parts = parts_for(nowhere, folder, callback_secret=SECRET)
    with anyio.from_thread.start_blocking_portal() as portal:
        with httpx.Client(transport=InProcess(create_app(parts), portal), base_url=URL) as client:
            yield parts, client
        parts.engine.dispose()


def callbacks(now: int) -> list[tuple[str, dict[str, str], bytes]]:
    """What each is, its headers and its body."""
    right = headers(SECRET, "id", now, BODY)
    good = right["webhook-signature"]

    def but(**changed: str) -> dict[str, str]:
        return right | {f"webhook-{name}": value for name, value in changed.items()}

    cases = [
        ("another body", right, BODY.replace(b"completed", b"failed")),
        ("a space more", right, BODY + b" "),
        ("another id", but(id="other"), BODY),
        ("another time", but(timestamp=str(now + 1)), BODY),
        ("no time", but(timestamp=""), BODY),
        ("a time that is none", but(timestamp="nan"), BODY),
        ("a time beyond all", but(timestamp="9" * 400), BODY),
        ("a time with a sign", but(timestamp=f"+{now}"), BODY),
        ("a negative time", but(timestamp=f"-{now}"), BODY),
        ("no signature", but(signature=""), BODY),
        ("only its version", but(signature="v1,"), BODY),
        ("another version", but(signature=good.replace("v1,", "v2,")), BODY),
        ("a cut signature", but(signature=good[:-1]), BODY),
        ("a longer signature", but(signature=good + "A"), BODY),
        ("in small letters", but(signature=good.lower()), BODY),
        ("many signatures", but(signature=" ".join(["v1,AAAA"] * 500)), BODY),
        ("an asymmetric version", but(signature="v1a," + good[3:]), BODY),
        ("the secret itself", but(signature=f"v1,{SECRET}".replace(" ", "_")), BODY),
        ("an empty secret", but(signature=sign("", "id", now, BODY)), BODY),
        ("another secret", but(signature=sign(SECRET + "x", "id", now, BODY)), BODY),
        ("a secret in capitals", but(signature=sign(SECRET.upper(), "id", now, BODY)), BODY),
        ("nothing signed", but(signature=sign(SECRET, "", 0, b"")), BODY),
        ("the body alone", but(signature=sign(SECRET, "", now, BODY)), BODY),
    ]
    cases += [
        (f"replayed after {late} s", headers(SECRET, "id", now - late, BODY), BODY)
        for late in (301, 600, 86_400, -330, -86_400)
    ]
    cases += [
        (f"without {name}", {k: v for k, v in right.items() if k != name}, BODY)
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    return cases


def pictures(signer: Signer, now: float) -> list[tuple[str, str]]:
    """What each is, and the address: with one thing changed, or too old."""
    event, photo = uuid4(), uuid4()
    url = signer.url("photo", event, photo, 640)
    path, said = urlsplit(url).path, {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
    sig, exp = said["sig"], int(said["exp"])
    old = signer.url("photo", event, photo, 640, now=now - 3601)
    other = Signer(b"another secret" * 3).url("photo", event, photo, 640)
    cases = {
        "over": old,
        "over, with a new end": old.replace(old.split("exp=")[1].split("&")[0], str(exp)),
        "of another secret": other,
        "another photo": url.replace(str(photo), str(uuid4())),
        "another event": url.replace(str(event), str(uuid4())),
        "a face": url.replace("/photo/", "/face/"),
        "a larger size": url.replace("size=640", "size=2048"),
        "an odd size": url.replace("size=640", "size=640.5"),
        "a size as wide digits": url.replace("size=640", f"size={quote('６４１')}"),
        "a later end": url.replace(f"exp={exp}", f"exp={exp + 1800}"),
        "an end beyond all": url.replace(f"exp={exp}", "exp=1" + "0" * 30),
        "no end": url.replace(f"exp={exp}&", ""),
        "no signature": url.replace(f"sig={sig}", ""),
        "an empty signature": url.replace(sig, ""),
        "a cut signature": url[:-1],
        "a longer signature": url + "A",
        "a padded signature": url + "=",
        "in small letters": url.replace(sig, sig.lower()),
        "a null byte": url + "%00",
        "a letter beyond ASCII": url.replace(sig, quote("é") + sig[1:]),
        "bytes that are no text": url.replace(sig, "%ff%fe" + sig[2:]),
        "two sizes, the wrong one last": url + "&size=2048",
        "two signatures, the wrong one last": url + "&sig=x",
        "two ends, the later one last": url + f"&exp={exp + 1800}",
        "for somebody": url + "&for=0123456789abcdef",
        "for a line more": url + "&for=%0A",
        "in capitals": url.replace(path, path.upper()),
    }
    return list(cases.items())


def tried(folder: Path) -> tuple[int, list[str]]:
    """How many were sent, and which were not refused."""
    dice = random.Random(5)
    with review(folder) as (parts, client):
        wrong, count = [], 0
        for what, given, body in callbacks(int(time.time())):
            for path in ("/ml/callback", "/ml-callback"):
                count += 1
                status = client.post(path, content=body, headers=given).status_code
                wrong += [] if status in REFUSED else [f"{status} callback: {what}"]
        cases = pictures(parts.signer, time.time())
        good = parts.signer.url("photo", uuid4(), uuid4(), 640)
        at = good.index("sig=") + 4
        for number in range(40):  # one letter of the signature is another; the last holds 2 bits
            place = dice.randrange(at, len(good) - 1)
            letter = dice.choice("abcXYZ019-_".replace(good[place], ""))
            cases.append((f"flipped {number}", good[:place] + letter + good[place + 1 :]))
        for what, url in cases:
            count += 1
            status = client.get(url).status_code
            wrong += [] if status in REFUSED else [f"{status} picture: {what}"]
        for what, url in (("picture", good),):  # else everything would be refused, whatever it is
            if client.get(url).status_code in REFUSED:
                wrong.append(f"a right {what} was refused")
    return count, wrong
