"""Judging a case and recording its verdict, once bad input has been looked for.

Bad input is looked for before anything is made, so that it is reported once and stops its variants.
Only what needs no conversion and no model run is checked, so that a wrong path costs a second, not
minutes. An error that shows later is reported by the case that meets it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from edgeq.config.gate import Gate, Lack
from edgeq.config.structs import DETECTION, Spec
from edgeq.config.tables import as_written
from edgeq.errors import (
    ChangedFileError,
    ConversionError,
    EdgeqError,
    ImageError,
    ModelError,
    SpecError,
    TargetError,
    UnforeseenError,
    WorkerError,
)
from edgeq.judge.doubt import doubted
from edgeq.judge.missing import broken, labels_of, lacking, missing, not_measured
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.pipeline.needs import images_of, lack_of_calibration, tools_of, weights_of
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import StoppedError
from edgeq.pipeline.task_measures import has_labels
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.structs import CaseRecord
from edgeq.samples.sets import ROLES, Role
from edgeq.tasks.kinds import KINDS
from edgeq.words.escape import printable
from edgeq.words.samples import of_arrays

_LABELS = {
    DETECTION: "Name YOLO's text files or a JSON file in COCO's format in images.labels",
    None: "Name a CSV file in images.labels, sort the images into one folder per class",
}


def judge(case: Case, *, explain: bool = True) -> tuple[CaseRecord, EdgeqError | None]:
    """Return the record of a case, and the error if bad input kept it from being measured.

    A variant that its engine can't make, that does not run or that meets an unforeseen error gets
    the verdict FAIL, which is not an error. Paths in an error are relative to the project's folder,
    because records are read on other machines. With ``explain``, the cause of a FAIL is searched
    for by experiments, which take seconds and are made only on this machine.
    """

    def because(judgement: Judgement, error: EdgeqError | None = None) -> CaseRecord:
        record = recorded(case, judgement)
        if not explain or judgement.status is Verdict.PASS or not case.variant.place.is_here:
            return record
        from edgeq.diagnosis.explaining import explained

        return explained(case, record, error)

    try:
        record = because(_foreseen(case))
        return in_lines(case, _offered(case, record)), None
    except EdgeqError as raised:
        error = in_own_words(case.variant.run.blame(raised), case.variant.spec, case.variant.model)
        if isinstance(error, TargetError):
            return in_lines(case, recorded(case, _absent(case, error))), error
        if isinstance(error, UnforeseenError) and not _lacks_baseline(case):
            return in_lines(case, recorded(case, broken(error))), None
        if isinstance(error, ConversionError | WorkerError) and not _lacks_baseline(case):
            return in_lines(case, because(broken(error), error)), None
        own = case.variant.choice is None and (
            isinstance(error, ChangedFileError) or case.variant.results.error("artifact") is error
        )
        ready = own and not _lacks_baseline(case)
        if ready and isinstance(error, ModelError | ImageError):
            return in_lines(case, because(broken(error), error)), error
        return recorded(case, _absent(case, error)), error


def _absent(case: Case, error: EdgeqError) -> Judgement:
    allowed = case.variant.spec.allow_missing
    return not_measured(error, gate=case.gate.name, allow_missing=allowed)


def _offered(case: Case, record: CaseRecord) -> CaseRecord:
    """Return the record of a failing case with the command that may repair its variant.

    The command is not offered for a mix of units, which is already the result of a repair, for a
    pruned variant, whose weights a repair can't restore, nor for a ready-made variant, which edgeq
    can't rebuild.
    """
    variant, choice = case.variant, case.variant.choice
    if record.status is not Verdict.FAIL or choice is None or choice.units or choice.prune:
        return record
    if not (variant.spec.repairing.offer and case.gate.sees_predictions):
        return record
    command = f"edgeq repair {variant.model} --from {choice.method}"
    step = f"let `{command}` find the units that must be more exact"
    steps = f"L{step[1:]}" if record.next_step is None else f"{record.next_step}; or {step}"
    return msgspec.structs.replace(record, next_step=steps)


def in_lines(case: Case, record: CaseRecord) -> CaseRecord:
    """Return a record with each sentence on one line, as they may quote text from users' files.

    What is true of images is said of samples if the model takes arrays.
    """

    def line(sentence: str) -> str:
        return printable(of_arrays(sentence) if case.variant.takes_arrays else sentence)

    evidence = dict(record.evidence)
    if isinstance(evidence.get("resolution"), str):
        evidence["resolution"] = line(str(evidence["resolution"]))
    return msgspec.structs.replace(
        record,
        reason=line(record.reason),
        cause=None if record.cause is None else line(record.cause),
        next_step=None if record.next_step is None else line(record.next_step),
        evidence=evidence,
    )


def in_own_words(error: EdgeqError, spec: Spec, model: str | None = None) -> EdgeqError:
    """Return an error with paths relative to the project and tables as the user's file has them.

    ``model`` is the one that it is about, which may take arrays.
    """
    if model is not None and spec.models[model].arrays is not None:
        error.what = of_arrays(error.what)
        error.remedy = None if error.remedy is None else of_arrays(error.remedy)
    if error.where is not None:
        error.where = error.where.replace(f"{spec.root}{os.sep}", "")
    if error.remedy is not None:
        error.remedy = as_written(error.remedy, spec.origin)
    return error


def _lacks_baseline(case: Case) -> bool:
    """Return whether the model's baseline is unavailable, which is not the variant's fault."""
    try:
        case.variant.inputs.baseline  # noqa: B018 - reading it shows whether it is there
    except EdgeqError:
        return True
    return False


def lack_of(case: Case) -> Lack | None:
    """Return what a case's gate needs and its model's weights and images lack, None if nothing.

    Raises:
        EdgeqError: The model or its images can't be used.
    """
    inputs, gate = case.variant.inputs, case.gate
    images = inputs.images.evaluation if gate.needs_images else None
    return gate.lack(
        trained=inputs.baseline.trained,
        images=images is not None and bool(images.photos),
        labels=images is not None and gate.needs_labels and _are_labelled(case),
    )


def _are_labelled(case: Case) -> bool:
    """Return whether the evaluation images have the labels that a case's gate looks at."""
    sets = case.variant.inputs.images
    if case.gate.task == DETECTION:
        return sets.has_box_labels
    if case.gate.task is not None and case.gate.task in KINDS:
        return has_labels(case.variant, KINDS.get(case.gate.task))
    return sets.evaluation is not None and sets.evaluation.labelled


