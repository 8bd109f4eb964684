"""The control of a variant: edgeq's own variant of the same method, built for comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from edgeq.config.methods import METHODS, MethodChoice, choose
from edgeq.config.presets import WIDEST, allowance_of
from edgeq.config.structs import StoredWeights
from edgeq.errors import EdgeqError, TargetError
from edgeq.judge.control import Reference
from edgeq.judge.proofs import shows
from edgeq.judge.tensors import label_of
from edgeq.measure.beside_control import BesideControl, Three, ThreeOutputs, beside_control
from edgeq.measure.clusters import find_clusters
from edgeq.pipeline.dependencies import answers_facts, pair_facts
from edgeq.pipeline.image_sets import named_images
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.measured import RecordedControl
from edgeq.store.cached import keep

_NAME = "{} (control)"
_SAMPLED_NAME = "{} (control of {})"
"""Name patterns that no variant in a spec can have."""

_LIKE_OWN: tuple[StoredWeights, ...] = ("quantized",)
"""The kinds of stored weights for which edgeq's own variant is a fair measure."""


@dataclass(frozen=True)
class Control:
    """The variant that another one is compared with, in addition to the baseline.

    Attributes:
        method: The control's method, None if nothing shows which it would be.
        variant: The control, None if there is none.
        deduced: Whether the method was deduced from the file's types.
        absent: Why there is no control, empty if there is one.
    """

    method: str | None
    variant: VariantUnderTest | None = None
    itself: bool = False
    deduced: bool = False
    absent: str = ""


def claimed_control(variant: VariantUnderTest) -> Control:
    """Return the control that a variant's claim asks for, without building or reading anything."""
    if variant.method is None:
        return Control(None, absent="the file claims no method")
    return _of_method(variant, variant.method)


def find_control(variant: VariantUnderTest) -> Control:
    """Return the control of a variant, built and run on the evaluation set.

    If it can't be built, that is not the variant's fault, and the variant has no control.

    Raises:
        EdgeqError: The variant itself can't be built or read.
    """
    control = claimed_control(variant)
    if variant.method is None:
        method = deduced_method(variant)
        if method is None:
            absent = "the file claims no method, and its types fit no method"
            return Control(None, absent=absent)
        control = replace(_of_method(variant, method), deduced=True)
    if control.itself or control.variant is None:
        return control
    if control.variant.is_calibrated and _is_uncalibrated(variant):
        absent = f"{control.method} needs a calibration set, and the spec names none"
        return replace(control, variant=None, absent=absent)
    if unlike := _unlike_own(variant):
        return replace(control, variant=None, absent=unlike)
    try:
        _run_control(control.variant)
    except TargetError:
        raise  # that says nothing about the control
    except EdgeqError as error:
        absent = f"edgeq can't make or run {control.method} of this model: {error.what}"
        return replace(control, variant=None, absent=absent)
    return control


def reference_of(variant: VariantUnderTest) -> Reference:
    """Return what a variant's control adds to a default limit.

    Raises:
        EdgeqError: The variant can't be built or run.
    """
    control = variant.control_choice
    compared = control.variant is not None and not control.itself
    return Reference(
        method=control.method,
        allowance=WIDEST if control.method is None else allowance_of(control.method),
        beside=variant.beside_control if compared else None,
        itself=control.itself,
        deduced=control.deduced,
        absent=control.absent,
    )


def _run_control(control: VariantUnderTest) -> None:
    make_control(control)
    for part in range(control.run.parts):
        evaluate_control(control, part)
    control.tensors  # noqa: B018 - accessing the property reads them
    if control.classifies:
        control.predictions  # noqa: B018 - as above


def _unlike_own(variant: VariantUnderTest) -> str:
    """Return why edgeq's own variant is not a fair measure for a file, empty if it is."""
    sizes = variant.operators.weight_bytes_by_type
    if sizes.get("uint8", 0) > sizes.get("int8", 0):
        return "its weights are uint8 with one scale a layer, which edgeq's own are not"
    return ""


def cost_beside_finer(variant: VariantUnderTest) -> dict[str, object]:
    """Return, as facts, the error that a variant's coarser scales cost compared with finer ones.

    Returns:
        The ``method`` with the finer scales, its ``error``, the variant's error (``own``) and
        their ``ratio``, for the output with the greatest ratio, or the reason why they are
        ``absent``. Empty if no method has finer scales or the file has them itself.

    Raises:
        EdgeqError: The variant itself can't be built or run.
    """
    method = None if variant.method is None else METHODS.get(variant.method)
    finer = None if method is None else method.finer
    if method is None or finer is None:
        return {}
    if not shows(variant.operators, method):
        return {}
    own = _own(variant, choose(finer, engine=variant.spec.engine))
    try:
        _run_control(own)
    except EdgeqError as error:
        return {"method": finer, "absent": error.what}
    errors = beside(variant, own).errors
    compared = [output for output in errors if output.ratio is not None]
    if not compared:
        return {"method": finer, "absent": "there is no error to compare"}
    worst = max(compared, key=lambda output: output.ratio or 0.0)
    return {"method": finer, "error": worst.control, "own": worst.variant, "ratio": worst.ratio}


def _is_uncalibrated(variant: VariantUnderTest) -> bool:
    return named_images(variant.spec, variant.model, "calibration") is None


