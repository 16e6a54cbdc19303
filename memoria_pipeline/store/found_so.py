"""What another application wrote of a person, taken into the log before a human decides on it.

Otherwise the fold would not know of it, and a merge would lose the member, who could then not be
erased any more.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa

from memoria_pipeline.people.decisions import Decision, Kind, State, fold, root
from memoria_pipeline.store import decision_log, person_rows
from memoria_pipeline.store.carry_out import Change
from memoria_pipeline.store.person_rows import PersonRow

NOBODY: Final = UUID(int=0)
"""Who took these decisions: the log does not know."""

_KINDS: Final[dict[str, Kind]] = {"linked": "assign", "invited": "invite", "ignored": "ignore"}


def unheard_of(
    conn: sa.Connection, event_id: UUID, draft: Decision, past: Sequence[Decision], state: State
) -> list[Decision]:
    """The decisions that the log lacks on the persons that this one is about; state: its fold.

    They have no faces: whose is whose nobody said.
    """
    about = root(past, draft).named()
    rows = person_rows.load(conn, event_id, about) if about else {}
    first = past[-1].seq + 1 if past else 1
    found = [row for _, row in sorted(rows.items()) if row.id in about and _unheard(row, state)]
    return [replace(_decision(row), seq=seq) for seq, row in enumerate(found, first)]


def _unheard(row: PersonRow, state: State) -> bool:
    said = state.persons.get(row.id)
    return row.status in _KINDS and not (said is not None and said.decided)


def _decision(row: PersonRow) -> Decision:
    kind = _KINDS[row.status]
    return Decision(uuid4(), 0, kind, person=row.id, user=row.user, email=row.email)


def append(conn: sa.Connection, event_id: UUID, found: Sequence[Decision]) -> None:
    """Write them down. The persons are so already, and have no earlier state to go back to."""
    for each in found:
        nothing = Change([], [], {}, set(), [], {}, fold([]))
        decision_log.insert(conn, event_id, each, nothing, actor=NOBODY, reason="found so")
