"""Sealed files: they open with their key, whole and unchanged, or not at all."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoria_pipeline.errors import ExportError
from memoria_pipeline.privacy import sealed

KEY, EVENT = b"k" * 32, UUID(int=7)


def text_of(data: bytes, key: bytes = KEY) -> bytes:
    return b"".join(sealed.opened(key, [data[i : i + 5000] for i in range(0, len(data), 5000)]))


@pytest.mark.parametrize("size", [0, 1, sealed.CHUNK - 1, sealed.CHUNK, sealed.CHUNK + 1, 200_000])
def test_what_was_sealed_opens_whatever_its_size(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    made = sealed.seal(KEY, EVENT, data)
    assert text_of(made) == data
    assert sealed.event_of(made[: sealed.HEAD]) == EVENT
    assert made != sealed.seal(KEY, EVENT, data)
    assert data[:64] not in made or size < 64


def test_written_in_pieces_it_is_the_same() -> None:
    parts: list[bytes] = []
    sealing = sealed.Sealing(KEY, EVENT, parts.append)
    for size in (0, 10, 100_000, 65_536, 1):
        assert sealing.write(b"a" * size) == size
    sealing.close()
    assert text_of(b"".join(parts)) == b"a" * 165_547


MADE = sealed.seal(KEY, EVENT, b"a" * 150_000)
CHUNK = sealed.CHUNK + 16


@given(st.integers(0, len(MADE) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, by: int) -> None:
    changed = bytearray(MADE)
    changed[at] ^= by
    with pytest.raises(ExportError):
        text_of(bytes(changed))


@pytest.mark.parametrize(
    "changed",
    [
        MADE[:-1],
        MADE[: sealed.HEAD + CHUNK],  # the last chunk is missing
        MADE[: sealed.HEAD + 2 * CHUNK],
        MADE[: sealed.HEAD],
        MADE + b"x",
        MADE + MADE[sealed.HEAD :],
        MADE[: sealed.HEAD] + MADE[sealed.HEAD + CHUNK :],  # the first
        MADE[: sealed.HEAD] + MADE[sealed.HEAD + CHUNK :][:CHUNK] + MADE[sealed.HEAD :],
        sealed.seal(KEY, UUID(int=8), b"a")[: sealed.HEAD] + MADE[sealed.HEAD :],
        b"",
        b"PK\3\4" * 100,
    ],
    ids=range(11),  # the bytes differ from process to process, and pytest-xdist compares names
)
def test_cut_swapped_and_foreign_files_are_refused(changed: bytes) -> None:
    with pytest.raises(ExportError):
        text_of(changed)


def test_nothing_is_handed_on_before_it_is_known_to_be_right() -> None:
    changed = bytearray(MADE)
    changed[sealed.HEAD + 5] ^= 1
    with pytest.raises(ExportError):
        next(sealed.opened(KEY, [bytes(changed)]))
    with pytest.raises(ExportError):
        next(sealed.opened(b"l" * 32, [MADE]))


def test_a_wrapped_key_comes_back_for_its_event_and_master_alone() -> None:
    master, event, key = "m" * 32, uuid4(), sealed.new_key()
    wrapped = sealed.wrap(master, event, key)
    assert (len(wrapped), sealed.unwrap(master, event, wrapped)) == (60, key)
    assert key not in wrapped
    for other, whose in (("n" * 32, event), (master, uuid4())):
        with pytest.raises(ExportError, match="master key"):
            sealed.unwrap(other, whose, wrapped)
    assert sealed.fingerprint(master) != sealed.fingerprint("n" * 32)
    assert sealed.fingerprint(master) not in master
