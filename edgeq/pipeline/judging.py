"""A case and a run in, the case's record out."""

from __future__ import annotations

import os
from collections.abc import Callable

from edgeq.errors import (
    ConversionError,
    EdgeqError,
    ImageError,
    ModelError,
    SpecError,
    WorkerError,
)
from edgeq.images.sets import overlap
from edgeq.judge import costs, limits, proofs, tensors
from edgeq.judge.doubt import doubted
from edgeq.judge.missing import broken, not_measured, unmeasurable
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.pipeline.explaining import explained
from edgeq.pipeline.plan import Case, Subject
from edgeq.pipeline.proving import prove_input_range, prove_kernels, prove_outputs
from edgeq.pipeline.run import Run
from edgeq.record import CaseRecord
from edgeq.spec.methods import METHODS

Judge = Callable[[Run, Subject, float], Judgement]


def judge(run: Run, case: Case) -> tuple[CaseRecord, EdgeqError | None]:
    """Return the record of a case, and the error when bad input kept it from being measured.

    A variant that its engine could not make, or that does not run, FAILS: that is a verdict and
    no error. Places in an error are named as seen from the project's folder, because records are
    read on other machines.
    """
    try:
        return explained(run, case, recorded(case, _judge(run, case))), None
    except EdgeqError as error:
        if error.where is not None:
            error.where = error.where.replace(f"{run.spec.root}{os.sep}", "")
        if isinstance(error, ConversionError | WorkerError):
            return explained(run, case, recorded(case, broken(error)), error), None
        ready = case.subject.choice is None and run.variants.error(case.subject.key) is error
        if ready and isinstance(error, ModelError | ImageError):
            return explained(run, case, recorded(case, broken(error)), error), error
        absent = not_measured(error, gate=case.gate.name, allow_missing=run.spec.allow_missing)
        return recorded(case, absent), error


def shortfall_of(run: Run, case: Case) -> Judgement | None:
    """Return why a case can't be measured with what its model brings, None where it can.

    Raises:
        EdgeqError: What it brings can't be used.
    """
    inputs = run.inputs(case.subject.model)
    images = inputs.evaluation if case.gate.needs_images else None
    return unmeasurable(
        case.gate,
        images=0 if images is None else len(images.photos),
        labelled=images is not None and images.labelled,
        trained=inputs.baseline.trained,
        allow_missing=run.spec.allow_missing,
        allow_random_weights=inputs.model.allow_random_weights,
    )


def why_inapplicable(run: Run, case: Case) -> str | None:
    """Return why a case is left out: a gate that says nothing about its model.

    None if it is to be judged, or if the model can't be read: then judging it says why.
    """
    if case.gate.task is None or case.asked_of_model:
        return None
    try:
        reading = run.inputs(case.subject.model).reading
    except EdgeqError:
        return None
    return case.inapplicable(reading.task, reading.classes)


def _judge(run: Run, case: Case) -> Judgement:
    _refuse_unsuitable(run, case)
    shortfall = shortfall_of(run, case)
    if shortfall is None:
        return _doubted(run, case, _JUDGES[case.gate.name](run, case.subject, case.limit or 0.0))
    if _lacks_labels(run, case) and case.asked_for:
        raise ImageError(
            f"{case.gate.name} is asked for, but the evaluation images have no labels",
            where=f"{run.spec.origin}: gates",
            remedy="Name a csv in images.labels, sort the images into one folder per class, or "
            f"remove {case.gate.name}",
        )
    return shortfall


def _refuse_unsuitable(run: Run, case: Case) -> None:
    """Refuse a gate that the spec asks for and that means nothing for the model's task.

    Raises:
        SpecError: It means nothing.
    """
    if case.gate.task is None or case.gate.on_request:
        return
    reading = run.inputs(case.subject.model).reading
    if case.gate.inapplicable(reading.task, reading.classes) is not None:
        raise SpecError(
            f"{case.gate.name} is asked for, but {case.subject.model!r} is judged as "
            f"{reading.task}: {reading.evidence}",
            where=f"{run.spec.origin}: gates",
            remedy=f"Set `output` or `labels` of the model, or remove {case.gate.name}",
        )


def _doubted(run: Run, case: Case, judgement: Judgement) -> Judgement:
    """Return a judgement of predictions that passes only beside a baseline that knows something."""
    if not case.gate.sees_predictions or judgement.status is not Verdict.PASS:
        return judgement
    doubt = run.doubt(case.subject)
    return judgement if doubt is None else doubted(judgement, doubt)


def _lacks_labels(run: Run, case: Case) -> bool:
    """Return whether nothing but labels is missing: not weights that mean something, not images."""
    inputs = run.inputs(case.subject.model)
    if not case.gate.needs_labels or (case.gate.needs_training and not inputs.baseline.trained):
        return False
    return inputs.evaluation is not None and not inputs.evaluation.labelled


def _made(run: Run, subject: Subject, _: float) -> Judgement:
    variant = run.variant(subject)
    run.load(subject.model, subject)
    return proofs.made(None, size=variant.bytes)


