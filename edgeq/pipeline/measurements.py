"""The table of measurements: what a variant has, what that depends on, and how it is measured.

A row is looked up by the name of a property of ``VariantUnderTest``. The dependencies that it
states address the result in the store. The scheduler makes slow measurements ahead of the cases
that need them, and nothing else runs during a measurement that must be made alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from edgeq import tflite
from edgeq.config.methods import FLOAT32, METHODS
from edgeq.errors import MissingExtraError, UnlikeOutputsError
from edgeq.io.files import sha256_bytes
from edgeq.judge.boxes import doubt_of_boxes
from edgeq.judge.doubt import Doubt, doubt, doubt_of_tensors
from edgeq.judge.figures import doubt_of_figures
from edgeq.judge.tensors import mismatch
from edgeq.measure import stored
from edgeq.measure.accuracy import Accuracy, Renaming, accuracy, renaming
from edgeq.measure.agreement import Agreement, agreement
from edgeq.measure.average_precision import MeanPrecision
from edgeq.measure.beside_here import BesideHere
from edgeq.measure.box_agreement import BoxAgreement, PairedClasses, paired_classes
from edgeq.measure.clusters import find_clusters
from edgeq.measure.conversion import Conversion
from edgeq.measure.figures import TaskFigures
from edgeq.measure.input_range import (
    InputFit,
    array_fit,
    first_values,
    input_fit,
    input_scales,
    same_first_values,
    value_ends,
    worst,
)
from edgeq.measure.operators import Operators, operators
from edgeq.measure.predictions import OutputFacts, Predictions, outputs_facts
from edgeq.measure.ranges import Ranges
from edgeq.measure.size import (
    LeastSize,
    Narrower,
    Size,
    Sparsity,
    least_size,
    measure_size,
    sparsity,
)
from edgeq.measure.stored.files import FileComparison, compare_files
from edgeq.measure.tensors import Fit, Output, fits
from edgeq.pipeline.computed import computed
from edgeq.pipeline.control import beside_control_of, find_control, reference_of
from edgeq.pipeline.converting import (
    conversion_facts,
    conversion_of,
    is_broken_by_its_export,
)
from edgeq.pipeline.dependencies import answers_facts, arithmetic, file_facts, pair_facts
from edgeq.pipeline.detecting import (
    boxes_facts,
    boxes_of,
    decoder_of,
    detection_facts,
    detections_of,
    labelled_boxes,
    labelled_precision_of,
    precision_facts,
    precision_of,
)
from edgeq.pipeline.elsewhere import beside_here_facts, beside_here_of, examine
from edgeq.pipeline.making import make
from edgeq.pipeline.ranging import ranges_facts, ranges_of
from edgeq.pipeline.readout import require_as_many, require_one_label
from edgeq.pipeline.repeating import (
    Noise,
    Steadiness,
    ask_again,
    ask_others,
    noise,
    repeated_facts,
    steadiness,
    watch,
)
from edgeq.pipeline.task_measures import figures_facts, figures_of, fits_facts, presence_of
from edgeq.pipeline.timing import memory_of, timed_of
from edgeq.quantize.fitting import folded_model
from edgeq.quantize.recipes import MIN_WEIGHTS
from edgeq.record.feeding import (
    Difference,
    Feeding,
    OwnSamples,
    at_the_first_layer,
    differences,
    other_size,
)
from edgeq.registry import Registry
from edgeq.samples.sets import ImageSet
from edgeq.store.cached import keep, sources
from edgeq.tasks.detection.detections import Detections
from edgeq.tflite.entry import entry
from edgeq.tflite.model_file import ModelFile, read_model
from edgeq.tflite.units import units_of

if TYPE_CHECKING:
    from edgeq.pipeline.variant import VariantUnderTest

T = TypeVar("T")


@dataclass(frozen=True)
class Ahead:
    """Marks a slow measurement that is made before the case that needs it.

    Attributes:
        gate: Name of the gate whose cases need it.
        task: What the task is called.
        after: What it requires: the variant's file, or all predictions.
        of_baseline: Whether it is a measurement of the baseline, shared by all variants of a model.
        applies: Returns whether the cases of a variant need it.
    """

    gate: str
    task: str
    after: Literal["file", "predictions"]
    of_baseline: bool = False
    applies: Callable[[VariantUnderTest], bool] = lambda _: True


@dataclass(frozen=True)
class Measurement(Generic[T]):
    """One thing that can be measured of a variant.

    Attributes:
        name: Name of the property of ``VariantUnderTest``.
        struct: Type of the result.
        depends: Returns everything that the result depends on, which is the address of its entry.
            None if it has no entry, because its sources are stored or it is quick to measure; the
            function returns None if nothing shows everything that this result depends on.
        group: Group of its entries in the store, its name if empty.
        compares: Whether it compares the variant with its baseline; a baseline has no such value.
        alone: Whether nothing else may run during the measurement.
        of_file: Whether it is about the file alone, so that it is made once for all targets.
        ahead: How it is made before a case needs it, None if that is not worthwhile.
    """

    name: str
    make: Callable[[VariantUnderTest], T]
    struct: type[T] | None = None
    depends: Callable[[VariantUnderTest], Mapping[str, object] | None] | None = None
    _: KW_ONLY
    group: str = ""
    compares: bool = False
    alone: bool = False
    of_file: bool = False
    ahead: Ahead | None = None

    def of(self, variant: VariantUnderTest) -> T:
        """Return the measurement of a variant, made only if the store lacks it.

        Raises:
            EdgeqError: It can't be made.
        """
        facts = None if self.depends is None else self.depends(variant)
        if facts is None or self.struct is None:
            return self.make(variant)
        group = self.group or self.name
        return keep(variant.run.store, group, facts, lambda: self.make(variant), self.struct)


class InputRange(msgspec.Struct, frozen=True):
    """How well a variant's input range covers its samples' values; None if it is not quantized."""

    fit: InputFit | None = msgspec.field(name="found")


def _of_file(measure: Callable[[ModelFile], T]) -> Callable[[VariantUnderTest], T]:
    """Return a function of a variant that measures its file alone."""
    return lambda variant: measure(read_model(variant.path))


def _least(variant: VariantUnderTest) -> LeastSize | None:
    if variant.method is None or "size_reduction" in variant.asked_for:
        return None
    baseline = read_model(variant.baseline.path)
    units = {} if variant.choice is None else dict(variant.choice.units)
    others = {
        place: _narrower(units[unit.name])
        for unit in (units_of(baseline) if units else ())
        for place in unit.operators
        if unit.name in units
    }
    return least_size(baseline, _narrower(variant.method), least=MIN_WEIGHTS, others=others)


def _narrower(method: str) -> Narrower:
    if method == FLOAT32:
        return Narrower(frozenset({FLOAT32}), integer=False)
    activations = METHODS.get(method).activation_types
    integer = bool(activations) and "float32" not in activations
    return Narrower(METHODS.get(method).weight_types, integer)


def _stored(variant: VariantUnderTest) -> FileComparison:
    choice = variant.choice
    origin = variant.baseline.path
    if choice is not None and choice.fold_preprocessing:
        origin = folded_model(variant.inputs.baseline, variant.run.store).path
    files = read_model(origin), read_model(variant.path)
    ours, theirs = (side.preprocessing.channels for side in (variant.baseline, variant))
    bgr = ours == "bgr", theirs == "bgr"
    if _values(variant) != ():
        return compare_files(*files, bgr=bgr)
    outside = tuple(entry(file).operators for file in files)
    return compare_files(*files, outside=(outside[0], outside[1]), bgr=bgr)


def _stored_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    return {
        "baseline": variant.baseline.sha256,
        "variant": variant.sha256,
        "normalizes": _values(variant) == (),
        "channels": [side.preprocessing.channels for side in (variant.baseline, variant)],
        "readers": sources(tflite, stored),
        **arithmetic(),
    }


def _predictions(variant: VariantUnderTest) -> Predictions:
    variant.evaluate_all()
    predictions = variant.run.executor.answers(variant)
    if variant.is_baseline:
        require_one_label(variant, predictions)
    else:
        require_as_many(variant, predictions)
    return predictions


def _prediction_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    return {
        "model": answers_facts(variant),
        "images": variant.samples.sha256,
        **arithmetic(),
    }


def _tensors(variant: VariantUnderTest) -> tuple[Output, ...]:
    variant.evaluate_all()
    every = variant.run.executor.rows(variant)
    outputs = tuple(
        Output(place.name, rows.values, rows, place.step)
        for place, rows in zip(variant.readout.judged, every, strict=True)
    )
    if not variant.is_baseline:
        ours, theirs = (
            [(output.name, output.shape) for output in some]
            for some in (variant.baseline.tensors, outputs)
        )
        problem = mismatch(ours, theirs)
        if problem is not None:
            raise UnlikeOutputsError(
                problem,
                where=variant.name,
                remedy="Export the variant with the baseline's outputs, in its order",
            )
    return outputs


def _outputs(variant: VariantUnderTest) -> tuple[Fit, ...]:
    groups, confidence = (
        variant.inputs.images.require_evaluation().groups(),
        variant.spec.confidence,
    )
    ours = variant.baseline.tensors  # first, so that its failures are not blamed on the variant
    theirs, presence = variant.tensors, presence_of(variant)
    whole = fits(ours, theirs, confidence=confidence, clusters=find_clusters(groups))
    if presence is None:
        return whole
    seen = [[output.part(presence.places) for output in side] for side in (ours, theirs)]
    clusters = find_clusters([groups[at] for at in presence.places])
    return tuple(
        # NaN is a failure whatever a sample shows.
        every
        if every.nonfinite_images or every.output == presence.output
        else presence.in_all(part)
        for every, part in zip(
            whole, fits(*seen, confidence=confidence, clusters=clusters), strict=True
        )
    )


def _agreement(variant: VariantUnderTest) -> Agreement:
    images, baseline = variant.inputs.images.require_evaluation(), variant.baseline.predictions
    return agreement(
        baseline,
        variant.predictions,
        _labels(images, baseline) if images.labelled else None,
        confidence=variant.spec.confidence,
        clusters=find_clusters(images.groups()),
    )


def _accuracy(variant: VariantUnderTest) -> Accuracy:
    images, baseline = variant.inputs.images.require_evaluation(), variant.baseline.predictions
    return accuracy(
        baseline,
        variant.predictions,
        _labels(images, baseline),
        confidence=variant.spec.confidence,
        clusters=find_clusters(images.groups()),
    )


def _doubt(variant: VariantUnderTest) -> Doubt | None:
    doubt = _doubt_of(variant)
    if doubt is None or not is_broken_by_its_export(variant.here.baseline):
        return doubt
    # What the export broke is told once, by the baseline's own case, and is no variant's fault.
    return replace(
        doubt, wrong=False, reason=f"{doubt.reason} (its export broke it: see `conversion`)"
    )


def _doubt_of(variant: VariantUnderTest) -> Doubt | None:
    if variant.detects:
        return doubt_of_tensors(variant.outputs) or doubt_of_boxes(
            variant.boxes, _available_precision(variant), _on_labelled_boxes(variant)
        )
    if not variant.classifies:
        own = None if variant.reading.kind is None else doubt_of_figures(variant.figures)
        return doubt_of_tensors(variant.outputs) or own
    images, labels = variant.inputs.images.require_evaluation(), variant.inputs.labels
    shares = np.bincount(images.labels()) / len(images.photos) if images.labelled else None
    return doubt(
        variant.baseline.output_facts,
        variant.accuracy if images.labelled else None,
        largest_label_share=None if shares is None else float(shares.max()),
        names=() if labels is None else labels.names,
        renaming=variant.baseline.renaming if images.labelled else None,
        photographs=len(set(images.groups())),
    )


def _available_precision(variant: VariantUnderTest) -> MeanPrecision | None:
    """Return mean average precision; None without labels, or without the package that it needs."""
    if not variant.inputs.images.has_box_labels:
        return None
    try:
        return variant.precision
    except MissingExtraError:
        return None  # the gates of average precision say so; the others don't need it


def _on_labelled_boxes(variant: VariantUnderTest) -> PairedClasses | None:
    """Return the classes of the baseline's boxes that lie on labelled ones; None without labels."""
    labelled = labelled_boxes(variant)
    if labelled is None:
        return None
    score = decoder_of(variant).operating_score
    return paired_classes((boxes.above(score) for boxes in variant.baseline.detections), labelled)


