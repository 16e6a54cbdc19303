"""Which way is taken: what is asked for, what may be, and what is fastest."""

from dataclasses import replace
from pathlib import Path

import pytest

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision.backends import choose, guard, keeping, openvino
from memoria_pipeline.vision.backends.guard import Verdict
from memoria_pipeline.vision.backends.network import Wanted, Way
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.onnx_pack import Pack
from memoria_pipeline.vision.trial import Trial

GOOD = Verdict(0.95, 0.95, 0.90, 0.90, 1000, 50_000)

SPEED = {
    "onnxruntime fp32": 40.0,
    "openvino fp32": 30.0,
    "openvino bf16": 20.0,
    "openvino int8": 10.0,
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways that were measured, by a clock that knows SPEED."""
    asked: list[str] = []

    def opened(_: Pack, way: Way, *__: object) -> str:
        asked.append(str(way))
        return str(way)

    monkeypatch.setattr(choose, "open_networks", opened)
    monkeypatch.setattr(choose, "timed", lambda networks: SPEED[networks])
    return asked


def _int8(store: Path, pack: Pack) -> Path:
    """The folder of a pack that has int8 networks, as far as their files go."""
    place = keeping.folder(store, pack)
    place.mkdir(parents=True, exist_ok=True)
    made = keeping.quantised(place, pack)
    for path in (made.detector, made.recogniser):
        path.write_bytes(b"")
    return place


def test_where_nothing_is_kept_a_pack_runs_on_onnx_runtime_at_fp32(pack: Pack) -> None:
    plan = choose.settle(pack, Wanted())
    assert (plan.way, plan.files, plan.kept) == (Way(), pack, None)


def test_auto_is_the_fastest_fp32_before_the_guard_has_spoken(
    pack: Pack, store: Path, timed: list[str]
) -> None:
    plan = choose.settle(pack, Wanted(store=store), "cpu")
    assert plan.way == Way("openvino", "fp32")
    assert timed == ["onnxruntime fp32", "openvino fp32"]
    assert "fastest of 2" in plan.reason


def test_auto_is_the_fastest_that_the_guard_permits_and_is_measured_once(
    pack: Pack, store: Path, timed: list[str]
) -> None:
    place = _int8(store, pack)
    for precision in ("bf16", "int8"):
        guard.keep(place, Way("openvino", precision), GOOD)
    plan = choose.settle(pack, Wanted(store=store), "cpu")
    assert plan.way == Way("openvino", "int8")
    assert plan.files == keeping.quantised(place, pack)
    measured = len(timed)
    assert choose.settle(pack, Wanted(store=store), "cpu").way == plan.way
    assert len(timed) == measured


def test_a_new_verdict_is_taken_into_account_at_the_next_start(
    pack: Pack, store: Path, timed: list[str]
) -> None:
    choose.settle(pack, Wanted(store=store), "cpu")
    guard.keep(_int8(store, pack), Way("openvino", "int8"), GOOD)
    assert choose.settle(pack, Wanted(store=store), "cpu").way == Way("openvino", "int8")


def test_a_precision_that_is_asked_for_and_not_proven_is_an_error(pack: Pack, store: Path) -> None:
    with pytest.raises(ModelError, match=r"int8 networks yet.*model quantise"):
        choose.settle(pack, Wanted(precision="int8", store=store), "cpu")
    _int8(store, pack)
    with pytest.raises(ModelError, match=r"not proven.*model guard"):
        choose.settle(pack, Wanted(precision="int8", store=store), "cpu")


def test_a_precision_that_failed_is_refused_with_its_figures(pack: Pack, store: Path) -> None:
    guard.keep(_int8(store, pack), Way("openvino", "int8"), replace(GOOD, tar=0.7))
    with pytest.raises(ModelError, match=r"loses too much.*TAR 70\.0%"):
        choose.settle(pack, Wanted(precision="int8", store=store), "cpu")


def test_openvino_that_is_asked_for_and_not_installed_is_an_error(
    pack: Pack, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "installed", lambda: False)
    with pytest.raises(ModelError, match="pip install"):
        choose.settle(pack, Wanted("openvino", store=store), "cpu")
    assert choose.settle(pack, Wanted(store=store), "cpu").way == Way()


@pytest.mark.parametrize(
    ("wanted", "device", "message"),
    [
        (Wanted("onnxruntime", "bf16"), "cpu", "fp32 only"),
        (Wanted("openvino"), "cuda", "CPU only"),
        (Wanted("tpu"), "cpu", "Unknown 'tpu'"),
        (Wanted(precision="fp8"), "cpu", "Unknown 'fp8'"),
    ],
)
def test_what_cannot_be_is_refused(
    wanted: Wanted, device: str, message: str, pack: Pack, store: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        choose.settle(pack, replace(wanted, store=store), device)


def test_a_gpu_is_taken_where_it_is_asked_for_at_fp32(pack: Pack, store: Path) -> None:
    assert choose.settle(pack, Wanted(store=store), "cuda").way == Way("cuda", "fp32")
    wanted = Wanted("tensorrt", store=store)
    assert choose.settle(pack, wanted).way == Way("tensorrt", "fp32")


def test_a_measurement_of_real_networks_takes_a_moment(trial: Trial) -> None:
    plan = choose.settle(trial.pack, Wanted(store=trial.place.parent), "cpu")
    assert set(plan.milliseconds) == {"onnxruntime fp32", "openvino fp32"}
    assert min(plan.milliseconds.values()) > 0


def test_the_detector_settles_its_way_once_for_all_workers(
    shared_models: Path, store: Path, pack: Pack
) -> None:
    place = keeping.folder(store, pack)
    keys = [f"{keeping.machine(way.backend)} {way.precision}" for way in choose.ON_CPU[:2]]
    known = {"onnxruntime fp32": 1.0, "openvino fp32": 2.0}
    keeping.write(place / choose.FILE, {"; ".join(keys): known})
    setting = f"insightface:{shared_models / 'scrfd_2.5g_mobilefacenet'}"
    settled = Detector(setting, "cpu", store=store)._settled("insightface:scrfd_2.5g_mobilefacenet")
    assert (settled.backend, settled.precision) == ("onnxruntime", "fp32")


def test_a_pack_that_changed_is_another_pack_though_hashes_are_kept(
    pack: Pack, tmp_path: Path
) -> None:
    copies = [tmp_path / path.name for path in (pack.detector, pack.recogniser)]
    for path, copy in zip((pack.detector, pack.recogniser), copies, strict=True):
        copy.write_bytes(path.read_bytes())
    mine = Pack(copies[0], copies[1], pack.raw_pixels)
    store = tmp_path / "store"
    first = keeping.folder(store, mine)
    assert first.name == keeping.folder(tmp_path / "other", pack).name
    assert len(keeping.read(store / keeping.FILES)) == 2
    copies[1].write_bytes(copies[1].read_bytes()[:-1] + b"x")
    assert keeping.folder(store, mine) != first
