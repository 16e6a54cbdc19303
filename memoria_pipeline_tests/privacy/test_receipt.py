"""Receipts: signed, unchanged, about nobody that one could name."""

import json
from uuid import UUID, uuid4

import pytest

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy.receipt import Keys, Signed, canonical, verify

KEYS, OTHERS = Keys("a" * 32, "b" * 32), Keys("c" * 32, "d" * 32)
RECEIPT = {"id": "1", "rows": {"faces": 3, "tags": 0}, "kept": ["é"]}


def test_a_receipt_that_went_through_json_is_the_same_one() -> None:
    signed = KEYS.sign(RECEIPT)
    again = Signed.of(json.loads(json.dumps(signed.as_table(), indent=2)))
    verify(again, KEYS.public)
    assert KEYS.sign(dict(reversed(RECEIPT.items()))) == signed
    assert canonical(RECEIPT) == b'{"id":"1","kept":["\\u00e9"],"rows":{"faces":3,"tags":0}}'


@pytest.mark.parametrize(
    "changed",
    [{**RECEIPT, "id": "2"}, {**RECEIPT, "rows": {"faces": 4, "tags": 0}}, {}],
)
def test_a_receipt_that_was_changed_is_refused(changed: dict[str, object]) -> None:
    signed = KEYS.sign(RECEIPT)
    with pytest.raises(ErasureError, match="was changed"):
        verify(Signed(changed, signed.signature, signed.key_id), KEYS.public)


def test_a_signature_by_another_key_or_of_no_kind_is_refused() -> None:
    signed = KEYS.sign(RECEIPT)
    with pytest.raises(ErasureError, match="Another key"):
        verify(signed, OTHERS.public)
    forged = OTHERS.sign(RECEIPT)
    with pytest.raises(ErasureError, match="was changed"):
        verify(Signed(RECEIPT, forged.signature, KEYS.key_id), KEYS.public)
    with pytest.raises(ErasureError, match="was changed"):
        verify(Signed(RECEIPT, "no base64!", KEYS.key_id), KEYS.public)
    for key in ("", "AAAA", "no base64!"):
        with pytest.raises(ErasureError):
            verify(signed, key)
    tables: list[object] = [None, [], {}]
    for table in (*tables, {"receipt": 1, "signature": "", "key_id": ""}):
        with pytest.raises(ErasureError, match="no signed receipt"):
            Signed.of(table)


def test_whom_a_receipt_is_about_tells_only_who_holds_the_key() -> None:
    event, user = uuid4(), uuid4()
    told = KEYS.hashed(event, "user", str(user))
    assert told == Keys("x" * 32, "b" * 32).hashed(event, "user", str(user))
    different = {
        OTHERS.hashed(event, "user", str(user)),
        KEYS.hashed(uuid4(), "user", str(user)),
        KEYS.hashed(event, "person", str(user)),
        KEYS.hashed(None, "user", str(user)),
    }
    assert told not in different
    assert len(different) == 4


def test_subjects_are_hashed_each_for_itself_and_their_order_says_nothing() -> None:
    event, users = UUID(int=1), [uuid4(), uuid4()]
    hashed = KEYS.subjects(event, users=users, emails=[" Ada@Example.org "])
    assert hashed == KEYS.subjects(event, users=users[::-1], emails=["ada@example.org"])
    assert hashed == sorted(hashed)
    assert KEYS.hashed(event, "email", "ada@example.org") in hashed