def _renaming(variant: VariantUnderTest) -> Renaming:
    images, predictions = variant.samples, variant.predictions
    classes = predictions.scores.shape[1]
    return renaming(predictions.predicted, _labels(images, predictions), classes, images.groups())


def _renaming_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    groups = sha256_bytes(msgspec.json.encode(variant.samples.groups()))
    return {**_prediction_facts(variant), "groups": groups}


def _labels(images: ImageSet, predictions: Predictions) -> npt.NDArray[np.int64]:
    """Return the labels of a set, checked against the number of classes that a model has."""
    images.require_classes(predictions.scores.shape[1])
    return images.labels()


def _feeding(variant: VariantUnderTest) -> Feeding:
    baseline, values = variant.baseline, _values(variant)
    samples = variant.own_samples
    return Feeding(
        differences=(
            *other_size(variant.input_size, baseline.input_size),
            *differences(variant.preprocessing, baseline.preprocessing, values),
        ),
        samples=None
        if samples is None
        else OwnSamples(
            source=samples.source, count=len(samples.photos), sha256=samples.content_sha256
        ),
        normalizes=values == (),
    )


def _values(variant: VariantUnderTest) -> tuple[Difference, ...] | None:
    """Return how the values that reach the first layers of a variant and its baseline differ.

    Returns:
        None if the declarations already show it, because no file scales or shifts its input or
        both are fed alike.
    """
    both = (variant, variant.baseline)
    own, baseline = (side.preprocessing for side in both)
    if (own.mean, own.std) == (baseline.mean, baseline.std):
        return None
    ours, theirs = (first_values(read_model(side.source.path), side.preprocessing) for side in both)
    if not (ours.inside or theirs.inside):
        return None
    if same_first_values(ours, theirs):
        return ()
    difference = at_the_first_layer(ours.range, theirs.range)
    return None if difference is None else (difference,)