def deduced_method(variant: VariantUnderTest) -> str | None:
    """Return the method whose types and scales a file shows, None if no method matches.

    If several match, a method with one scale per layer is preferred, as it says most about the
    file. Otherwise the first match is returned.
    """
    types = variant.operators
    shown = [method for _, method in METHODS if shows(types, method)]
    shown.sort(key=lambda method: method.stored_weights != "per_tensor")
    return shown[0].name if shown else None


def make_control(control: VariantUnderTest) -> None:
    """Build a control, which takes no extra work if it is a declared variant.

    Raises:
        EdgeqError: It can't be built.
    """
    with control.clock:
        control.artifact  # noqa: B018 - accessing the property builds it


def evaluate_control(control: VariantUnderTest, part: int) -> None:
    """Run a control on one of the parts of its samples.

    Raises:
        EdgeqError: It can't be built or run.
    """
    with control.clock:
        control.evaluate(part, control.run.parts)


def beside_control_of(variant: VariantUnderTest) -> BesideControl:
    """Return a variant's figures compared with its control's; see ``beside`` for the errors."""
    control = variant.control
    if control is None:
        raise TypeError(f"{variant.name} has no control")
    return beside(variant, control)


def beside(variant: VariantUnderTest, control: VariantUnderTest) -> BesideControl:
    """Return a variant's figures compared with those of another variant of the same model.

    Raises:
        EdgeqError: One of them does not run, or its outputs differ in form from the baseline's.
    """
    images, three = variant.inputs.images.evaluation, (variant.baseline, variant, control)
    clusters = find_clusters(images.groups()) if images is not None else None

    def make() -> BesideControl:
        outputs = zip(*(side.tensors for side in three), strict=True)
        answers, labels = None, None
        if variant.classifies:
            answers = Three(*(side.predictions for side in three))
            labels = images.labels() if images is not None and images.labelled else None
        scores = variant.reading.output if answers is not None else None
        return beside_control(
            answers,
            [
                ThreeOutputs(label_of(at, ours.name), ours, theirs, other)
                for at, (ours, theirs, other) in enumerate(outputs)
                if at != scores
            ],
            labels,
            confidence=variant.spec.confidence,
            clusters=clusters,
        )

    facts = {
        **pair_facts(variant),
        "control": answers_facts(control),
        "labels": images is not None and images.labelled,
    }
    return keep(variant.run.store, "beside_control", facts, make, BesideControl)


def record_of(variant: VariantUnderTest, choice: Control) -> RecordedControl:
    """Return a variant's control as the record states it."""
    recorded = RecordedControl(
        method=choice.method,
        itself=choice.itself,
        deduced=choice.deduced,
        absent=choice.absent,
    )
    control = choice.variant
    if choice.itself or control is None:
        return recorded
    artifact = control.known(VariantUnderTest.artifact)
    return msgspec.structs.replace(
        recorded,
        engine=None if artifact is None else artifact.engine,
        sha256=None if artifact is None else artifact.sha256,
        bytes=None if artifact is None else artifact.bytes,
        declared=control in variant.run.variants,
        seconds=round(control.clock.seconds, 1),
        beside=variant.known(VariantUnderTest.beside_control),
    )


def _of_method(variant: VariantUnderTest, method: str) -> Control:
    """Return the control of a method, fed like the baseline on the variant's samples.

    The cost of a different resize, filter or range that the spec declares is thus visible, not
    excused.
    """
    declared = variant.declaration
    if declared is not None and declared.weights not in {
        *_LIKE_OWN,
        METHODS.get(method).stored_weights,
    }:
        coarser = _coarser(method) if declared.weights == "per_tensor" else None
        if coarser is None:
            absent = f'its weights are declared as "{declared.weights}", which edgeq\'s own are not'
            return Control(method, absent=absent)
        method = coarser
    choice = choose(method, engine=variant.spec.engine, classifier=variant.classifier)
    fed_otherwise = declared is not None and declared.preprocessing is not None
    if variant.choice is not None and variant.choice.is_tuned:
        choice = variant.choice  # what a method and its units cost, edgeq's own variant shows
    if _is_made_by(variant, choice) and not fed_otherwise:
        return Control(method, variant, itself=True)
    return Control(method, _own(variant, choice))


def _coarser(method: str) -> str | None:
    """Return the same method with one scale per layer, None if there is none."""
    return next((name for name, method_row in METHODS if method_row.finer == method), None)


def _own(variant: VariantUnderTest, choice: MethodChoice) -> VariantUnderTest:
    """Return edgeq's own variant by a method, fed like the baseline on a variant's samples."""
    run, method = variant.run, choice.method
    label = method if choice.classifier is None else f"{method}, {choice.classifier} classifier"
    declared = variant.declaration
    if declared is not None and declared.evaluation is not None:
        name = _SAMPLED_NAME.format(label, variant.short_name)
        return run.undeclared(variant.model, name, choice, like=variant.short_name)
    plain = (
        candidate
        for candidate in run.variants_of(variant.model)
        if candidate.declaration is None and _is_made_by(candidate, choice)
    )
    return next(plain, None) or run.undeclared(variant.model, _NAME.format(label), choice)


def _is_made_by(variant: VariantUnderTest, choice: MethodChoice) -> bool:
    own = variant.choice
    return own is not None and replace(own, label=choice.label) == choice
