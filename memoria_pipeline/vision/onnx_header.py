"""What an ONNX file says of itself, without its weights and without the package onnx.

The package takes 0.06 s to import and 0.3 s to read the weights of R50, which nobody asks for here.
Field numbers are those of onnx.proto; unknown fields are passed over.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GRAPH, NODE, WEIGHT, INPUT, OUTPUT = 7, 1, 5, 11, 12

NODE_NAME, WEIGHT_NAME, VALUE_NAME = 3, 8, 1

SHAPE = (2, 1, 2)
"""From a value to the dimensions of its tensor: type, tensor type, shape."""

DIMENSION, LENGTH = 1, 1


@dataclass(frozen=True, slots=True)
class Header:
    """inputs: name → dimensions, 0 where one is open; those that have no weight. nodes: the names
    of the first few. outputs: how many."""

    inputs: dict[str, tuple[int, ...]]
    nodes: tuple[str, ...]
    outputs: int


def read_header(path: Path, first: int = 8) -> Header:
    """The header of an ONNX file, with the names of the `first` nodes. ValueError for a broken one,
    OSError for one that cannot be read."""
    with path.open("rb") as file:
        # Closed with its last view: an error on the way still holds some.
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return _header(whole, first)


def _header(view: memoryview, first: int) -> Header:
    graph = [part for number, part in _fields(view) if number == GRAPH]
    if len(graph) != 1:
        raise ValueError("no graph")
    inputs: dict[str, tuple[int, ...]] = {}
    weights: set[str] = set()
    nodes: list[str] = []
    outputs = 0
    for number, part in _fields(graph[0]):
        if number == INPUT:
            inputs[_text(part, VALUE_NAME)] = _dimensions(part)
        elif number == WEIGHT:
            weights.add(_text(part, WEIGHT_NAME))
        elif number == NODE and len(nodes) < first:
            nodes.append(_text(part, NODE_NAME))
        outputs += number == OUTPUT
    return Header({n: s for n, s in inputs.items() if n not in weights}, tuple(nodes), outputs)


def _dimensions(value: memoryview) -> tuple[int, ...]:
    parts = [value]
    for step in SHAPE:
        parts = [part for each in parts for number, part in _fields(each) if number == step]
    rows = [part for each in parts for number, part in _fields(each) if number == DIMENSION]
    return tuple(_number(row) for row in rows)


def _number(dimension: memoryview) -> int:
    return next((value for number, value in _numbers(dimension) if number == LENGTH), 0)


def _text(message: memoryview, wanted: int) -> str:
    found = (bytes(part) for number, part in _fields(message) if number == wanted)
    return next(found, b"").decode()


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field that has a length."""
    for number, value in _walk(message):
        if isinstance(value, memoryview):
            yield number, value


def _numbers(message: memoryview) -> Iterator[tuple[int, int]]:
    """Number and value of each field that is a number."""
    for number, value in _walk(message):
        if isinstance(value, int):
            yield number, value


def _walk(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if size < 0 or at + size > len(message):
            raise ValueError("a field that reaches beyond its message")
        if kind == 2:
            yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of at most 64 bits, and where the next byte is."""
    value = 0
    for place in range(10):
        if at >= len(message):
            raise ValueError("a number that does not end")
        byte = message[at]
        value, at = value | (byte & 127) << 7 * place, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number of more than 64 bits")
