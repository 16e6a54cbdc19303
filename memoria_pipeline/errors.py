"""The one small hierarchy of errors that a person may get to see.

Every message says what happened, to what, and what to do about it. Nothing personal goes into one.
"""


class MemoriaError(Exception):
    """What all our errors are; the CLI prints its message and exits with 1."""


class SettingsError(MemoriaError):
    """A setting has a value that cannot be used."""


class PhotoError(MemoriaError):
    """One photo cannot be read; the others go on.

    `reason` is a short stable code that is stored and counted: empty, too_large, too_many_pixels,
    unsupported, broken, missing, unreadable.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ModelError(MemoriaError):
    """A model pack or the device asked for cannot be had."""


class DatabaseError(MemoriaError):
    """The database cannot be reached, or is not what it should be.

    lasting: it would say the same again, however often it is asked.
    """

    lasting = False


class Overtaken(DatabaseError):
    """Somebody was erased while this was computed: nothing of it is written; compute it anew."""


class QualityError(MemoriaError):
    """What should be true of an event's data is not; what is shown was left as it is."""


class LabError(MemoriaError):
    """A file given to the offline laboratory cannot be used."""


class ConsentError(MemoriaError):
    """Faces may not be looked for in this event: nobody has agreed, or it is over."""


class DecisionError(MemoriaError):
    """What a human asks for contradicts itself, or what stands; nothing was changed."""


class CallbackError(MemoriaError):
    """A callback cannot be sent where it should go, or is not from whom it says."""


class ExportError(MemoriaError):
    """What is to be written for others cannot be, without losing something of theirs."""


class ErasureError(MemoriaError):
    """An erasure cannot be finished, or its receipt is not what it should be."""
