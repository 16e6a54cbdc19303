"""The asset `clusters`: an event's faces, grouped into people."""

import time
from collections.abc import Mapping
from math import isnan
from typing import Any
from uuid import UUID

import dagster as dg
import sqlalchemy as sa

from memoria_pipeline.defs.partitions import events
from memoria_pipeline.defs.resources import Store
from memoria_pipeline.people import measure
from memoria_pipeline.people.cluster import Grouping, Method, cluster
from memoria_pipeline.people.density import Density
from memoria_pipeline.people.measure import NOBODY
from memoria_pipeline.people.reconcile import reconcile
from memoria_pipeline.people.thresholds import Thresholds
from memoria_pipeline.settings import settings
from memoria_pipeline.store import events as event_store
from memoria_pipeline.store import faces as face_store
from memoria_pipeline.store import persons as person_store
from memoria_pipeline.store.events import Event
from memoria_pipeline.store.faces import FaceTable
from memoria_pipeline.vision.detector import Detector


class GroupingConfig(dg.Config):
    """How to group; the defaults are those of the settings.

    min_cluster_size, min_samples and epsilon are for `hdbscan`. force: group anew though nothing
    changed since the last grouping.
    """

    method: Method = settings().cluster_method
    min_cluster_size: int = settings().min_cluster_size
    min_samples: int = settings().min_samples
    epsilon: float = settings().cluster_epsilon
    force: bool = False


@dg.asset(
    deps=["faces", "embeddings"], partitions_def=events, group_name="event", kinds={"postgres"}
)
def clusters(
    context: dg.AssetExecutionContext,
    config: GroupingConfig,
    store: dg.ResourceParam[Store],
    detector: dg.ResourceParam[Detector],
) -> dg.MaterializeResult[None]:
    """People: groups of faces, never two of one photo. The persons that exist keep their ids."""
    started, event_id = time.perf_counter(), UUID(context.partition_key)
    with store.transaction() as conn:
        event_store.lock(conn, event_id)
        event = event_store.require_consent(conn, event_id)
        thresholds = Thresholds.of(detector.thresholds(event.face_model))
        how = {**config.model_dump(exclude={"force"}), "thresholds": thresholds.as_table()}
        now = face_store.fingerprint(conn, event_id, event.face_model)
        last = person_store.last_run(conn, event_id)
        if last and (last.fingerprint, last.parameters) == (now, how) and not config.force:
            return dg.MaterializeResult(metadata={"unchanged": True, **last.measures})
        faces = face_store.load(conn, event_id, event.face_model)
        grouping = _group(faces, config, thresholds)
        measured = _measured(faces, grouping, started)
        _save(conn, event, faces, grouping, how, measured, now)
    return dg.MaterializeResult(metadata={"unchanged": False, **measured})


def _group(faces: FaceTable, config: GroupingConfig, thresholds: Thresholds) -> Grouping:
    return cluster(
        faces.embedding,
        faces.media,
        faces.quality,
        quality_class=faces.quality_class,
        thresholds=thresholds,
        method=config.method,
        density=Density(config.min_cluster_size, config.min_samples, config.epsilon),
    )


def _measured(faces: FaceTable, grouping: Grouping, started: float) -> dict[str, float]:
    """Measures that need no truth; those that are not defined for so few faces are left out."""
    labels = grouping.labels
    found = {
        "faces": len(faces.ids),
        "persons": measure.people(labels),
        "impure": measure.impure(labels, faces.media),
        "noise_ratio": round(measure.single_ratio(labels), 4),
        "silhouette": round(measure.silhouette(faces.embedding, labels), 4),
        "seconds": round(time.perf_counter() - started, 3),
    }
    return {name: value for name, value in found.items() if not isnan(value)}


def _save(
    conn: sa.Connection,
    event: Event,
    faces: FaceTable,
    grouping: Grouping,
    how: Mapping[str, Any],
    measured: Mapping[str, float],
    fingerprint: str,
) -> None:
    person_store.save_grouping(
        conn,
        event.id,
        model=event.face_model,
        method=how["method"],
        parameters=how,
        measures=measured,
        fingerprint=fingerprint,
        labels=_labels(faces, grouping),
        persons=reconcile(grouping.labels, faces.person),
        representatives=[faces.ids[best] for best in grouping.representative],
    )


def _labels(faces: FaceTable, grouping: Grouping) -> list[person_store.Label]:
    columns = (grouping.labels, grouping.probability, grouping.margin)
    each = zip(faces.ids, *(column.tolist() for column in columns), strict=True)
    return [
        (face, None if label == NOBODY else label, p, margin) for face, label, p, margin in each
    ]