def _naming_labels(gate: Gate) -> str:
    """Return how to give the evaluation images the labels that a gate looks at."""
    kind = None if gate.task is None else KINDS.find(gate.task)
    if kind is None or kind.labels == "classes":
        return _LABELS.get(gate.task, _LABELS[None])
    return f"Name {labels_of(gate.task)} in images.labels"


def why_inapplicable(case: Case) -> str | None:
    """Return why a case's gate does not apply to its model, so that the case is left out.

    None if the case is to be judged. Also None if the model can't be read: judging the case then
    reports the error.
    """
    if case.gate.task is None or case.asked_of_model:
        return None
    try:
        reading = case.variant.inputs.reading
    except EdgeqError:
        return None
    return case.inapplicable(reading.task, reading.classes, len(reading.heads))


def _judge(case: Case) -> Judgement:
    _refuse_unsuitable(case)
    gate, variant, spec = case.gate, case.variant, case.variant.spec
    lack = lack_of(case)
    if lack == "labels" and case.asked_for:
        raise ImageError(
            f"{gate.name} is asked for, but the evaluation images have no labels",
            where=f"{spec.origin}: gates",
            remedy=f"{_naming_labels(gate)}, or remove {gate.name}",
        )
    if lack is not None:
        return lacking(gate, lack, spec, variant.model)
    judgement = gate.judgement(variant, case.limit or 0.0)
    _refuse_changed(variant)
    judgement = declared_if_allowed(judgement, gate.name, spec)
    return _fed(case, _doubted(case, judgement))


def _foreseen(case: Case) -> Judgement:
    """Return the judgement of a case; any exception is raised as an ``EdgeqError``."""
    try:
        return _judge(case)
    except (EdgeqError, StoppedError):
        raise
    except Exception as error:
        raise UnforeseenError.of(error) from error


def _refuse_changed(variant: VariantUnderTest) -> None:
    """Refuse to judge a variant if its file or its baseline's was replaced during the run.

    Raises:
        ChangedFileError: The variant's file is not the one that was run.
        ModelError: The baseline's file is not the one that was run.
    """
    baseline = variant.inputs.known_baseline()
    if baseline is not None and baseline.original is not None:
        try:
            baseline.original.require_unchanged()
        except ChangedFileError as error:
            raise ModelError(error.what, where=error.where, remedy=error.remedy) from error
    artifact = variant.known(VariantUnderTest.artifact)
    if artifact is not None and artifact.original is not None:
        artifact.original.require_unchanged()


def _refuse_unsuitable(case: Case) -> None:
    """Refuse a gate that the spec asks for but that does not apply to the model's task.

    Raises:
        SpecError: The gate does not apply.
    """
    if case.gate.task is None or case.gate.on_request:
        return
    reading = case.variant.inputs.reading
    heads = len(reading.heads)
    if case.gate.inapplicable(reading.task, reading.classes, heads) is not None:
        raise SpecError(
            f"{case.gate.name} is asked for, but {case.variant.model!r} is judged as "
            f"{reading.task}: {reading.evidence}",
            where=f"{case.variant.spec.origin}: gates",
            remedy=f"Set `output` or `labels` of the model, or remove {case.gate.name}",
        )


