"""Making a declared variant, or taking the ready-made one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from edgeq.config.methods import METHODS
from edgeq.config.structs import Spec
from edgeq.errors import ModelError
from edgeq.models.float_file import image_size
from edgeq.pipeline.inputs import ModelInputs
from edgeq.pipeline.plan import Subject
from edgeq.quantize.engine import Shared
from edgeq.quantize.engines import ENGINES
from edgeq.quantize.make import make_variant, ready_variant
from edgeq.quantize.variant import Variant
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model

Start = Callable[[], object]


def make(subject: Subject, inputs: ModelInputs, store: Store) -> Variant:
    """Return a declared variant.

    Raises:
        ConversionError: The engine could not make it.
        ModelError: The ready-made file can't be used, or takes other images than its baseline.
        EdgeqError: The baseline or the calibration set can't be used.
    """
    if subject.choice is None:
        return _ready(subject, inputs, store)
    inputs.say(f"{subject.key}: making the variant")
    calibrated = subject.choice.needs_calibration
    calibration = inputs.calibration_of(subject.variant) if calibrated else None
    return make_variant(subject.choice, inputs.baseline, calibration, store)


def prepare(subject: Subject, inputs: ModelInputs, store: Store, *, calibrated: bool) -> None:
    """Make what a variant shares with others of its model and engine.

    Args:
        subject: The variant.
        inputs: Its model's.
        store: Where it is kept.
        calibrated: Whether what calibration finds is meant, or what calibration does not matter to.

    Raises:
        ConversionError: The engine could not.
        EdgeqError: The baseline or the calibration set can't be used.
    """
    if subject.choice is None:
        return
    engine = ENGINES.get(subject.choice.engine)
    calibration = inputs.calibration if calibrated else None
    recipe = engine.recipe(METHODS.get(subject.choice.method))
    if recipe is None:
        return  # making it says so
    engine.prepare(Shared(recipe, inputs.baseline, calibration, store))


def starts_of(subjects: Iterable[Subject], spec: Spec, store: Store) -> dict[str, Start]:
    """Return what starts a child process of each engine that takes long to, by engine.

    A start raises ConversionError where it fails, and StoreError where its log can't be written.
    """
    names = {one.choice.engine for one in subjects if one.choice is not None}
    starts = {name: ENGINES.get(name).start for name in sorted(names)}
    return {name: partial(start, spec.make, store) for name, start in starts.items() if start}


def _ready(subject: Subject, inputs: ModelInputs, store: Store) -> Variant:
    declared = inputs.spec.variants[subject.variant]
    variant = ready_variant(subject.variant, declared, inputs.spec, store)
    size, expected = image_size(read_model(variant.path)), inputs.input_size_of(subject.variant)
    if size != expected:
        own = inputs.spec.variants[subject.variant].input_size
        raise ModelError(
            f"takes images of {list(size)}, {'its baseline' if own is None else 'not of'} "
            f"{list(expected)}",
            where=variant.path if variant.original is None else variant.original.path,
            remedy="Name the variant of this baseline, or another model as its baseline; if the "
            f"size is meant, declare input_size = {list(size)}",
        )
    return variant
