"""The good variant that a challenge starts from, with all that a fault may need."""

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
from edgeq.faults.fault import NotApplicableError
from edgeq.faults.graph import Graph
from edgeq.io.files import sha256_bytes
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.quantize.calibration import Calibration
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
"""Former attributes of ``Good``, and what to ask for in their place."""


@dataclass(frozen=True)
class Good:
    """A variant that passes its gates.

    Attributes:
        variant: The variant, with all that was measured of it.
        scratch: A folder for files that outlive a fault's making.
        measured: The gates that were measured on it, and their markers.
        unjudged: Why its predictions are not judged, None if they are.
    """

    variant: VariantUnderTest
    scratch: Path
    measured: frozenset[str] = frozenset()
    unjudged: str | None = None

    if not TYPE_CHECKING:  # nobody's new code is to use what moved

        def __getattr__(self, name: str) -> object:
            """Return a former attribute, with a warning."""
            place = MOVED.get(name)
            if place is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            warnings.warn(
                f"Good.{name} will be removed: ask for Good.{place}",
                DeprecationWarning,
                stacklevel=2,
            )
            return attrgetter(place)(self)

    @cached_property
    def content(self) -> bytes:
        """Bytes of its file."""
        return self.variant.source.path.read_bytes()

    @property
    def baseline(self) -> bytes:
        """Bytes of its baseline's file."""
        return self.variant.baseline.source.path.read_bytes()

    @property
    def evaluation_labels(self) -> npt.NDArray[np.int64]:
        """Labels of the evaluation set.

        Raises:
            NotApplicableError: It has none.
        """
        images = self.variant.inputs.evaluation
        if images is None or not images.labelled:
            raise NotApplicableError("the evaluation images have no labels")
        return images.labels()

    def graph(self) -> Graph:
        """Return its graph, to be edited."""
        return Graph(self.content, self.variant.source.path)

    @property
    def calibration(self) -> Calibration:
        """What it was calibrated on.

        Raises:
            NotApplicableError: It was not.
        """
        if not self.variant.is_calibrated:
            raise NotApplicableError("the variant is not calibrated by this run")
        calibration = self.variant.inputs.calibration
        if calibration is None:
            raise NotApplicableError("there is no calibration set")
        return calibration

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
        return self._made(
            Calibration(images, decode(images, how, size, self.variant.run.store), how)
        )

    def _made(self, calibration: Calibration) -> bytes:
        choice, inputs = self.variant.choice, self.variant.inputs
        if choice is None:
            raise ImageError("a ready-made variant can't be calibrated again")
        return make_variant(
            choice, inputs.baseline, calibration, self.variant.run.store
        ).path.read_bytes()
