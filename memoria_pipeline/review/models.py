"""Face models for `/process`: loaded when first asked for, and kept."""

import threading
from dataclasses import dataclass, field

from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import FaceModel


@dataclass(slots=True)
class Models:
    """One model per pack; one photo at a time, as a model takes every core by itself."""

    detector: Detector
    at_work: threading.Lock = field(default_factory=threading.Lock)
    _loaded: dict[str, FaceModel] = field(default_factory=dict)
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_loaded(self) -> bool:
        """Whether a model is there already."""
        return bool(self._loaded)

    def get(self, pack: str) -> FaceModel:
        """The model of this pack; an empty name means the setting's. Raises ModelError."""
        with self._loading:
            name = pack or self.detector.pack
            if name not in self._loaded:
                self._loaded[name] = self.detector.load(name)
            return self._loaded[name]
