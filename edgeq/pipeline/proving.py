"""What the proofs about running need, asked of a run and kept in the store."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edgeq.config.structs import Kernels, StoredWeights
from edgeq.judge import proofs, ranges, running, tensors
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.measure.input_range import InputFit, input_fit, input_scale, value_ends
from edgeq.measure.kernels import KernelNoise, kernel_noise, tensor_noise
from edgeq.measure.predictions import Floats
from edgeq.measure.repeats import Repeats, same
from edgeq.measure.tensors import same_bits
from edgeq.pipeline.cached import arithmetic, keep
from edgeq.pipeline.executable import as_answers
from edgeq.pipeline.measuring import pair_facts
from edgeq.pipeline.plan import Subject
from edgeq.pipeline.ranging import ranges_of
from edgeq.pipeline.repeating import MOST_IMAGES, OtherKernels, ask_again, ask_others
from edgeq.pipeline.run import Run
from edgeq.tflite.model_file import read_model
from edgeq.tflite.state import unsettled


class _Noise(msgspec.Struct, frozen=True):
    found: KernelNoise
    other: Kernels


class _Steadiness(msgspec.Struct, frozen=True):
    repeats: Repeats
    copied: bool


class _Fit(msgspec.Struct, frozen=True):
    found: InputFit | None


def prove_kernels(run: Run, subject: Subject) -> Judgement:
    """Run a variant's first photographs with other kernels too, where its arithmetic is integer.

    Raises:
        WorkerError: It does not run, or with one kind of kernels only.
    """
    own = run.spec.run.kernels
    if not is_quantized(run, subject):
        return running.kernels(None, own, own)

    def make() -> _Noise:
        run.evaluate_all(subject.model, subject)  # first: its error says more
        others = ask_kernels(run, subject)
        return _Noise(_noise_of(run, subject, others.outputs), others.kernels)

    facts = {**pair_facts(run, subject), "asked": MOST_IMAGES}
    kept = keep(run.store, "noise", facts, make, _Noise)
    of = "logits" if run.classifies(subject.model) else "the output that parts most"
    return running.kernels(kept.found, own, kept.other, of=of)


def _noise_of(run: Run, subject: Subject, others: Sequence[Floats]) -> KernelNoise:
    """Return how far other kernels lie from the run's own: of tensors, the nearest to failing."""
    if run.classifies(subject.model):
        other = as_answers(run.executable(subject.model, subject), others)
        ours, theirs = run.answers(subject.model, None), run.answers(subject.model, subject)
        return kernel_noise(ours, theirs, other)
    judged = run.executable(subject.model, subject).readout.judged
    pairs = zip(run.tensors(subject.model, None), run.tensors(subject.model, subject), strict=True)
    found = [
        tensor_noise(ours.rows, theirs.rows, others[place.at].reshape(len(others[place.at]), -1))
        for place, (ours, theirs) in zip(judged, pairs, strict=True)
    ]
    return max(found, key=running.strain)


def ask_kernels(run: Run, subject: Subject) -> OtherKernels:
    """Return what other kernels say, asked once; this is the slow part of ``prove_kernels``.

    Raises:
        WorkerError: None of the others can run the variant.
    """
    executable = run.executable(subject.model, subject)
    photographs = run.photographs(subject.model, subject)
    return ask_others(run.executor, executable, photographs)


def is_quantized(run: Run, subject: Subject) -> bool:
    """Return whether a variant's arithmetic is integer, so that kernels may part."""
    return run.operators_of(subject.model, subject).quantizes_activations


def prove_outputs(run: Run, subject: Subject) -> Judgement:
    """Look at all that a variant says, and ask a fresh worker again about one photograph.

    What may answer otherwise another time, as a file that counts its calls, is named: no number of
    photographs shows that it does not.

    Raises:
        EdgeqError: Variant or baseline do not run, or there is no evaluation set.
    """
    judgement = _prove_outputs(run, subject)
    names = unsettled(read_model(run.variant(subject).path))
    if not names:
        return judgement
    return msgspec.structs.replace(
        judgement,
        reason=f"{judgement.reason}; its graph has {', '.join(names)}: answers and times may "
        "depend on conditions, on what ran before, or on chance",
        evidence={**judgement.evidence, "unsettled_operators": list(names)},
    )


