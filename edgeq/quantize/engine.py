"""What an engine is: a library that writes the files of variants in a child process."""

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
    """What a variant shares with others.

    Attributes:
        recipe: How the variant is made.
        model: Of what.
        calibration: With which photographs, None for what depends on none.
        store: Where results are kept.
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
        recipe: How.
        model: Of what.
        calibration: With which photographs, None for recipes that need none.
        store: Where intermediate results are kept.
        output: The file to write.
        log: The file for all that the library prints.
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
        """What it may share with others."""
        return Shared(self.recipe, self.model, self.calibration, self.store)


@dataclass(frozen=True)
class Engine:
    """A library that makes variants.

    Attributes:
        name: Name in ``edgeq.config.methods.ENGINES``.
        packages: Packages whose versions decide what it makes.
        extra: The extra of edgeq that installs them, None for what is always there.
        recipes: By method.
        format: Part of every address: raised when the children make other files of a request.
        run: Writes the file of a job.
        prepare: Makes what a job shares with others of its model, where the store has it not yet.
            ``run`` does so too when it was not asked.
        changes: Returns what its library is given in place of what the float ``.tflite`` file
            holds, in words; None if it does not start from that file.
        start: Starts a child process of the engine, where that takes long, and lets it wait.
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
        """Return how it makes a method: the method's own recipe, or one of its own; or None."""
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
            MissingExtraError: One is not installed.
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