def _input_range(variant: VariantUnderTest) -> InputRange:
    scales = input_scales(read_model(variant.path))
    if not scales:
        return InputRange(fit=None)
    ends = None
    if _own_calibration(variant) is not None:
        least, greatest = variant.inputs.images.calibration_ends
        ends = value_ends(least, greatest, variant.preprocessing)
    pixels, how = variant.photographs, variant.preprocessing
    fits = [
        array_fit(scale, pixels, ends)
        if variant.takes_arrays
        else input_fit(scale, how, pixels, ends)
        for scale in scales
    ]
    return InputRange(worst(fits))


def _input_range_facts(variant: VariantUnderTest) -> Mapping[str, object]:
    calibration = _own_calibration(variant)
    return {
        "calibration": None if calibration is None else calibration.content_sha256,
        "pixels": variant.photographs.source,
        "images": variant.samples.content_sha256,
        "preprocessing": msgspec.to_builtins(variant.preprocessing),
        **file_facts(variant),
    }


def _own_calibration(variant: VariantUnderTest) -> ImageSet | None:
    """Return the set that this run calibrates a variant on, which its input must therefore hold."""
    return variant.inputs.images.calibration_set if variant.is_calibrated else None


_ROWS: tuple[Measurement[Any], ...] = (
    Measurement("artifact", make, compares=True, of_file=True),
    Measurement("loaded", lambda variant: variant.run.executor.load(variant)),
    Measurement("size", _of_file(measure_size), Size, file_facts, group="sizes", of_file=True),
    Measurement("operators", _of_file(operators), Operators, file_facts, of_file=True),
    Measurement("conversion", conversion_of, Conversion, conversion_facts, of_file=True),
    Measurement("sparsity", _of_file(sparsity), Sparsity, file_facts, of_file=True),
    Measurement("least", _least, compares=True, of_file=True),
    Measurement("stored", _stored, FileComparison, _stored_facts, compares=True, of_file=True),
    Measurement("predictions", _predictions),
    Measurement(
        "output_facts",
        lambda variant: outputs_facts(variant.predictions),
        OutputFacts,
        _prediction_facts,
        group="outputs",
    ),
    Measurement("tensors", _tensors),
    Measurement("outputs", _outputs, tuple[Fit, ...], fits_facts, group="fits", compares=True),
    Measurement("agreement", _agreement, Agreement, pair_facts, compares=True),
    Measurement("accuracy", _accuracy, Accuracy, pair_facts, compares=True),
    Measurement("renaming", _renaming, Renaming, _renaming_facts),
    Measurement("detections", detections_of, Detections, detection_facts),
    Measurement("boxes", boxes_of, BoxAgreement, boxes_facts, compares=True),
    Measurement("labelled_precision", labelled_precision_of),
    Measurement("precision", precision_of, MeanPrecision, precision_facts, compares=True),
    Measurement(
        "figures", figures_of, TaskFigures, figures_facts, group="task_figures", compares=True
    ),
    Measurement("doubt", _doubt, compares=True),
    Measurement("control_choice", find_control, compares=True),
    Measurement("beside_control", beside_control_of, compares=True),
    Measurement("own_reference", reference_of, compares=True),
    Measurement("feeding", _feeding, compares=True, of_file=True),
    Measurement("asked_again", ask_again),
    Measurement(
        "other_kernels",
        ask_others,
        ahead=Ahead(
            "kernels",
            "asking other kernels",
            after="file",
            applies=lambda variant: variant.quantizes_activations,
        ),
    ),
    Measurement("noise", noise, Noise, repeated_facts, compares=True),
    Measurement("steadiness", steadiness, Steadiness, repeated_facts, compares=True),
    Measurement("input_range", _input_range, InputRange, _input_range_facts, of_file=True),
    Measurement(
        "activations",
        computed,
        ahead=Ahead("ranges", "looking at activations", after="predictions", of_baseline=True),
    ),
    Measurement(
        "ranges",
        ranges_of,
        Ranges,
        ranges_facts,
        compares=True,
        ahead=Ahead("ranges", "trying ranges", after="predictions"),
    ),
    Measurement("beside_here", beside_here_of, BesideHere, beside_here_facts),
    Measurement("examined", examine),
    Measurement("timed", timed_of, compares=True, alone=True),
    Measurement("memory", memory_of, alone=True),
    Measurement("growth", watch),
)

MEASUREMENTS = Registry("measurement", ((row.name, row) for row in _ROWS))
