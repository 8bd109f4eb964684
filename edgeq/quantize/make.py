"""Making a variant, or taking a ready-made one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from edgeq.config.methods import METHODS, MethodChoice
from edgeq.config.presets_preprocessing import find_preprocessing
from edgeq.config.structs import ReadyVariant, Spec
from edgeq.config.tables import key_text
from edgeq.errors import ConversionError, ModelError, SpecError
from edgeq.io.files import sha256_bytes
from edgeq.models.child import log_path
from edgeq.models.float_model import FloatModel
from edgeq.models.originals import take
from edgeq.quantize.calibration import Calibration
from edgeq.quantize.engine import Job, Recipe
from edgeq.quantize.engines import ENGINES
from edgeq.quantize.fitting import fitted
from edgeq.quantize.manifest import MadeOf, Manifest
from edgeq.quantize.variant import Variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import ModelFile, read_model, require_runnable

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
    """Return the variant that a method makes of a model, from the store when it is there.

    Args:
        choice: The method and the engine.
        model: The float model.
        calibration: Used by methods that need one, and by no other.
        store: Where variants are kept. Logs are in its folder ``logs``.
        recipe: In place of the engine's own for the method.

    Raises:
        ConversionError: The library failed, with its reason in one line and its log.
        ImageError: The calibration set is empty or decoded at another size than the model's.
        MissingExtraError: The engine is not installed.
        ModelError: The engine can't start from this model.
        SpecError: The method needs a calibration set and there is none.
        StoreError: The store can't be written.
    """
    engine, method = ENGINES.get(choice.engine), METHODS.get(choice.method)
    what = f"{model.name}/{choice.label}"
    chosen = recipe if recipe is not None else engine.recipe(method)
    if chosen is None:
        raise SpecError(
            f"engine {engine.name!r} can't make the method {method.name!r}",
            where=what,
            remedy=f"Engines that can: {', '.join(method.engines)}",
        )
    if choice.needs_calibration and calibration is None:
        raise SpecError(
            f"the method {method.name!r} needs a calibration set",
            where=what,
            remedy="Set `calibration` in [images]",
        )
    method_recipe = chosen
    chosen = fitted(chosen, model, choice.classifier, units=choice.units, what=what)
    used = calibration if choice.needs_calibration else None
    if used is not None:
        used.require_size(model.input_size, where=what)
    origin: dict[str, Any] = {
        "engine": engine.name,
        "method": method.name,
        "parameters": msgspec.to_builtins(method_recipe if choice.units else chosen),
        "tools": engine.versions(),
    }
    if choice.units:
        # The names of all operators say no more to people than those of the units.
        origin["units"] = dict(choice.units)
        origin["recipe_sha256"] = sha256_bytes(msgspec.json.encode(chosen))
    if choice.classifier is not None:
        origin["classifier"] = choice.classifier
    changes = () if engine.changes is None else engine.changes(model)
    if changes:
        origin["prepared"] = tuple(changes)
    facts = {
        **origin,
        "float_sha256": model.sha256,
        "calibration": None if used is None else used.facts(),
        "format": engine.format,
    }
    log = log_path(store, KIND, facts)

    def make(folder: Path) -> None:
        output = folder / FILE
        engine.run(Job(what, chosen, model, used, store, output, log))
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


def ready_variant(name: str, ready: ReadyVariant, spec: Spec, store: Store) -> Variant:
    """Return a ready-made variant.

    Args:
        name: Its name in the spec.
        ready: What the spec says about it.
        spec: Relative paths start from its root.
        store: Keeps the copy that is run.

    Raises:
        ModelError: The file is missing, not a model, damaged, or has operators that no LiteRT
            runtime for Python has.
        SpecError: It names no file, or a preprocessing that there is not.
    """
    if ready.file is None:
        raise SpecError("names no file", where=f"variants.{name}", remedy="Add file")
    _require_file(name, spec.path(ready.file))
    model, original = take(spec.path(ready.file), store)
    require_runnable(model)
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
    """Return the file of a ready-made variant as it lies there, to be looked at and not run.

    Args:
        name: Name of the variant in the spec.
        file: As the spec writes it.
        spec: Relative paths start from its root.

    Raises:
        ModelError: As ``ready_variant``.
    """
    path = spec.path(file)
    _require_file(name, path)
    model = read_model(path)
    require_runnable(model)
    return model


def _require_file(name: str, path: Path) -> None:
    """Refuse a path of a variant that leads nowhere.

    Raises:
        ModelError: There is nothing.
    """
    if not path.exists():
        table = f"[{key_text('variants', name)}]"
        raise ModelError("no such file", where=path, remedy=f"Correct `file` in {table}")


def _require_model(path: Path, *, what: str, log: Path) -> None:
    """Refuse what an engine wrote if no runtime could read it.

    Raises:
        ConversionError: It could not.
    """
    try:
        require_runnable(read_model(path))
    except ModelError as error:
        raise ConversionError(
            f"the engine wrote a file that can't be used: it {error.what}",
            where=what,
            remedy=f"See {log}",
            log=log,
        ) from error
