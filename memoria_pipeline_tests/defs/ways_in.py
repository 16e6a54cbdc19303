"""Every way by which somebody could have faces looked for, each with what it is: for the test that
tries them with the switch off. What is new is in none of these lists, and fails it."""

# Where the package detects at all, by module: nothing else may call a detector.
CALL_SITES = {
    "defs/faces": "tried: the asset `faces`",
    "defs/model_change": "tried: the asset `faces_beside`",
    "review/models": "tried: behind /process and selfies",
    "review/api/process": "tried: POST /process",
    "review/agreeing": "tried: POST /event/{event_id}/selfie, and the page's",
    "vision/worker": "a process of the engine, which those call",
    "vision/looking": "one photo's steps, for the engine",
    "vision/line": "the engine on a GPU",
    "vision/detector": "the engine with its settings",
    "vision/canary": "one photo of the package's own, public domain",
    "vision/checking": "`memoria model check`: the same photo",
    "vision/trial": "`memoria model quantise`, `guard`: files of whoever calls them, no event",
    "vision/backends/guard": "the same files, counted",
    "lab/faces": "the laboratory: files of whoever calls it, no event",
}

TRIED, NEVER = "launched alone", "knows no photo"
ASSETS = {
    "media": TRIED,
    "faces": TRIED,
    "embeddings": TRIED,
    "clusters": TRIED,
    "tags": TRIED,
    "questions": TRIED,
    "approvals": TRIED,
    "cluster_comparison": TRIED,
    "faces_beside": TRIED,
    "clusters_beside": TRIED,
    "erasures": NEVER,
    "rewritten_tables": NEVER,
}

# Jobs are made of those assets; `follow_decisions` and so on of some of them.
JOBS = {
    *("process_event", "change_model", "check_overdue", "compare_groupings", "follow_decisions"),
    *("answer_runs", "erase_person", "erase_event", "rewrite_tables"),
}

# What they ask for is one of the jobs.
SENSORS = {
    *("decisions_sensor", "erasure_sensor", "lost_starts_sensor", "ml_jobs_sensor"),
    *("new_uploads_sensor", "old_runs_sensor", "outbox_sensor"),
}
SCHEDULES = {
    *("nightly", "overdue_schedule", "retention_schedule", "rewrite_schedule"),
    "weekly_comparison",
}

_ROWS, _OWN = "rows alone", "photos of its own, no event's"
COMMANDS = {
    "ingest": "registers photos; with --wait the job process_event",
    "demo": "a sample album, by whose maker the switch is on",
    "up": "starts the sensors",
    "review": "serves the routes",
    **dict.fromkeys(("uploads", "doctor", "metrics", "token", "audit", "version"), _ROWS),
    **dict.fromkeys(("migrate", "questions", "events consent"), _ROWS),
    **dict.fromkeys(("erase person", "erase event", "erase photos", "erase list"), _ROWS),
    **dict.fromkeys(("erase verify", "erase replay", "erase key"), _ROWS),
    **dict.fromkeys(("runs list", "runs publish", "runs hold"), _ROWS),
    **dict.fromkeys(("jobs list", "jobs show", "jobs replay", "jobs callbacks"), _ROWS),
    "model move": "a wish, which the job change_model carries out",
    **dict.fromkeys(("model list", "model check", "model quantise", "model guard"), _OWN),
    **dict.fromkeys(("lab faces", "lab cluster", "lab score", "lab calibrate"), _OWN),
    "lab simulate": _OWN,
    **dict.fromkeys(("export event", "export open", "export rotate"), _ROWS),
    "subject export": _ROWS,
}
