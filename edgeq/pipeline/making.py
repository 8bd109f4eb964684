"""Builds a declared variant, or loads a ready-made one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from edgeq.config.methods import METHODS
from edgeq.config.structs import Spec
from edgeq.errors import ModelError
from edgeq.models.float_file import input_size
from edgeq.models.open_size import with_size
from edgeq.quantize.engine import Shared
from edgeq.quantize.make import ENGINES, make_variant, ready_variant
from edgeq.quantize.variant import Variant
from edgeq.samples.arrays import require_same_inputs
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

Start = Callable[[], object]


def make(variant: VariantUnderTest) -> Variant:
    """Return a declared variant's file and what it was built from.

    Raises:
        ConversionError: The engine could not build it.
        ModelError: The ready-made file can't be used, or takes images of another size than its
            baseline.
        EdgeqError: The baseline or the calibration set can't be used.
    """
    if variant.choice is None:
        return _ready(variant)
    variant.run.say(f"{variant.name}: making the variant")
    calibration = variant.calibration if variant.is_calibrated else None
    return make_variant(variant.choice, variant.inputs.baseline, calibration, variant.run.store)


def prepare(variant: VariantUnderTest, *, calibrated: bool) -> None:
    """Build what a variant shares with other variants of its model and engine.

    ``calibrated`` says whether to build the part that depends on calibration or the one that
    doesn't.

    Raises:
        ConversionError: The engine could not build it.
        EdgeqError: The baseline or the calibration set can't be used.
    """
    if variant.choice is None:
        return
    engine, inputs = ENGINES.get(variant.choice.engine), variant.inputs
    calibration = inputs.images.calibration if calibrated else None
    recipe = engine.recipe(METHODS.get(variant.choice.method))
    if recipe is None:
        return  # building the variant reports it
    engine.prepare(Shared(recipe, inputs.baseline, calibration, variant.run.store))


def starts_of(variants: Iterable[VariantUnderTest], spec: Spec, store: Store) -> dict[str, Start]:
    """Return a function per engine that starts its child process, for engines slow to start.

    These functions raise ConversionError if starting fails and StoreError if the log can't be
    written.
    """
    names = {variant.choice.engine for variant in variants if variant.choice is not None}
    starts = {name: ENGINES.get(name).start for name in sorted(names)}
    return {name: partial(start, spec.make, store) for name, start in starts.items() if start}


def _ready(variant: VariantUnderTest) -> Variant:
    declared = variant.spec.variants[variant.short_name]
    ready = ready_variant(variant.short_name, declared, variant.spec, variant.run.store)
    expected = variant.input_size
    if not variant.takes_arrays and ready.original is not None:
        fixed = with_size(
            ready.original, expected, variant.spec.make, variant.run.store, what=variant.name
        )
        ready = replace(ready, path=fixed.copy, sha256=fixed.sha256)
    file = read_model(ready.path)
    size = input_size(file, arrays=variant.takes_arrays)
    if variant.takes_arrays:
        require_same_inputs(file, read_model(variant.inputs.baseline.path))
    if size != expected:
        raise ModelError(
            f"takes images of {list(size)}, "
            f"{'its baseline' if declared.input_size is None else 'not of'} {list(expected)}",
            where=ready.path if ready.original is None else ready.original.path,
            remedy="Name the variant of this baseline, or another model as its baseline; if the "
            f"size is meant, declare input_size = {list(size)}",
        )
    return ready
