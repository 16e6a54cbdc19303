"""Who may do what, to be read by people: the tests try every cell of it.

s = select, i = insert, u = update, d = delete; a dash: nothing. A small letter: rows about oneself
in one's event (one's photos are those one is tagged on); a capital: all rows of one's event.
others: those about others. own: about oneself, in events of others too. all: every row there is.

organiser … stranger are users (role authenticated), api is the server's bare login, analyst and
service are the roles of dashboards and of the pipeline. Faces, persons and tags by faces are
written with a decision in the same transaction only: see test_deciding_as_people.py.
"""

_LIST = """
                      organiser    photographer member  guest   stranger anon api analyst service
audit                 S,own:s      own:s        own:s   own:s   own:s    -    -   -       all:s
backfills             -            -            -       -       -        -    -   -       all:siud
callbacks             -            -            -       -       -        -    -   -       all:siud
canaries              -            -            -       -       -        -    -   -       all:siud
cluster_proposals     -            -            -       -       -        -    -   -       all:siud
cluster_runs          S            -            -       -       -        -    -   all:s   all:siud
comparisons           -            -            -       -       -        -    -   all:s   all:siud
consents to grouping  own:s        own:s        own:s   own:s   own:s    -    -   -       all:si
consents of one's own own:s,i      own:s,i      own:s,i own:s,i own:s   -    -   -       all:si
decisions             Si           -            -       -       -        -    -   all:s   all:si
erased_persons        S            -            -       -       -        -    -   -       all:s
erasure_requests      -            -            -       -       -        -    -   -       all:siud
erasures              -            -            -       -       -        -    -   -       all:siud
event_keys            -            -            -       -       -        -    -   -       all:siud
event_members         SIU,others:d s            s       s       -        -    -   -       all:siud
events                SU           S            S       S       -        -    -   all:s   all:siud
face_persons          SIUD         s            s       -       -        -    -   all:s   all:siud
face_changes          -            -            -       -       -        -    -   -       all:siud
faces                 SU           s            s       s       -        -    -   -       all:siud
faces_beside          -            -            -       -       -        -    -   -       all:siud
forecasts             S            -            -       -       -        -    -   -       all:siud
hidden                S            s            s       s       -        -    -   -       all:siud
hidden_boxes          -            -            -       -       -        -    -   -       all:siud
idempotency           own:siu      own:siu      own:siu own:siu own:siu  -    -   -       all:siud
invitations           SiU          -            -       -       -        -    -   -       all:siud
links                 -            -            -       -       -        -    -   -       all:siud
lookouts              -            -            -       -       -        -    -   -       all:siud
media                 SI           SI           S       s       -        -    -   all:s   all:siud
media_beside          -            -            -       -       -        -    -   -       all:siud
media_tags by face    SIUD         sd           sd      sd      -        -    -   -       all:siud
media_tags by hand    SiD          sid          sid     sd      -        -    -   -       all:siud
media_tags for others SiD          sid          -       -       -        -    -   -       all:siud
migrations            -            -            -       -       -        -    -   -       all:siud
ml_jobs               SI           SI           -       -       -        -    -   all:s   all:siud
moves                 -            -            -       -       -        -    -   -       all:siud
opened                -            -            -       -       -        -    -   -       -
questions             SU           -            -       -       -        -    -   -       all:siud
run_answers           Si           -            -       -       -        -    -   -       all:siud
sessions              -            -            -       -       -        -    -   -       all:siud
tombstones            -            -            -       -       -        -    -   -       all:siud
untagged              S            s            s       s       -        -    -   -       all:siud
uploads               -            -            -       -       -        -    -   -       all:siud
watched               -            -            -       -       -        -    -   -       all:siud
"""

ROLES = (
    *("organiser", "photographer", "member", "guest", "stranger"),
    *("anon", "memoria_api", "memoria_analyst", "memoria_service"),
)
TABLES: dict[str, list[str]] = {
    line[:22].strip(): line[22:].split() for line in _LIST.strip("\n").splitlines()[1:]
}

# Nobody but the analyst and the service reads a view, and nobody writes into one.
VIEWS = {
    *("analytics.clusterings", "analytics.comparisons", "analytics.decisions"),
    *("analytics.detection", "analytics.event_coverage", "analytics.events_with_recognition"),
    *("analytics.failed_jobs", "analytics.job_hours", "analytics.jobs"),
    *("analytics.last_clustering", "analytics.people", "analytics.photo_failures"),
    *("analytics.review", "analytics.similarities", "analytics.throughput"),
}

# What no user reads, of tables of which users read anything.
HIDDEN_COLUMNS = {
    "events": {"photo_root", "wanted_face_model"},
    "faces": {"embedding", "embedded_at"},
    "invitations": {"token_hash"},
}

# Functions that run as their owner, and who may call them (triggers call themselves).
_PEOPLE, _SERVERS = ["authenticated", "memoria_service"], ["memoria_api", "memoria_service"]
DEFINERS: dict[str, list[str]] = {
    **dict.fromkeys(("my_events", "my_persons", "my_tagged_photos", "deciding"), _PEOPLE),
    **dict.fromkeys(("decisions_about", "purge_for_caller"), _PEOPLE),
    **dict.fromkeys(
        ("api_start_session", "api_session", "api_end_session", "api_arm_invitation"), _SERVERS
    ),
    **dict.fromkeys(("api_link_for", "api_use_link", "api_invitation"), _SERVERS),
    **dict.fromkeys(("api_accept_invitation", "api_photo_source", "api_face_source"), _SERVERS),
    **dict.fromkeys(("api_may_analyse", "api_enqueue", "api_job", "api_clusters"), _SERVERS),
    **dict.fromkeys(("api_face_counts", "api_finish_job", "api_create_event"), _SERVERS),
    "api_photo_root": _SERVERS,
    **dict.fromkeys(("create_beside_partition", "drop_beside_partition"), ["memoria_service"]),
    **dict.fromkeys(("erase_faces_of_photos", "user_of_address"), ["memoria_service"]),
    **dict.fromkeys(("note", "hide"), _PEOPLE),
    "api_veil": _SERVERS,
    **dict.fromkeys(("is_erasure", "known_as", "write_audit", "hidden_persons"), []),
    **dict.fromkeys(("hidden_faces", "unname_audit", "persons_erased", "is_member"), []),
    "only_here": [],
    "purge_face_data_for_user": ["memoria_service"],
    **dict.fromkeys(("request_erasure", "erase_rows", "finish_erasure"), ["memoria_service"]),
    "buried": ["memoria_service"],
    **dict.fromkeys(("request_for_caller", "erase_for_caller"), _PEOPLE),
    "api_tombstones": _SERVERS,
    **dict.fromkeys(("forget_results", "forget_in_log", "forget_derived", "forget_user"), []),
    **dict.fromkeys(("find_subject", "drop_log", "is_open", "told", "erase_faces"), []),
    **dict.fromkeys(("named_subject", "faces_on_copies"), []),
    **dict.fromkeys(("erase_person", "erase_photos", "erase_archive", "erase_event"), []),
    **dict.fromkeys(("open", "shut", "erase_also"), []),
    **dict.fromkeys(("my_selfies", "selfies_of", "take_back"), _PEOPLE),
    "api_keep_selfie": _SERVERS,
    **dict.fromkeys(("agrees", "comparable", "forget_others", "person_for"), ["memoria_service"]),
    **dict.fromkeys(("erase_consents", "faces_of_others", "look_again"), []),
    **dict.fromkeys(("create_event_partition", "drop_event_partition"), []),
}
