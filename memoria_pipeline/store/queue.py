"""The SQS queue that a bucket's events go to: which places have something new."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from memoria_pipeline.store import watched
from memoria_pipeline.store.watch import Transaction

_log = logging.getLogger(__name__)
_NAME = "queue"
_LONGEST = 10.0  # seconds a tick; what is left comes with the next one


@dataclass(frozen=True, slots=True)
class Said:
    """Objects that changed, as `bucket/key`; and how many messages nobody understood."""

    objects: list[str]
    odd: int = 0


def hear(transaction: Transaction, url: str, watch: str | None) -> str | None:
    """Look at all places that the queue names in this tick; why it cannot be read, or None.

    Messages are deleted after our commit: a kill in between says them twice, which is no harm.
    watch: sub-folders that are new there become events.
    """
    until, problem = time.monotonic() + _LONGEST, None
    try:
        client = _client(url)
        while time.monotonic() < until:
            messages = _received(client, url)
            if not messages:
                break
            _note(transaction, understood([each["Body"] for each in messages]), watch)
            entries = [
                {"Id": str(i), "ReceiptHandle": each["ReceiptHandle"]}
                for i, each in enumerate(messages)
            ]
            client.delete_message_batch(QueueUrl=url, Entries=entries)
    except _client_errors() as error:
        problem = (
            f"The queue of MEMORIA_S3_QUEUE_URL cannot be read ({type(error).__name__}); check the "
            "address, the credentials and the network."
        )
    with transaction() as conn:
        watched.save_lookout(conn, _NAME, problem=problem)
    return problem


def _received(client: Any, url: str) -> list[dict[str, Any]]:
    answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def _note(transaction: Transaction, said: Said, watch: str | None) -> None:
    if said.odd:
        _log.warning("%d messages of the queue are no events of S3; deleted.", said.odd)
    places = dict(new_places(said.objects, watch)) if watch else {}
    folders = {folder for each in said.objects for folder in folders_of(each)}
    with transaction() as conn:
        if places:
            watched.make_events(conn, list(places.items()))
        watched.hurry(conn, [*folders, *(f"{folder}/" for folder in folders)])


def new_places(objects: list[str], watch: str) -> Iterator[tuple[str, str]]:
    """(root, name) of the sub-folders of `watch` (s3://bucket/prefix) that objects are in."""
    base = watch.rstrip("/")
    for each in objects:
        inside = f"s3://{each}".removeprefix(f"{base}/")
        name, slash, _ = inside.partition("/")
        if slash and not inside.startswith("s3:") and name and not name.startswith("."):
            yield f"{base}/{name}", name


def folders_of(name: str) -> Iterator[str]:
    """The bucket and every folder that `bucket/key` is below, as s3:// addresses."""
    parts = name.split("/")
    for i in range(1, len(parts)):
        yield "s3://" + "/".join(parts[:i])


def understood(bodies: list[str]) -> Said:
    """What messages say: S3's events, as they are or wrapped by SNS, and its test event."""
    objects, odd = [], 0
    for body in bodies:
        try:
            objects += _objects(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            odd += 1
    return Said(objects, odd)


def _objects(message: dict[str, Any]) -> list[str]:
    if "Message" in message:  # SNS puts the event into one, as text
        return _objects(json.loads(message["Message"]))
    if message.get("Event") == "s3:TestEvent":
        return []
    places = [record["s3"] for record in message["Records"]]
    names = [f"{one['bucket']['name']}/{unquote_plus(one['object']['key'])}" for one in places]
    return [name for name in names if _is_storable(name)]


def _is_storable(name: str) -> bool:
    """Whether a database takes it; the message of one that none takes would come back for ever."""
    return "\0" not in name and name.encode("utf-8", "replace").decode() == name


def _client(url: str) -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    # https://sqs.<region>.amazonaws.com/… says where; else AWS_DEFAULT_REGION does.
    host = url.split("/")[2].split(".") if "://" in url else []
    region = host[1] if len(host) > 3 and host[0] == "sqs" else None
    # A queue that does not answer may not take the whole tick: folders are looked at in it, too.
    patience = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 1})
    return get_session().create_client("sqs", region_name=region, config=patience)


def _client_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return (BotoCoreError, ClientError)
