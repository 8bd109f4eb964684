"""Engines: libraries that write the files of variants in a child process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgeq.config.methods import Method
from edgeq.config.structs import Make
from edgeq.errors import MissingExtraError, SpecError
from edgeq.models.float_model import FloatModel
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.recipes import LitertRecipe, TensorflowRecipe
from edgeq.store.content import Store

Recipe = LitertRecipe | TensorflowRecipe


@dataclass(frozen=True)
class Shared:
    """What an intermediate result that several variants share depends on.

    Attributes:
        recipe: How the variant is made.
        model: The float model.
        calibration: The calibration set; None if the result needs none.
        store: Store for results.
    """

    recipe: Recipe
    model: FloatModel
    calibration: Calibration | None
    store: Store


@dataclass(frozen=True)
class Job:
    """One variant to be made.

    Attributes:
        what: The variant and its model, for messages.
        recipe: How the variant is made.
        model: The float model.
        calibration: The calibration set; None for recipes that need none.
        store: Store for intermediate results.
        output: The file to write.
        log: The file for everything that the library prints.
    """

    what: str
    recipe: Recipe
    model: FloatModel
    calibration: Calibration | None
    store: Store
    output: Path
    log: Path

    @property
    def shared(self) -> Shared:
        """The part of the job that it may share with others."""
        return Shared(self.recipe, self.model, self.calibration, self.store)


@dataclass(frozen=True)
class Engine:
    """A library that makes variants.

    Attributes:
        name: Name in ``edgeq.config.methods.ENGINES``.
        packages: Packages whose versions affect the variants.
        extra: The extra of edgeq that installs them; None if they are always installed.
        recipes: Recipes by method.
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
        if not isinstance(own, LitertRecipe | TensorflowRecipe):
            raise SpecError(
                f"the method {method.name!r} has {type(own).__name__} as its recipe for the engine "
                f"{self.name!r}",
                remedy="Give it an edgeq.LitertRecipe or edgeq.TensorflowRecipe",
            )
        return own

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