def _types(run: Run, subject: Subject, _: float) -> Judgement:
    return proofs.types(
        run.operators_of(subject.model, subject),
        None if subject.method is None else METHODS.get(subject.method),
        sha256=run.variant(subject).sha256,
        baseline_sha256=run.inputs(subject.model).baseline.sha256,
    )


def _outputs(run: Run, subject: Subject, _: float) -> Judgement:
    return prove_outputs(run, subject)


def _kernels(run: Run, subject: Subject, _: float) -> Judgement:
    return prove_kernels(run, subject)


def _input_range(run: Run, subject: Subject, _: float) -> Judgement:
    return prove_input_range(run, subject)


def _calibration_disjoint(run: Run, subject: Subject, _: float) -> Judgement:
    inputs = run.inputs(subject.model)
    calibration, evaluation = inputs.calibration_set, inputs.evaluation
    shared = overlap(calibration, evaluation) if calibration and evaluation else ()
    return proofs.calibration_disjoint(
        shared,
        calibration=None if calibration is None else len(calibration.photos),
        evaluation=0 if evaluation is None else len(evaluation.photos),
    )


def _calibration_set(run: Run, subject: Subject, _: float) -> Judgement:
    return proofs.calibration_set(run.inputs(subject.model).calibration_lint)


def _size_reduction(run: Run, subject: Subject, limit: float) -> Judgement:
    return limits.size_reduction(
        run.size(subject.model, subject),
        run.size(subject.model, None),
        limit,
        method=subject.method,
    )


def _max_bytes(run: Run, subject: Subject, limit: float) -> Judgement:
    return limits.max_bytes(run.size(subject.model, subject), limit, method=subject.method)


def _top1_agreement(run: Run, subject: Subject, limit: float) -> Judgement:
    return limits.top1_agreement(run.agreement(subject), limit, method=subject.method)


def _top5_overlap(run: Run, subject: Subject, limit: float) -> Judgement:
    return limits.top5_overlap(
        run.agreement(subject),
        limit,
        method=subject.method,
        declared="top5_overlap" in run.spec.allow_missing,
    )


def _worst_cosine(run: Run, subject: Subject, limit: float) -> Judgement:
    if not run.classifies(subject.model):
        return tensors.worst_cosine(run.fits(subject), limit, method=subject.method)
    return limits.worst_cosine(run.agreement(subject), limit, method=subject.method)


def _relative_error(run: Run, subject: Subject, limit: float) -> Judgement:
    errors = [tensors.of_output(one) for one in run.fits(subject)]
    if run.classifies(subject.model):
        output = run.inputs(subject.model).reading.output
        errors = [one for at, one in enumerate(errors) if at != output]
        errors.insert(0, tensors.of_logits(run.agreement(subject)))
    return tensors.relative_error(errors, limit, method=subject.method)


def _accuracy_drop(run: Run, subject: Subject, limit: float) -> Judgement:
    accuracy, doubt = run.accuracy(subject), run.doubt(subject)
    return limits.accuracy_drop(accuracy, limit, method=subject.method, doubt=doubt)


def _latency_ratio(run: Run, subject: Subject, limit: float) -> Judgement:
    return costs.latency_ratio(run.latency(subject).latency, limit)


def _max_latency_ms(run: Run, subject: Subject, limit: float) -> Judgement:
    return costs.max_latency_ms(run.latency(subject).latency, limit)


def _max_peak_memory(run: Run, subject: Subject, limit: float) -> Judgement:
    used = run.memory(subject.model, subject)
    run.memory(subject.model, None)  # nothing is judged by it, but a reader wants to compare
    return costs.max_peak_memory(used.peak, limit, added_bytes=used.added)


def _max_partitions(run: Run, subject: Subject, limit: float) -> Judgement:
    loaded = run.load(subject.model, subject)
    return costs.max_partitions(
        loaded.partitions,
        limit,
        delegated=loaded.delegated,
        operators=loaded.operators,
        kernels=run.spec.run.kernels,
        declared="max_partitions" in run.spec.allow_missing,
    )


_JUDGES: dict[str, Judge] = {
    "made": _made,
    "types": _types,
    "outputs": _outputs,
    "kernels": _kernels,
    "input_range": _input_range,
    "calibration_disjoint": _calibration_disjoint,
    "calibration_set": _calibration_set,
    "size_reduction": _size_reduction,
    "max_bytes": _max_bytes,
    "top1_agreement": _top1_agreement,
    "top5_overlap": _top5_overlap,
    "worst_cosine": _worst_cosine,
    "relative_error": _relative_error,
    "accuracy_drop": _accuracy_drop,
    "latency_ratio": _latency_ratio,
    "max_latency_ms": _max_latency_ms,
    "max_peak_memory": _max_peak_memory,
    "max_partitions": _max_partitions,
}


def recorded(case: Case, judgement: Judgement) -> CaseRecord:
    """Return a judgement as the record of its case."""
    return CaseRecord(
        id=case.id,
        model=case.subject.model,
        method=case.subject.variant,
        gate=case.gate.name,
        status=judgement.status,
        reason=judgement.reason,
        unit=case.gate.unit,
        value=judgement.value,
        limit=case.limit,
        interval=judgement.interval,
        next_step=judgement.next_step,
        declared_missing=judgement.declared_missing,
        evidence=judgement.evidence,
    )
