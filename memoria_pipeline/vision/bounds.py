"""What one photo may take of memory, whatever its format. Imports nearly nothing."""

from memoria_pipeline.errors import PhotoError

MOST_PIXELS = 48_000_000
"""That are handed on where fewer than all were asked for: of a larger photo so much fewer."""

MEMORY = 480_000_000
"""Bytes for one photo; what is made of it comes on top."""


def require_memory(needed: int) -> None:
    """Raises PhotoError('too_many_pixels') for what one photo is not given."""
    if needed > MEMORY:
        raise PhotoError(
            "too_many_pixels",
            f"The photo needs {needed / 1e6:,.0f} MB to be read, more than {MEMORY / 1e6:,.0f}."
            " Export it smaller, or as a plain JPEG.",
        )
