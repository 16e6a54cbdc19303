"""The ledger: each erasure once, on the disk, readable after a kill in the middle of a line."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from memoria_pipeline.errors import ErasureError
from memoria_pipeline.privacy.receipt import Keys, Signed
from memoria_pipeline.store import ledger

KEYS = Keys("a" * 32, "b" * 32)
ONE, TWO = UUID(int=1), UUID(int=2)


def signed(id_: UUID, **more: Any) -> Signed:
    return KEYS.sign({"id": str(id_), **more})


def test_what_is_written_is_read_again_in_its_order_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "erasures.jsonl"
    assert ledger.read(path) == []
    for each in (ONE, TWO):
        ledger.append(path, signed(each))
    assert ledger.read(path) == [signed(ONE), signed(TWO)]
    assert ledger.of(path, TWO) == signed(TWO)
    assert ledger.of(path, UUID(int=3)) is None
    assert path.stat().st_mode & 0o077 == 0


def test_an_erasure_has_the_receipt_that_was_written_first(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    first = ledger.append(path, signed(ONE, at="noon"))
    assert ledger.append(path, signed(ONE, at="later")) == first
    assert ledger.read(path) == [first]


def test_a_line_that_was_cut_off_counts_for_nothing_and_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    ledger.append(path, signed(ONE))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"receipt": {"id": "x')
    assert ledger.read(path) == [signed(ONE)]
    ledger.append(path, signed(TWO))
    assert ledger.read(path) == [signed(ONE), signed(TWO)]


def test_a_line_that_is_no_receipt_is_an_error_that_says_which(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    ledger.append(path, signed(ONE))
    path.write_bytes(path.read_bytes() + b"nonsense\n")
    with pytest.raises(ErasureError, match="Line 2"):
        ledger.read(path)


def test_the_keys_are_made_once_for_a_home(tmp_path: Path) -> None:
    made = ledger.keys(tmp_path, None, None)
    assert ledger.keys(tmp_path, None, None).public == made.public
    assert ledger.keys(tmp_path, "g" * 32, None).public != made.public
