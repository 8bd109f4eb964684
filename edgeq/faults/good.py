"""The good variant that a challenge starts from, with all that a fault may need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeq.config.limits import limits_for
from edgeq.config.structs import Limits, Preprocessing
from edgeq.errors import ImageError
from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import Graph
from edgeq.io.files import sha256_bytes
from edgeq.measure.latency import Latency
from edgeq.pipeline.plan import Subject
from edgeq.pipeline.run import Run
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.make import make_variant
from edgeq.run.results import MemoryUse
from edgeq.samples.decode import Pixels, decode
from edgeq.samples.sets import ImageSet, Photo


@dataclass(frozen=True)
class Good:
    """A variant that passes its gates.

    Attributes:
        run: The run that made it.
        subject: The variant.
        scratch: A folder for files that outlive a fault's making.
        measured: The gates that were measured on it, and their markers.
        unjudged: Why its predictions are not judged, None if they are.
    """

    run: Run
    subject: Subject
    scratch: Path
    measured: frozenset[str] = frozenset()
    unjudged: str | None = None

    @cached_property
    def content(self) -> bytes:
        """Bytes of its file."""
        return self.run.variant(self.subject).path.read_bytes()

    @property
    def baseline(self) -> bytes:
        """Bytes of its baseline's file."""
        return self.run.inputs(self.subject.model).baseline.path.read_bytes()

    @property
    def preprocessing(self) -> Preprocessing:
        """How photographs become its input."""
        return self.run.inputs(self.subject.model).preprocessing_of(self.subject.variant)

    @property
    def limits(self) -> Limits:
        """The limits that hold for it."""
        return limits_for(self.run.spec, self.subject.variant, self.subject.method)

    @property
    def latency(self) -> Latency:
        """Its times beside its baseline's."""
        return self.run.latency(self.subject).latency

    @property
    def memory(self) -> MemoryUse:
        """What it costs in memory."""
        return self.run.memory(self.subject.model, self.subject)

    @property
    def evaluation_labels(self) -> npt.NDArray[np.int64]:
        """Labels of the evaluation set.

        Raises:
            NotApplicableError: It has none.
        """
        images = self.run.inputs(self.subject.model).evaluation
        if images is None or not images.labelled:
            raise NotApplicableError("the evaluation images have no labels")
        return images.labels()

    def graph(self) -> Graph:
        """Return its graph, to be edited."""
        return Graph(self.content, self.run.variant(self.subject).path)

    @property
    def calibration(self) -> Calibration:
        """What it was calibrated on.

        Raises:
            NotApplicableError: It was not.
        """
        choice = self.subject.choice
        if choice is None or not choice.needs_calibration:
            raise NotApplicableError("the variant is not calibrated by this run")
        found = self.run.inputs(self.subject.model).calibration
        if found is None:
            raise NotApplicableError("there is no calibration set")
        return found

    def calibrated_on_pixels(self, name: str, pixels: npt.NDArray[np.uint8]) -> bytes:
        """Return the variant made again, calibrated on pixels of shape ``(n, h, w, 3)``."""
        calibration, digest = self.calibration, sha256_bytes(pixels.tobytes())
        path = self.scratch / f"{digest}.npy"
        np.save(path, pixels)
        photos = tuple(
            Photo(str(path), f"{name}-{at}", sha256_bytes(one.tobytes()), None)
            for at, one in enumerate(pixels)
        )
        images = ImageSet("calibration", name, photos)
        shape = (len(pixels), *calibration.pixels.shape[1:])
        return self._made(
            Calibration(images, Pixels(path, shape, digest), calibration.preprocessing)
        )

    def calibrated_on(self, photos: tuple[Photo, ...], how: Preprocessing) -> bytes:
        """Return the variant made again, calibrated on some photographs in some way."""
        calibration = self.calibration
        images = ImageSet("calibration", calibration.images.source, photos)
        size = calibration.pixels.shape[1:3]
        return self._made(Calibration(images, decode(images, how, size, self.run.store), how))

    def _made(self, calibration: Calibration) -> bytes:
        choice, inputs = self.subject.choice, self.run.inputs(self.subject.model)
        if choice is None:
            raise ImageError("a ready-made variant can't be calibrated again")
        return make_variant(choice, inputs.baseline, calibration, self.run.store).path.read_bytes()
