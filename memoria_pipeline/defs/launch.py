"""Materialise one event from the command line: `python -m memoria_pipeline.defs.launch EVENT`.

Prints one line of JSON on stdout; everything else goes to stderr. DAGSTER_HOME names the instance.
"""

import json
import sys

import dagster as dg

from memoria_pipeline.defs.partitions import events


def process(event: str, instance: dg.DagsterInstance) -> dict[str, object]:
    """Add the partition where it is new, run `process_event` in this process, say how it went."""
    from memoria_pipeline.definitions import defs

    instance.add_dynamic_partitions(events.name or "", [event])
    result = (
        defs()
        .resolve_job_def("process_event")
        .execute_in_process(partition_key=event, instance=instance, raise_on_error=False)
    )
    stats = instance.get_run_step_stats(result.run_id)
    seconds = {s.step_key: s.end_time - s.start_time for s in stats if s.start_time and s.end_time}
    return {"success": result.success, "run_id": result.run_id, "seconds": seconds}


if __name__ == "__main__":
    with dg.DagsterInstance.get() as opened:
        said = process(sys.argv[1], opened)
    sys.stdout.write(json.dumps(said) + "\n")
