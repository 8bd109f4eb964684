"""The good variant that a challenge starts from, with everything that faults may need."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.faults.fault import ARRAYS, NotApplicableError
from edgeq.faults.graph import Graph, Layer
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.quantize.engine import Calibration
from edgeq.quantize.make import make_variant
from edgeq.samples.decode import Pixels, decode
from edgeq.samples.sets import ImageSet, Photo

MOVED = {
    "run": "variant.run",
    "subject": "variant",
    "preprocessing": "variant.preprocessing",
    "limits": "variant.limits",
    "latency": "variant.latency",
    "memory": "variant.memory",
}
"""Former attributes of ``Good``, and their replacements."""


@dataclass(frozen=True)
class Good:
    """A variant that passes its gates.

    Attributes:
        variant: The variant and its measurements.
        scratch: A folder for files that are needed after a fault's function has returned.
        measured: The gates that were measured on it, and their markers.
        unjudged: Why its predictions are not judged; None if they are.
    """

    variant: VariantUnderTest
    scratch: Path
    measured: frozenset[str] = frozenset()
    unjudged: str | None = None

    if not TYPE_CHECKING:  # type checkers reject former attributes in new code

        def __getattr__(self, name: str) -> object:
            """Return a former attribute, with a warning."""
            place = MOVED.get(name)
            if place is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            warnings.warn(
                f"Good.{name} will be removed; use Good.{place}",
                DeprecationWarning,
                stacklevel=2,
            )
            return attrgetter(place)(self)

    @cached_property
    def content(self) -> bytes:
        """Content of its file."""
        return self.variant.source.path.read_bytes()

    @property
    def baseline(self) -> bytes:
        """Content of its baseline's file."""
        return self.variant.baseline.source.path.read_bytes()

    @property
    def evaluation_labels(self) -> npt.NDArray[np.int64]:
        """Labels of the evaluation set, or the classes of its labelled boxes for a detector.

        Raises:
            NotApplicableError: The evaluation images have no labels.
        """
        if self.variant.detects:
            boxes = self.variant.inputs.images.box_labels
            if boxes is None:
                raise NotApplicableError("the evaluation images have no labelled boxes")
            return boxes.classes
        images = self.variant.inputs.images.evaluation
        if images is None or not images.labelled:
            raise NotApplicableError("the evaluation images have no labels")
        return images.labels()

    def graph(self) -> Graph:
        """Return its graph for editing."""
        return Graph(self.content, self.variant.source.path)

    @property
    def calibration(self) -> Calibration:
        """The calibration set of the variant.

        Raises:
            NotApplicableError: This run does not calibrate the variant.
        """
        if not self.variant.is_calibrated:
            raise NotApplicableError("the variant is not calibrated by this run")
        calibration = self.variant.inputs.images.calibration
        if calibration is None:
            raise NotApplicableError("there is no calibration set")
        return calibration

    def calibrated_on_pixels(self, name: str, pixels: npt.NDArray[np.uint8]) -> bytes:
        """Return the variant rebuilt with calibration on pixels of shape ``(n, h, w, 3)``."""
        self._require_photographs()
        calibration, digest = self.calibration, sha256_bytes(pixels.tobytes())
        path = self.scratch / f"{digest}.npy"
        np.save(path, pixels)
        photos = tuple(
            Photo(str(path), f"{name}-{at}", sha256_bytes(image.tobytes()), None)
            for at, image in enumerate(pixels)
        )
        images = ImageSet("calibration", name, photos)
        shape = (len(pixels), *calibration.pixels.shape[1:])
        stored = Pixels(path, shape, digest)
        return self._rebuilt(Calibration(images, stored, calibration.preprocessing))

    def calibrated_on(self, photos: tuple[Photo, ...], how: Preprocessing) -> bytes:
        """Return the variant rebuilt with calibration on given photographs and preprocessing."""
        self._require_photographs()
        calibration = self.calibration
        images = ImageSet("calibration", calibration.images.source, photos)
        _, height, width, _ = calibration.pixels.shape
        pixels = decode(images, how, (height, width), self.variant.run.store)
        return self._rebuilt(Calibration(images, pixels, how))

    def _require_photographs(self) -> None:
        if self.variant.takes_arrays:
            raise NotApplicableError(ARRAYS)

    def _rebuilt(self, calibration: Calibration) -> bytes:
        choice, inputs = self.variant.choice, self.variant.inputs
        if choice is None:
            raise ImageError("a ready-made variant can't be calibrated again")
        rebuilt = make_variant(choice, inputs.baseline, calibration, self.variant.run.store)
        return rebuilt.path.read_bytes()


def baseline_of(good: Good) -> Graph:
    """Return the graph of the baseline."""
    return Graph(good.baseline, good.variant.baseline.path)


def baseline_layers(good: Good, graph: Graph) -> tuple[Graph, dict[int, Layer]]:
    """Return the baseline's graph, and its layers by the indices of the variant's operators.

    Raises:
        NotApplicableError: The variant's layers do not correspond to the baseline's one by one.
    """
    baseline = baseline_of(good)
    ours, theirs = graph.layers(), baseline.layers()
    alike = len(ours) == len(theirs) and all(
        graph.values(own.weights).shape == baseline.values(other.weights).shape
        for own, other in zip(ours, theirs, strict=True)
    )
    if not alike:
        raise NotApplicableError("the variant's layers are not those of the baseline")
    pairs = zip(ours, theirs, strict=True)
    return baseline, {own.operator: other for own, other in pairs}
