"""Engines, which are libraries that write variants in a child process, and their calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import cast

import msgspec

from edgeq.config.methods import Method
from edgeq.config.structs import Make, Preprocessing
from edgeq.errors import ImageError, MissingExtraError, SpecError
from edgeq.io.files import sha256_bytes
from edgeq.models.float_model import FloatModel
from edgeq.quantize.recipes import LitertRecipe, TensorflowRecipe
from edgeq.quantize.variant import CalibratedOn
from edgeq.samples.decode import Pixels
from edgeq.samples.sets import ImageSet
from edgeq.store.content import Store

Recipe = LitertRecipe | TensorflowRecipe


@dataclass(frozen=True)
class Calibration:
    """Photographs for calibrating the ranges of activations.

    Attributes:
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


@dataclass(frozen=True)
class Shared:
    """What an intermediate result that several variants share depends on."""

    recipe: Recipe
    model: FloatModel
    calibration: Calibration | None
    store: Store


@dataclass(frozen=True)
class Job(Shared):
    """One variant to be made; the calibration is None for recipes that need none.

    Attributes:
        what: The variant and its model, for messages.
        output: The file to write.
        log: The file for everything that the library prints.
    """

    what: str
    output: Path
    log: Path


@dataclass(frozen=True)
class Engine:
    """A library that makes variants.

    Attributes:
        name: Name in ``edgeq.config.methods.ENGINES``.
        packages: Packages whose versions affect the variants.
        extra: The extra of edgeq that installs them; None if they are always installed.
        format: Part of every address in the store; raised if the children's files change.
        run: Function that writes the file of a job.
        prepare: Function that makes what a job shares with others of its model, unless the store
            has it. If it was not called, ``run`` makes it.
        changes: Function that returns, as phrases, how the library's input differs from the float
            ``.tflite`` file; None if the engine does not start from that file.
        start: Function that starts an idle child process of the engine; None if starting is fast.
    """

    name: str
    packages: tuple[str, ...]
    extra: str | None
    recipes: dict[str, LitertRecipe] | dict[str, TensorflowRecipe]
    format: int
    run: Callable[[Job], None]
    prepare: Callable[[Shared], object]
    changes: Callable[[FloatModel], tuple[str, ...]] | None = None
    start: Callable[[Make, Store], object] | None = None

    def recipe(self, method: Method) -> Recipe | None:
        """Return the method's own recipe, or else the engine's recipe for it; None if neither."""
        own = method.recipes.get(self.name)
        if own is None:
            return self.recipes.get(method.name)
        kind = type(next(iter(self.recipes.values())))
        if not isinstance(own, kind):
            raise SpecError(
                f"the method {method.name!r} has {type(own).__name__} as its recipe for the engine "
                f"{self.name!r}",
                remedy=f"Give it an edgeq.{kind.__name__}",
            )
        return cast("Recipe", own)

    def versions(self) -> dict[str, str]:
        """Return the versions of its packages.

        Raises:
            MissingExtraError: A package is not installed.
        """
        installed = {}
        for package in self.packages:
            try:
                installed[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                raise MissingExtraError(
                    package, extra=self.extra or "all", needed_for=f"the engine {self.name!r}"
                ) from None
        return installed

    def calibration_facts(self, model: FloatModel, calibration: Calibration) -> dict[str, object]:
        """Return what a calibration that several variants share depends on.

        Raises:
            MissingExtraError: A package is not installed.
        """
        return {
            "float_sha256": model.sha256,
            "calibration": calibration.facts(),
            "tools": self.versions(),
            "format": self.format,
        }
