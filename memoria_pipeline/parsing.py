"""What the text of a setting may be: a parser raises ValueError, or KeyError, for anything else."""

import re
from collections.abc import Callable
from pathlib import Path


def truth(text: str) -> bool:
    """True or False, as people write it."""
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    return known[text.lower()]


def path(text: str) -> Path:
    """An absolute path; ~ is the home."""
    return Path(text).expanduser().absolute()


def share(text: str) -> float:
    """A number in [0, 1]."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def count(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def number(least: float, most: float) -> Callable[[str], float]:
    """A parser of numbers from least to most."""

    def parse(text: str) -> float:
        if not least <= float(text) <= most:
            raise ValueError(text)
        return float(text)

    return parse


def between(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from least to most."""

    def parse(text: str) -> int:
        if not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser of these words."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(text)
        return text.lower()

    return parse


def address(text: str) -> str:
    """http(s)://host[:port], without a path."""
    if not re.fullmatch(r"https?://[^/\s]+/?", text):
        raise ValueError(text)
    return text.rstrip("/")


def content(file: str) -> str:
    """What a file holds, such as a secret: one line, stripped. Raises OSError."""
    text = Path(file).expanduser().read_text("utf-8").strip()
    if not text or "\n" in text:
        raise ValueError("not one line")
    return text


def secret(text: str) -> str:
    """32 characters at least."""
    if len(text) < 32:
        raise ValueError("too short")
    return text
