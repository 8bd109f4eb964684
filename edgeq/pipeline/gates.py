"""Functions of the gates, which turn a variant under test and a limit into a judgement."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from edgeq.config.gate import Gate
from edgeq.config.methods import METHODS, Method
from edgeq.errors import EdgeqError, encodable
from edgeq.judge import boxes, costs, elsewhere, figures, growing, limits, proofs, running, tensors
from edgeq.judge import conversion as converted
from edgeq.judge import ranges as fixed
from edgeq.judge import weights as stored
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.input_range import first_values, steps_apart
from edgeq.pipeline.control import cost_beside_finer
from edgeq.pipeline.elsewhere import arithmetic_of
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.samples.sets import overlap
from edgeq.tflite.image_input import GREY, image_input
from edgeq.tflite.model_file import read_model


def made(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the variant can be built, read and loaded."""
    size = variant.bytes
    variant.loaded  # noqa: B018 - accessing the property loads it
    return proofs.made(None, size=size)


def conversion(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that a baseline is the model that it was exported from."""
    return converted.conversion(variant.conversion)


def types(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the variant's file holds the types that its method claims."""
    return proofs.types(
        variant.operators,
        _claim_of(variant),
        sha256=variant.sha256,
        baseline_sha256=variant.baseline.sha256,
        baseline_inputs=variant.baseline.operators.input_types,
        classifier=variant.classifier,
    )


def _claim_of(variant: VariantUnderTest) -> Method | None:
    """Return the method that a variant's file must show; for a ready-made one, what it claims."""
    if variant.choice is not None:
        return variant.choice.claim
    return None if variant.method is None else METHODS.get(variant.method)


def weights(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the stored weights are the baseline's, up to rounding."""
    return stored.weights(variant.stored, variant.stored_weights)


def outputs(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the outputs are informative and repeatable, in a fresh worker too.

    Operators that may give other outputs another time, such as a counter of calls, are named, as no
    number of photographs can rule that out.
    """
    sides = [read_model(side.path).named_outputs for side in (variant.baseline, variant)]
    judgement = tensors.with_names(_outputs(variant), *sides)
    names = variant.operators.unsettled
    if not names:
        return judgement
    shared = set(names) <= set(variant.baseline.operators.unsettled)
    graphs = "its graph and the baseline's have" if shared else "its graph has"
    return msgspec.structs.replace(
        judgement,
        reason=f"{judgement.reason}; {graphs} {', '.join(names)}: answers and times may "
        "depend on conditions, on what ran before, or on chance",
        evidence={**judgement.evidence, "unsettled_operators": list(names)},
    )


def _outputs(variant: VariantUnderTest) -> Judgement:
    fits, trained = variant.outputs, variant.inputs.baseline.trained
    problem = tensors.problem_of(fits, trained=trained)
    steady = variant.steadiness
    if not variant.classifies:
        return tensors.outputs(fits, steady.repeats, problem, copied=steady.copied, trained=trained)
    judgement = proofs.outputs(
        variant.output_facts,
        variant.baseline.output_facts,
        steady.repeats,
        trained=trained,
        copied=steady.copied,
    )
    if not fits or (judgement.status is Verdict.FAIL and problem is None):
        return judgement
    return tensors.with_outputs(judgement, fits, problem)


def kernels(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that other kernels give the same outputs, if the variant's arithmetic is integer."""
    own = variant.spec.run.kernels
    if not variant.quantizes_activations:
        return running.kernels(None, own, own)
    of = "logits" if variant.classifies else "the output that differs most"
    return running.kernels(variant.noise.noise, own, variant.noise.other, of=of)


def input_range(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the variant's input holds the values of its images, and gets the right ones.

    A layer that holds the baseline's weights needs the baseline's values. So a declared
    preprocessing that gives it others is wrong, if the proof ``weights`` holds.
    """
    judgement = running.input_range(variant.input_range.fit)
    if judgement.status is Verdict.FAIL or not _is_fed_other_values(variant):
        return judgement
    proof = weights(variant, 0)
    if proof.status is not Verdict.PASS or variant.stored_weights == "trained":
        return judgement
    return running.fed_other_values(variant.stored.layers)


def _is_fed_other_values(variant: VariantUnderTest) -> bool:
    """Return whether a declared preprocessing gives the first layer other values of the same image.

    Samples of its own may hold values of another range, so nothing is known about them.
    """
    if not variant.is_fed_as_declared or variant.takes_arrays or variant.own_samples is not None:
        return False
    own, baseline = variant.preprocessing, variant.baseline.preprocessing
    ours, theirs = read_model(variant.source.path), read_model(variant.baseline.source.path)
    image = image_input(ours.tensors[ours.inputs[0]].shape)
    coloured = image is not None and image.channels != GREY
    if own.channels != baseline.channels and coloured and not variant.stored.colours_fit:
        return True
    apart = steps_apart(first_values(ours, own), first_values(theirs, baseline))
    return apart > running.MAX_APART


def steady_memory(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that memory does not grow from inference to inference."""
    growth, images = variant.growth, variant.inputs.images.evaluation
    count = 0 if images is None else len(images.photos)
    if growing.growing(growth) is None:
        return growing.steady_memory(growth, images=count)
    baseline = None
    with suppress(EdgeqError):  # a baseline that does not run has cases of its own that say so
        baseline = growing.growing(variant.baseline.growth)
    return growing.steady_memory(growth, images=count, baseline=baseline)


def ranges(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the ranges of the variant's activations hold what the baseline computes."""
    return fixed.ranges(variant.ranges, variant.stored_weights)


def calibration_disjoint(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that no calibration image is an evaluation image or among the variant's own samples."""
    inputs = variant.inputs
    calibration, own = inputs.images.calibration_set, variant.own_samples
    sets = tuple(images for images in (inputs.images.evaluation, own) if images is not None)
    return proofs.calibration_disjoint(
        tuple(pair for images in sets for pair in overlap(calibration, images))
        if calibration
        else (),
        calibration=None if calibration is None else len(calibration.photos),
        evaluation=sum(len(images.photos) for images in sets),
    )


def calibration_set(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that the calibration images are photographs."""
    return proofs.calibration_set(variant.inputs.images.calibration_lint)


def size_reduction(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the share of the baseline's bytes that the variant saves."""
    return limits.size_reduction(
        variant.size,
        variant.baseline.size,
        limit,
        method=variant.method,
        least=None if variant.size.reduction(variant.baseline.size) >= limit else variant.least,
    )


def max_bytes(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the size of the variant's file in bytes."""
    return limits.max_bytes(variant.size, limit, method=variant.method)


def top1_agreement(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how often the variant predicts the baseline's class."""
    return limits.top1_agreement(
        variant.agreement,
        limit,
        method=variant.method,
        reference=variant.reference("top1_agreement"),
    )


def top5_overlap(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how many of the baseline's top five classes are among the variant's."""
    return limits.top5_overlap(variant.agreement, limit, method=variant.method)


def worst_cosine(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the lowest cosines of the logits, or of the outputs if the model has no classes."""
    names = [encodable(photo.name) for photo in variant.samples.photos]
    if not variant.classifies:
        return tensors.worst_cosine(variant.outputs, limit, method=variant.method, names=names)
    return limits.worst_cosine(variant.agreement, limit, method=variant.method, names=names)


def relative_error(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the greatest of the mean errors of logits and outputs."""
    errors = [tensors.of_output(output) for output in variant.outputs]
    if variant.classifies:
        scores = variant.inputs.reading.output
        errors = [error for at, error in enumerate(errors) if at != scores]
        errors.insert(0, tensors.of_logits(variant.agreement))
    judgement = tensors.relative_error(
        errors, limit, method=variant.method, reference=variant.reference("relative_error")
    )
    return tensors.with_cost(judgement, cost_beside_finer(variant))


def probability_drift(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how far the probabilities moved from the baseline's."""
    return tensors.drift(
        variant.agreement,
        limit,
        method=variant.method,
        reference=variant.reference("probability_drift"),
    )


def accuracy_drop(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the accuracy lost compared with the baseline."""
    return limits.accuracy_drop(
        variant.accuracy,
        limit,
        method=variant.method,
        doubt=variant.doubt,
        reference=variant.reference("accuracy_drop"),
    )


def min_accuracy(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how often the variant predicts the label's class, whatever its baseline predicts."""
    return limits.min_accuracy(variant.accuracy, limit, method=variant.method)


def latency_ratio(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the variant's median latency divided by the baseline's."""
    return costs.latency_ratio(variant.latency, limit)


def max_latency_ms(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the variant's median latency in ms."""
    return costs.max_latency_ms(variant.latency, limit)


def max_peak_memory(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the peak memory of a worker that runs the variant."""
    used = variant.memory
    variant.baseline.memory  # noqa: B018 - not judged, but shown for comparison
    return costs.max_peak_memory(used.peak, limit, added_bytes=used.added, watched=variant.watched)


def max_partitions(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the number of partitions into which the delegate cuts the graph."""
    loaded = variant.loaded
    return costs.max_partitions(
        loaded.partitions,
        limit,
        delegated=loaded.delegated,
        operators=loaded.operators,
        kernels=variant.spec.run.kernels,
    )


def same_as_local(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge whether the outputs on a target are those of this machine."""
    of, default = arithmetic_of(variant), "same_as_local" not in variant.asked_for
    return elsewhere.same_as_local(
        variant.beside_here,
        variant.baseline.beside_here,
        elsewhere.MAX_DYNAMIC if default and of == "dynamic" else limit,
        arithmetic=of,
        target=variant.place.name,
    )


def placement(variant: VariantUnderTest, _: float) -> Judgement:
    """Prove that a target's compiler, or its rules, find nothing wrong with the variant's file."""
    return elsewhere.placement(variant.examined.problems, variant.examined.lines)


def npu_operators(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the share of the variant's operators that the NPU takes."""
    return elsewhere.figure(variant.examined, "npu_operators", limit)


def max_npu_ms(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the estimated time on the NPU in ms."""
    return elsewhere.figure(variant.examined, "npu_ms", limit)


def max_sram(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the estimated use of the NPU's SRAM in bytes."""
    return elsewhere.figure(variant.examined, "sram", limit)


def max_arena(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the bytes of the arena that the variant takes in an interpreter."""
    return elsewhere.max_arena(variant.loaded.arena_bytes, limit)


def figure(variant: VariantUnderTest, limit: float, gate: Gate) -> Judgement:
    """Judge the figure that has the name of a gate."""
    return figures.figure(variant.figures, limit, gate, method=variant.method)


def box_recall(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how many of the baseline's boxes the variant gives too."""
    return boxes.box_recall(variant.boxes, limit)


def box_precision(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how many of the variant's boxes the baseline gives too."""
    return boxes.box_precision(variant.boxes, limit)


def score_shift(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge how far the scores of shared objects moved from the baseline's."""
    return boxes.score_shift(variant.boxes, limit)


def map_drop(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the mean average precision lost compared with the baseline."""
    return boxes.map_drop(variant.precision, limit, variant.doubt)


def min_map(variant: VariantUnderTest, limit: float) -> Judgement:
    """Judge the variant's own mean average precision."""
    return boxes.min_map(variant.precision, limit)
