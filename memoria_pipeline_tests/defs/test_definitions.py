import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from memoria_pipeline.definitions import defs
from memoria_pipeline.defs.partitions import events

ROOT = Path(__file__).parents[2]


def graph() -> Any:
    return defs().resolve_asset_graph()


def names(keys: Iterable[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_the_assets_and_what_each_is_made_from() -> None:
    parents = {
        key.to_user_string(): names(graph().get(key).parent_keys)
        for key in graph().get_all_asset_keys()
    }
    assert parents == {
        "media": set(),
        "faces": {"media"},
        "embeddings": {"media"},
        "clusters": {"faces", "embeddings"},
        "tags": {"clusters"},
        "questions": {"clusters"},
        "approvals": {"clusters"},
        "cluster_comparison": {"clusters"},
        "faces_beside": {"media"},
        "clusters_beside": {"faces_beside"},
        "erasures": set(),
        "rewritten_tables": set(),
    }


def test_every_asset_has_one_partition_per_event_and_a_description() -> None:
    for key in graph().get_all_asset_keys():
        node = graph().get(key)
        assert node.description
        if node.group_name == "privacy":  # a request may be about several, and waits for none
            continue
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)
        assert node.partitions_def.name == "events"


def test_every_check_is_a_true_sentence() -> None:
    checks = {key.name for key in graph().asset_check_keys}
    assert checks == {
        "no_job_is_overdue",
        "no_erasure_is_overdue",
        "no_photo_is_overdue",
        "no_partition_is_overdue",
        "no_face_data_is_kept_past_its_date",
        "every_photo_is_accounted_for",
        "every_found_face_is_stored",
        "few_photos_are_unreadable",
        "the_detector_finds_the_faces_of_a_known_photo",
        "enough_photos_show_faces",
        "few_faces_are_weak",
        "every_embedding_has_unit_length",
        "no_person_holds_two_faces_of_one_photo",
        "every_face_is_what_a_human_decided",
        "faces_keep_their_mates",
        "few_faces_are_alone",
        "people_differ_from_one_another",
        "faces_of_one_person_are_alike",
        "every_tag_by_a_face_is_of_who_that_is",
        "every_face_of_a_member_that_a_human_confirmed_is_a_tag",
    }


def test_every_check_is_of_a_partition_and_says_what_it_means() -> None:
    for key in graph().asset_check_keys:
        node = graph().get(key)
        assert node.partitions_def == events
        assert node.description


def test_faces_and_embeddings_are_one_step_so_that_a_photo_is_decoded_once() -> None:
    job = defs().resolve_job_def("process_event")
    assert {"media", "faces_and_embeddings", "clusters"} <= {node.name for node in job.nodes}


def test_the_job_runs_in_one_process() -> None:
    assert defs().resolve_job_def("process_event").executor_def.name == "in_process"


def test_the_workspace_loads_these_definitions() -> None:
    assert "module_name: memoria_pipeline.definitions\n" in (ROOT / "workspace.yaml").read_text()


def test_loading_the_definitions_needs_neither_a_model_nor_a_database(tmp_path: Path) -> None:
    script = (
        "import sys; from memoria_pipeline.definitions import defs; defs();"
        "heavy = {'onnxruntime', 'dlib', 'hdbscan', 'great_expectations', 'insightface'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    environment = {"MEMORIA_HOME": str(tmp_path / "home"), "PATH": ""}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=ROOT)
    assert not (tmp_path / "home").exists()