def declared_if_allowed(judgement: Judgement, gate: str, spec: Spec) -> Judgement:
    """Return a judgement, marked as declared if it is MISSING and the spec allows that."""
    if judgement.status is not Verdict.MISSING or gate not in spec.allow_missing:
        return judgement
    return missing(judgement.reason, declared=True, next_step=judgement.next_step)


def _doubted(case: Case, judgement: Judgement) -> Judgement:
    """Return a judgement that can't pass if it compares with a baseline that may be guessing."""
    if not case.gate.sees_predictions or judgement.status in {Verdict.FAIL, Verdict.MISSING}:
        return judgement
    doubt = case.variant.doubt
    return judgement if doubt is None else doubted(judgement, doubt)


def _fed(case: Case, judgement: Judgement) -> Judgement:
    """Return a judgement whose reason says how the variant's input differs from its baseline's."""
    if not case.gate.needs_images or judgement.status is Verdict.MISSING:
        return judgement
    sentence = case.variant.feeding.sentence
    if not sentence:
        return judgement
    return msgspec.structs.replace(judgement, reason=f"{judgement.reason}; {sentence}")


def recorded(case: Case, judgement: Judgement) -> CaseRecord:
    """Return a judgement as the record of its case."""
    return CaseRecord(
        id=case.id,
        model=case.variant.model,
        variant=case.variant.name_in_model,
        gate=case.gate.name,
        target=case.variant.place.name,
        status=judgement.status,
        reason=judgement.reason,
        unit=case.gate.unit,
        value=judgement.value,
        limit=case.limit if judgement.limit is None else judgement.limit,
        interval=judgement.interval,
        next_step=judgement.next_step,
        declared_missing=judgement.declared_missing,
        evidence=msgspec.to_builtins(judgement.evidence),
    )


@dataclass(frozen=True)
class Beforehand:
    """Checks what the models of a spec need, each thing once."""

    spec: Spec
    _errors: dict[tuple[str, Role | None], EdgeqError | None] = field(default_factory=dict)

    def stopped(self, cases: Iterable[Case], *, reach: bool = True) -> dict[str, EdgeqError]:
        """Return the reason for each variant that can't be judged, by its name.

        An image set that none of the cases needs is not checked. ``reach`` says whether to check
        the targets too, which takes seconds for each.
        """
        by_variant: dict[VariantUnderTest, list[Case]] = {}
        for case in cases:
            by_variant.setdefault(case.variant, []).append(case)
        roles: dict[str, set[Role]] = {}
        for variant, own in by_variant.items():
            roles.setdefault(variant.model, set()).update(_roles(variant, own))
        errors = {each.name: self._error(each, roles[each.model]) for each in by_variant}
        if reach:
            errors |= {each.name: errors[each.name] or self._lack(each) for each in by_variant}
        return {name: error for name, error in errors.items() if error is not None}

    def _error(self, variant: VariantUnderTest, roles: set[Role]) -> EdgeqError | None:
        """Return what stops a variant; errors that stop its whole model come first."""
        needed: list[Role | None] = [None, *(role for role in ROLES if role in roles)]
        for what in needed:
            error = self._look(variant.model, what)
            if error is not None:
                return error
        try:
            tools_of(variant)
        except EdgeqError as error:
            return in_own_words(error, self.spec, variant.model)
        return lack_of_calibration(variant)

    def _lack(self, variant: VariantUnderTest) -> EdgeqError | None:
        """Return why a variant's target can't be used."""
        try:
            variant.run.reach()
        except EdgeqError as error:
            return in_own_words(error, self.spec)
        return None

    def _look(self, model: str, what: Role | None) -> EdgeqError | None:
        """Return the error in a model's source and weights, or in one of its image sets."""
        key = (model, what)
        if key not in self._errors:
            try:
                if what is None:
                    weights_of(self.spec, model)
                else:
                    images_of(self.spec, model, what)
                self._errors[key] = None
            except EdgeqError as error:
                self._errors[key] = in_own_words(error, self.spec, model)
        return self._errors[key]


def unjudged(case: Case, error: EdgeqError, spec: Spec) -> CaseRecord:
    """Return the record, MISSING, of a case whose variant is stopped by bad input."""
    judgement = not_measured(error, gate=case.gate.name, allow_missing=spec.allow_missing)
    return in_lines(case, recorded(case, judgement))


def without_baseline(run: Run, cases: Iterable[Case]) -> dict[str, EdgeqError]:
    """Return the reason for each variant whose baseline could not be made, by its name."""
    return {
        case.variant.name: in_own_words(error, run.spec)
        for case in cases
        if (error := case.variant.inputs.baseline_error) is not None
    }


def _roles(variant: VariantUnderTest, cases: list[Case]) -> Iterable[Role]:
    """Return the image sets that a variant needs for its selected cases."""
    if variant.is_calibrated:
        yield "calibration"
    if any(case.gate.needs_images for case in cases):
        yield "evaluation"
