"""What one photo may take of memory, whatever its format, and what a worker keeps of it.

Imports nearly nothing.
"""

import ctypes

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


def release() -> None:
    """Gives what was freed back to the system where the C library keeps it, as glibc does.

    Loading SCRFD-10G and R50 on ONNX Runtime leaves 220 MB of it; giving them back takes 20 ms.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
