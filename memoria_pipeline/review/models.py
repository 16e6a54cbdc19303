"""Face models for `/process`: loaded when first asked for, and kept."""

import threading
from dataclasses import dataclass, field
from functools import partial

from memoria_pipeline.errors import PhotoError
from memoria_pipeline.vision.analyse import Outcome, Work, analyse_photo
from memoria_pipeline.vision.detector import Detector
from memoria_pipeline.vision.model import FaceModel


@dataclass(slots=True)
class Models:
    """One model per pack, in this process. Safe to call from several threads at once."""

    detector: Detector
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

    def analyse(self, pack: str, data: bytes) -> Outcome:
        """The faces of one photo. Raises PhotoError, ModelError."""
        model = self.get(pack)
        work = Work(_nowhere, partial(self.get, pack), self.detector.limits)
        try:
            return analyse_photo("", data, work, model)
        except PhotoError:
            raise
        except Exception as error:  # OpenCV, ONNX Runtime, dlib raise whatever a photo provokes
            message = f"Analysing it failed ({type(error).__name__}); convert it to JPEG."
            raise PhotoError("crashed", message) from None


def _nowhere(_key: str) -> bytes:
    raise PhotoError("missing", "The photo is in memory only; send it again.")
