"""The calibration set as the engines use it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError
from edgeq.io.files import sha256_bytes
from edgeq.quantize.variant import CalibratedOn
from edgeq.samples.decode import Pixels
from edgeq.samples.sets import ImageSet


@dataclass(frozen=True)
class Calibration:
    """Photographs for calibrating the ranges of activations.

    Attributes:
        images: The calibration set.
        pixels: Its photographs, decoded and resized for the model; or its rows of arrays.
        preprocessing: How pixels become the model's input; arrays are the input.
    """

    images: ImageSet
    pixels: Pixels
    preprocessing: Preprocessing

    def facts(self) -> dict[str, object]:
        """Return everything that a variant's content depends on, as plain JSON values.

        Names, paths and labels of the photographs are not included.
        """
        return {
            "images_sha256": self.images.content_sha256,
            "count": len(self.images.photos),
            "pixels": self.pixels.sha256,
            "preprocessing": msgspec.to_builtins(self.preprocessing),
        }

    def require_size(self, size: tuple[int, int], *, where: str) -> None:
        """Raise if there are no photographs or their size does not fit the model.

        TensorFlow's converter would accept either silently.

        Args:
            size: Height and width of the model's input.
            where: The variant, for errors.

        Raises:
            ImageError: The photographs don't fit, or there are none.
        """
        if self.pixels.shape[0] == 0:
            raise ImageError(
                "the calibration set is empty", where=where, remedy="Add photographs to it"
            )
        if self.images.arrays is not None:
            return  # compared with the model's inputs when they were read
        _, height, width, _ = self.pixels.shape
        if (height, width) != size:
            raise ImageError(
                f"the calibration photographs are {height}x{width}, "
                f"the model takes {size[0]}x{size[1]}",
                where=where,
                remedy="Decode them at the model's own size",
            )

    @property
    def sha256(self) -> str:
        """Hash of ``facts()``."""
        return sha256_bytes(msgspec.json.encode(self.facts(), order="sorted"))

    def manifest(self) -> CalibratedOn:
        """Return the calibration's part of a variant's manifest."""
        return CalibratedOn(
            source=self.images.source,
            count=len(self.images.photos),
            sha256=self.images.sha256,
            preprocessing=self.preprocessing,
            calibration_sha256=self.sha256,
        )