def _prove_outputs(run: Run, subject: Subject) -> Judgement:
    fits, trained = run.fits(subject), run.inputs(subject.model).baseline.trained
    problem = tensors.problem_of(fits, trained=trained)
    kept = keep(
        run.store,
        "steadiness",
        {**pair_facts(run, subject), "asked": MOST_IMAGES},
        lambda: _steadiness(run, subject),
        _Steadiness,
    )
    if not run.classifies(subject.model):
        return tensors.outputs(fits, kept.repeats, problem, copied=kept.copied, trained=trained)
    found, baseline = run.outputs(subject.model, subject), run.outputs(subject.model, None)
    judgement = proofs.outputs(found, baseline, kept.repeats, trained=trained, copied=kept.copied)
    if not fits or (judgement.status is Verdict.FAIL and problem is None):
        return judgement
    return tensors.with_outputs(judgement, fits, problem)


def _steadiness(run: Run, subject: Subject) -> _Steadiness:
    executable = run.executable(subject.model, subject)
    run.evaluate_all(subject.model, subject)
    photographs = run.photographs(subject.model, subject)
    again = ask_again(run.executor, executable, photographs)
    first = tuple(rows.reshape(len(rows), -1) for rows in again.outputs)
    before = run.executor.first_rows(executable, photographs, len(first[0]))
    # In a batch of several, neighbours that changed since may move the last bits.
    fresh = again.batch > 1 or same(before, first)
    copied = is_quantized(run, subject) and _is_copy(run, subject)
    return _Steadiness(msgspec.structs.replace(again.repeats, fresh=fresh), copied)


def _is_copy(run: Run, subject: Subject) -> bool:
    """Return whether a variant says the same as its baseline, bit by bit."""
    if run.classifies(subject.model):
        ours, theirs = run.answers(subject.model, None), run.answers(subject.model, subject)
        return same((ours.scores, ours.logits), (theirs.scores, theirs.logits))
    pairs = zip(run.tensors(subject.model, None), run.tensors(subject.model, subject), strict=True)
    return all(same_bits(ours.rows, theirs.rows) for ours, theirs in pairs)


def prove_input_range(run: Run, subject: Subject) -> Judgement:
    """Hold the evaluation photographs against a variant's input scale.

    Raises:
        ImageError: There is no evaluation set.
    """
    executable = run.executable(subject.model, subject)
    photographs = run.photographs(subject.model, subject)

    calibration = (
        run.inputs(subject.model).calibration_set if _is_calibrated_here(subject) else None
    )

    def make() -> _Fit:
        scale = input_scale(read_model(executable.path))
        if scale is None:
            return _Fit(None)
        ends = None
        if calibration is not None:
            least, greatest = run.inputs(subject.model).calibration_ends
            ends = value_ends(least, greatest, executable.preprocessing)
        return _Fit(input_fit(scale, executable.preprocessing, photographs, ends))

    facts = {
        "calibration": None if calibration is None else calibration.content_sha256,
        "model": executable.sha256,
        "pixels": photographs.source,
        "images": photographs.images.content_sha256,
        "preprocessing": msgspec.to_builtins(executable.preprocessing),
        **arithmetic(),
    }
    return running.input_range(keep(run.store, "input_range", facts, make, _Fit).found)


def _is_calibrated_here(subject: Subject) -> bool:
    """Return whether this run calibrates a variant, and so knows what its input must hold."""
    return subject.choice is not None and subject.choice.needs_calibration


def prove_ranges(run: Run, subject: Subject, declared: StoredWeights = "quantized") -> Judgement:
    """Compare the ranges of a variant's activations with what its baseline computes.

    Args:
        run: The run.
        subject: The variant.
        declared: What the spec says of its weights.

    Raises:
        EdgeqError: Variant or baseline do not run, or there is no evaluation set.
    """
    return ranges.ranges(ranges_of(run, subject), declared)
