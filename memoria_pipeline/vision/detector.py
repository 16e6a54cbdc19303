"""A face model with its settings: what the pipeline and the laboratory both analyse photos with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from memoria_pipeline.errors import ModelError
from memoria_pipeline.vision import catalogue, packs
from memoria_pipeline.vision.analyse import Outcome, Work, analyse
from memoria_pipeline.vision.backends import choose, onnx_runtime
from memoria_pipeline.vision.backends.network import Wanted
from memoria_pipeline.vision.model import FaceModel
from memoria_pipeline.vision.photo import Limits


@dataclass(frozen=True, slots=True)
class Detector:
    """The face models on their device, and how many photos are worked on at once.

    setting: what MEMORIA_FACE_MODEL says; it knows the folder behind a pack's stored name.
    workers: processes; 0 is one per core. threshold: lowest detection score. det_size, tiles: of
    InsightFace packs. backend, precision: what runs their networks. store: where int8 networks and
    what was measured are kept; None: ONNX Runtime at fp32.
    """

    setting: str = "auto"
    device: str = "auto"
    workers: int = 0
    threshold: float = 0.5
    det_size: int = 640
    tiles: str = "auto"
    max_bytes: int = Limits().max_bytes
    max_pixels: int = Limits().max_pixels
    backend: str = "auto"
    precision: str = "auto"
    store: Path | None = None

    @property
    def pack(self) -> str:
        """The name of the pack that the setting means, as `faces.model` holds it."""
        return packs.stored_name(catalogue.choose(self.setting, Path.home()).pack)

    @property
    def shown(self) -> tuple[str, str]:
        """The pack's name and the device it gets, for a dashboard; "none" for what cannot be had.

        Loads no model: a CUDA provider whose libraries are missing is only noticed when one is.
        """
        from onnxruntime import get_available_providers

        try:
            if self.pack == packs.DLIB:
                return self.pack, "cpu"
            first = onnx_runtime.providers(self.device, get_available_providers())[0]
        except ModelError:
            return "none", "none"  # not the setting itself, which may be a path
        return self.pack, first.removesuffix("ExecutionProvider").lower()

    @property
    def limits(self) -> Limits:
        """What a photo may ask for."""
        return Limits(max_bytes=self.max_bytes, max_pixels=self.max_pixels)

    @property
    def wanted(self) -> Wanted:
        """How the networks are to be run."""
        return Wanted(self.backend, self.precision, self.store)

    def load(self, model: str) -> FaceModel:
        """The pack `model`, in this process. Raises ModelError."""
        return catalogue.load(
            self._source(model),
            device=self.device,
            detection_threshold=self.threshold,
            det_size=self.det_size,
            tiles=self.tiles,
            wanted=self.wanted,
        )

    def analyse(
        self,
        model: str,
        keys: Iterable[str],
        read: Callable[[str], bytes],
        *,
        known: Iterable[str] = (),
        skip_duplicates: bool = True,
    ) -> Iterator[Outcome]:
        """Analyse photos with the pack `model`, in order; see vision/analyse.py."""
        settled = self._settled(model)
        load, gpu = partial(settled.load, model), settled._may_have_gpu(model)
        work = Work(read, load, self.limits, frozenset(known), gpu)
        return analyse(keys, work, self.workers, skip_duplicates=skip_duplicates)

    def _settled(self, model: str) -> "Detector":
        """This detector with its way chosen, so that it is measured once and not by each worker."""
        source = self._source(model)
        pack = catalogue.choose(source, Path.home()).pack
        if self.store is None or pack == packs.DLIB or "auto" not in (self.backend, self.precision):
            return self

        try:
            plan = choose.settle(catalogue.files(pack, Path.home()), self.wanted, self.device)
        except ModelError:
            return self  # the workers say so, for each photo
        return replace(self, backend=plan.way.backend, precision=plan.way.precision)

    def _may_have_gpu(self, model: str) -> bool:
        """Without loading the model; its worker finds out."""
        if self.backend in ("cuda", "tensorrt"):
            return True
        if self.backend == "openvino" or self.device == "cpu":
            return False
        if catalogue.choose(self._source(model), Path.home()).pack == packs.DLIB:
            return False
        from onnxruntime import get_available_providers

        return onnx_runtime.CUDA in get_available_providers()

    def other(self, setting: str) -> "Detector":
        """The detector of another pack that is asked for as MEMORIA_FACE_MODEL would be.

        Raises ModelError for a folder that is not there, or that later runs would not find, as
        they know a pack by its stored name and this detector's setting.
        """
        found = replace(self, setting=setting)
        place = packs.folder(setting, Path.home())
        if packs.is_path(setting):
            if place is None:
                raise ModelError(
                    f"The folder of the model pack {found.pack} has no .onnx files, or is not"
                    " there: name the folder that holds them."
                )
            if packs.folder(self._source(found.pack), Path.home()) != place:
                raise ModelError(
                    f"Later runs would not find the folder of {found.pack}: set"
                    " MEMORIA_FACE_MODEL to it first. Events of other packs keep theirs."
                )
        return found

    def thresholds(self, model: str) -> Mapping[str, float]:
        """The calibrated numbers of the pack `model`. Raises ModelError where there are none."""
        return catalogue.thresholds(self._source(model))

    def _source(self, model: str) -> str:
        means_it = self.setting != "auto" and packs.stored_name(self.setting) == model
        return self.setting if means_it else model
