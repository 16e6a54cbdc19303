"""`memoria metrics`: figures for Prometheus until Ctrl-C."""

import threading
from typing import Annotated

import typer

from memoria_pipeline.commands.screen import out
from memoria_pipeline.settings import settings


def metrics(
    port: Annotated[
        int | None, typer.Option(help="Without it, MEMORIA_METRICS_PORT; 0: any that is free.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Who may ask: 127.0.0.1 is this machine, 0.0.0.0 everybody.")
    ] = "127.0.0.1",
) -> None:
    """Serve /metrics for Prometheus; Ctrl-C stops it. Nothing personal is in it."""
    from memoria_pipeline import metrics as served
    from memoria_pipeline.store import db
    from memoria_pipeline.vision.detector import Detector

    s = settings()
    model = served.Model(*Detector(**s.detector).shown)
    with db.running(s.home, s.database_url, s.dagster_database_url) as found:
        wanted = s.metrics_port if port is None else port
        taken, stop = served.serve(found.memoria, model, host, wanted)
        out.print(f"Metrics     http://{host}:{taken}/metrics")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            out.print("Stopping …")
        finally:
            stop()
