"""Making of variants by the engines, and reading of ready-made variants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.presets import find_preprocessing
from edgeq.config.structs import ReadyVariant, Spec
from edgeq.config.tables import key_text
from edgeq.errors import ConversionError, ModelError, SpecError
from edgeq.io.files import sha256_bytes
from edgeq.models.child import log_path
from edgeq.models.float_model import FloatModel
from edgeq.models.originals import take
from edgeq.quantize.engine import Calibration, Engine, Job, Recipe
from edgeq.quantize.fitting import fitted, folded_model, pruned_model
from edgeq.quantize.litert_engine import LITERT_ENGINE
from edgeq.quantize.recipes import LitertRecipe
from edgeq.quantize.tensorflow_engine import TENSORFLOW_ENGINE
from edgeq.quantize.variant import MadeOf, Manifest, Variant
from edgeq.registry import Registry
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.runnable import require_runnable
from edgeq.tflite.signatures import first_graph_note

ENGINES: Registry[Engine] = Registry(
    "engine", [(engine.name, engine) for engine in (LITERT_ENGINE, TENSORFLOW_ENGINE)]
)


KIND = "variants"
FILE = "model.tflite"
READY_MADE = "ready-made"


def make_variant(
    choice: MethodChoice,
    model: FloatModel,
    calibration: Calibration | None,
    store: Store,
    *,
    recipe: Recipe | None = None,
) -> Variant:
    """Return the variant that a method makes of a model, from the store if it is there.

    Raises:
        ConversionError: The library failed. The error has the reason in one line and the log.
        ImageError: The calibration set is empty or decoded at another size than the model's.
        MissingExtraError: The engine is not installed.
        ModelError: The engine can't start from this model.
        SpecError: The method needs a calibration set and there is none.
        StoreError: The store can't be written.
    """
    engine, method = ENGINES.get(choice.engine), METHODS.get(choice.method)
    what = f"{model.name}/{choice.label}"
    method_recipe = recipe or _recipe_of(choice, what)
    if choice.needs_calibration and calibration is None:
        raise SpecError(
            f"the method {method.name!r} needs a calibration set",
            where=what,
            remedy="Set `calibration` in [images]",
        )
    start = folded_model(model, store) if choice.fold_preprocessing else model
    start = start if choice.prune is None else pruned_model(start, choice.prune, store)
    chosen = fitted(method_recipe, start, choice.classifier, units=choice.units, what=what)
    used = calibration if choice.needs_calibration else None
    if used is not None:
        used.require_size(model.input_size, where=what)
    origin: dict[str, Any] = {
        "engine": engine.name,
        "method": method.name,
        "parameters": msgspec.to_builtins(method_recipe if choice.units else chosen),
        "tools": engine.versions(),
        **_choices(choice, chosen),
    }
    if engine.changes is not None and (changes := engine.changes(start)):
        origin["prepared"] = tuple(changes)
    facts = {
        **origin,
        "float_sha256": start.sha256,
        "calibration": None if used is None else used.facts(),
        "format": engine.format,
    }
    log = log_path(store, KIND, facts)

    def make(folder: Path) -> None:
        output = folder / FILE
        engine.run(Job(chosen, start, used, store, what, output, log))
        _require_model(output, what=what, log=log)

    entry = store.get_or_make(KIND, facts, make)
    path = entry.folder / FILE
    return Variant(
        name=choice.label,
        method=method.name,
        engine=engine.name,
        path=path,
        sha256=entry.files[FILE],
        bytes=path.stat().st_size,
        manifest=Manifest(
            **origin,
            float_model=MadeOf(name=model.name, source=model.source, sha256=model.sha256),
            calibration=None if used is None else used.manifest(),
        ),
        made=entry.made,
    )


def _choices(choice: MethodChoice, recipe: Recipe) -> dict[str, Any]:
    """Return what the spec chose besides method and engine, as a manifest has it."""
    chosen: dict[str, Any] = {}
    if choice.units:
        # For people, the units' names are enough; the names of all their operators add nothing.
        chosen["units"] = dict(choice.units)
        chosen["recipe_sha256"] = sha256_bytes(msgspec.json.encode(recipe))
    if choice.classifier is not None:
        chosen["classifier"] = choice.classifier
    if choice.prune is not None:
        chosen["prune"] = choice.prune
    if choice.fold_preprocessing:
        chosen["fold_preprocessing"] = True
    return chosen


def _recipe_of(choice: MethodChoice, what: str) -> Recipe:
    """Return the engine's recipe for a method, with the choice's own percentile if any."""
    engine, method = ENGINES.get(choice.engine), METHODS.get(choice.method)
    recipe = engine.recipe(method)
    if recipe is None:
        raise SpecError(
            f"engine {engine.name!r} can't make the method {method.name!r}",
            where=what,
            remedy=f"Engines that can: {', '.join(method.engines)}",
        )
    if choice.percentile is not None and isinstance(recipe, LitertRecipe):
        return msgspec.structs.replace(recipe, percentile=choice.percentile)
    return recipe


def ready_variant(name: str, ready: ReadyVariant, spec: Spec, store: Store) -> Variant:
    """Return a ready-made variant.

    Raises:
        ModelError: The file is missing, not a model, damaged, has operators that no LiteRT runtime
            for Python has, or apps call another graph than its first.
        SpecError: The table names no file, or an unknown preprocessing.
    """
    if ready.file is None:
        raise SpecError("names no file", where=f"variants.{name}", remedy="Add file")
    _require_file(name, spec.path(ready.file))
    model, original = take(spec.path(ready.file), store)
    require_runnable(model)
    first_graph_note(model, spec.models[ready.model].signature)
    own = ready.preprocessing
    manifest = Manifest(
        engine=READY_MADE,
        method=ready.method,
        file=ready.file,
        description=model.description,
        preprocessing=None
        if own is None
        else find_preprocessing(own, where=f"variants.{name}.preprocessing"),
    )
    return Variant(
        name=name,
        method=ready.method,
        engine=READY_MADE,
        path=original.copy,
        sha256=model.sha256,
        bytes=model.bytes,
        manifest=manifest,
        made=False,
        original=original,
    )


def ready_file(name: str, file: str, spec: Spec) -> ModelFile:
    """Return the parsed file of a ready-made variant in its own place, without copying it.

    Raises:
        ModelError: As for ``ready_variant``.
    """
    path = spec.path(file)
    _require_file(name, path)
    model = read_model(path)
    require_runnable(model)
    first_graph_note(model, spec.models[spec.variants[name].model].signature)
    return model


def _require_file(name: str, path: Path) -> None:
    """Raise if a variant's file does not exist."""
    if not path.exists():
        table = f"[{key_text('variants', name)}]"
        raise ModelError("no such file", where=path, remedy=f"Correct `file` in {table}")


def _require_model(path: Path, *, what: str, log: Path) -> None:
    """Raise if no runtime could run the file that an engine wrote."""
    try:
        require_runnable(read_model(path))
    except ModelError as error:
        raise ConversionError(
            f"the engine wrote a file that can't be used: it {error.what}",
            where=what,
            remedy=f"See {log}",
            log=log,
        ) from error
