"""Plots for the metadata of `clusters`: numbers of the event as a picture, never a face."""

from collections import Counter

import dagster as dg
import numpy as np

from memoria_pipeline import plots
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.people.internal import similarities
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.store import faces as face_store
from memoria_pipeline.store.events import Event


def of_people(store: Store, event: Event) -> dict[str, dg.MetadataValue]:
    """How alike the faces of the people are that stand, and how many each has."""
    with store.transaction() as conn:
        faces = face_store.load(conn, event.id, event.face_model)
    people = [person for person in faces.person if person is not None]
    number = {person: i for i, person in enumerate(dict.fromkeys(people))}
    labels = np.array([number.get(who, NOBODY) if who else NOBODY for who in faces.person])
    own, other = similarities(faces.embedding, labels)
    return {
        "how alike": dg.MetadataValue.md(plots.similarity(own.tolist(), other.tolist())),
        "faces per person": dg.MetadataValue.md(plots.sizes(list(Counter(people).values()))),
    }
