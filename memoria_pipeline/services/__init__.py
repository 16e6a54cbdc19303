"""The programs we start, and keep running: a Dagster run; the UI, the daemon and what they need.

Here: processes, their order and their environment. Not here: what they do.
"""

from memoria_pipeline.services.environment import variables
from memoria_pipeline.services.run import RunResult, process_event
from memoria_pipeline.services.stack import up

__all__ = ["RunResult", "process_event", "up", "variables"]
