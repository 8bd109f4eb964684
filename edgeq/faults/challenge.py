"""The challenge: whether the gates that pass a good variant catch every fault in it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from edgeq import __version__
from edgeq.config.gates import GATES
from edgeq.config.load import spec_sha256
from edgeq.config.structs import Spec
from edgeq.diagnosis.explaining import cause_of
from edgeq.errors import ConversionError, EdgeqError, SpecError
from edgeq.faults.fault import ARRAYS, PREDICTIONS, Fault, Faulty, NotApplicableError
from edgeq.faults.fault import faults as catalogue
from edgeq.faults.good import Good
from edgeq.faults.inject import alone, faulty_target, join, with_variant
from edgeq.faults.misses import visible, would_catch
from edgeq.judge.missing import DECLARED, NOT_MEASURED
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.challenge import Caught, Challenge, ControlAnswer, FaultAnswer, Passed, summed
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge, why_inapplicable
from edgeq.store.content import Store

PREFERRED = ("int8", "int8_float_io", "int16x8", "dynamic_range", "weight_only_int8", "float16")
NOTHING = "it changes nothing here"

Diagnose = Callable[[VariantUnderTest], "str | None"]
"""Function that returns the probable cause why a variant does not pass; None if there is none."""


@dataclass(frozen=True)
class Made:
    """A fault and the result of making it.

    At most one text is set: why it can't happen here, why the fault's function failed, or the
    engine's error if it could not rebuild the variant. ``faulty`` is None if it could not be made.
    """

    fault: Fault
    faulty: Faulty | None = None
    inapplicable: str | None = None
    broken: str | None = None
    refusal: str | None = None


def challenge(
    spec: Spec,
    *,
    models: Sequence[str] = (),
    variant: str | None = None,
    names: Sequence[str] = (),
    store: Store | None = None,
    diagnose: Diagnose | None = None,
    say: Say = lambda _: None,
) -> Challenge:
    """Make good variants faulty, one fault at a time, and judge each by the spec's gates.

    Args:
        spec: The user's spec.
        models: Models to challenge; all if empty.
        variant: The variant to make faulty; if None, a good variant of each model, preferably
            ``int8``.
        names: Faults and controls; all that fit the task of a model if empty.
        store: As for ``Run``.
        diagnose: Function that names the cause of a caught fault, which is compared with the
            fault's own cause; if None, the cause that its cases name.
        say: Function that receives progress messages.

    Raises:
        SpecError: A name is unknown, or no variant passes its own gates.
        EdgeqError: The models or images can't be used.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    every = catalogue()
    chosen = tuple(every.get(name) for name in names) or tuple(fault for _, fault in every)
    store = store or Store(spec.path(spec.store))
    _require_models(spec, models)
    answers: list[FaultAnswer | ControlAnswer] = []
    for model in models or spec.models:
        run = Run(alone(spec, model), store=store, say=say)
        with tempfile.TemporaryDirectory(prefix="edgeq-challenge-") as folder:
            good = choose_good(run, model, variant, Path(folder))
            task = good.variant.reading.task
            fitting = [fault for fault in chosen if names or fault.fits(task)]
            answers += _answers(good, fitting, diagnose, say)
    return summed(
        tuple(answer for answer in answers if isinstance(answer, FaultAnswer)),
        tuple(answer for answer in answers if isinstance(answer, ControlAnswer)),
        edgeq=__version__,
        started=started.isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - clock, 1),
        spec_sha256=spec_sha256(spec),
        complete=not names and set(models or spec.models) == set(spec.models),
    )


def _require_models(spec: Spec, models: Sequence[str]) -> None:
    for model in models:
        if model not in spec.models:
            known = f"Models: {', '.join(spec.models)}"
            raise SpecError(f"unknown model {model!r}", where=spec.origin, remedy=known)


def choose_good(run: Run, model: str, variant: str | None, scratch: Path) -> Good:
    """Return a variant that passes its own gates.

    Raises:
        SpecError: No variant passes.
        EdgeqError: A case could not be measured for a reason that is not the variant's fault.
    """
    declared = run.variants_of(model)
    if variant is not None:
        declared = (run.variant(f"{model}/{variant}"),)
    problems = []
    for candidate in sorted(declared, key=_preference):
        records = _until_one_stops(run, candidate)
        if not any(map(stops, records)):
            narrowed = Run(with_variant(candidate), store=run.store, say=run.say)
            good = narrowed.variant(candidate.name)
            return Good(good, scratch, measured(records), unjudged(records))
        problems.append(f"{candidate.short_name} ({records[-1].gate}: {records[-1].reason})")
    raise SpecError(
        f"no variant of {model!r} passes its own gates, so there is none to make faulty: "
        f"{'; '.join(problems)}",
        where=run.spec.origin,
        remedy="Fix the variant or its limits first: `edgeq gate`",
    )


def _until_one_stops(run: Run, variant: VariantUnderTest) -> list[CaseRecord]:
    """Judge a variant's cases up to the first one that keeps it from shipping."""
    records: list[CaseRecord] = []
    for case in run.cases:
        if case.variant is not variant or why_inapplicable(case) is not None:
            continue
        run.say(f"{variant.name}: is it good? {case.gate.name}")
        record, error = judge(case)
        if error is not None:
            raise error
        records.append(record)
        if stops(record):
            break
    return records


def measured(records: Sequence[CaseRecord]) -> frozenset[str]:
    """Return the gates that were measured, and their markers."""
    names = {record.gate for record in records if record.status is not Verdict.MISSING}
    return frozenset(names | {GATES.get(name).marker for name in names})


def unjudged(records: Sequence[CaseRecord]) -> str | None:
    """Return why the predictions of a variant are not judged; None if they are."""
    if not measured(records).isdisjoint(PREDICTIONS):
        return None
    reasons = [record.reason for record in records if GATES.get(record.gate).marker in PREDICTIONS]
    if not reasons:
        return "its predictions are not judged: no declared gate looks at them"
    why = reasons[0].removeprefix(NOT_MEASURED).removesuffix(DECLARED)
    return f"its predictions are not judged: {why}"


def stops(record: CaseRecord, inconclusive: str = "warn") -> bool:
    """Return whether a case prevents a variant from shipping."""
    missing = record.status is Verdict.MISSING and not record.declared_missing
    open_ = record.status is Verdict.INCONCLUSIVE and inconclusive == "fail"
    return record.status is Verdict.FAIL or missing or open_


def _preference(variant: VariantUnderTest) -> int:
    method = variant.method or ""
    return PREFERRED.index(method) if method in PREFERRED else len(PREFERRED)


def _answers(
    good: Good, faults: Sequence[Fault], diagnose: Diagnose | None, say: Say
) -> Iterator[FaultAnswer | ControlAnswer]:
    for number, fault in enumerate(faults, 1):
        say(f"{good.variant.name}: {fault.name} ({number} of {len(faults)})")
        yield answer(make(fault, good), good, diagnose)


def make(fault: Fault, good: Good) -> Made:
    """Make a fault in a good variant, or state why it can't be made.

    Raises:
        EdgeqError: The models or images can't be used.
    """
    if not fault.shows(good.measured):
        unseen = f"nothing is measured that can show it: {', '.join(fault.shown_by)}"
        return Made(fault, inapplicable=good.unjudged or unseen)
    if fault.place == "preprocessing" and good.variant.takes_arrays:
        return Made(fault, inapplicable=ARRAYS)
    try:
        faulty = fault.make(good)
    except NotApplicableError as reason:
        return Made(fault, inapplicable=str(reason))
    except ConversionError as error:
        return Made(fault, refusal=error.what)
    except EdgeqError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - faults may come from other packages
        return Made(fault, broken=f"its function failed: {type(error).__name__}: {error}")
    changes = (faulty.preprocessing, faulty.photographs, faulty.labels, faulty.calibration)
    same = faulty.content in (None, good.content) and faulty.conduct is None
    same = same and all(change is None for change in changes)
    return Made(fault, faulty, inapplicable=NOTHING if same else None)


@dataclass(frozen=True)
class Judged:
    """The gates' verdicts on a faulty variant.

    The variant is the faulty one, in the run in which it was judged.
    """

    variant: VariantUnderTest
    records: tuple[CaseRecord, ...]

    @property
    def stopping(self) -> tuple[str, ...]:
        """The gates that prevent it from shipping."""
        inconclusive = self.variant.spec.inconclusive
        return tuple(record.gate for record in self.records if stops(record, inconclusive))

    @property
    def opened(self) -> tuple[CaseRecord, ...]:
        """The cases that are INCONCLUSIVE."""
        return tuple(record for record in self.records if record.status is Verdict.INCONCLUSIVE)


def judged(faulty: Faulty, fault: Fault, good: Good) -> Judged:
    """Judge a good variant with a fault in it by the gates.

    Raises:
        EdgeqError: The models or images can't be used.
    """
    variant = _place(faulty, fault, good)
    cases = (
        case
        for case in variant.run.cases
        if case.variant is variant and why_inapplicable(case) is None
    )
    return Judged(variant, tuple(judge(case)[0] for case in cases))


def answer(
    attempt: Made, good: Good, diagnose: Diagnose | None = None
) -> FaultAnswer | ControlAnswer:
    """Return the gates' answer to a fault or a harmless change."""
    fault = attempt.fault
    unusable = attempt.inapplicable or attempt.broken
    if unusable is not None:
        why: Literal["not applicable", "broken"] = "broken" if attempt.broken else "not applicable"
        if fault.control:
            return _control(fault, good, why, unusable)
        return _fault(fault, good, why, (), unusable)
    if attempt.faulty is None:
        return _fault(fault, good, "caught", ("made",), attempt.refusal or "")
    verdicts = judged(attempt.faulty, fault, good)
    if fault.control:
        return _control_answer(fault, good, verdicts)
    variant, records, stopping = verdicts.variant, verdicts.records, verdicts.stopping
    seen = visible(fault, attempt.faulty, good, variant)
    if stopping:
        cause = cause_of(records) if diagnose is None else diagnose(variant)
        # If no prediction changes, no experiment can show a cause.
        plain = seen is False and cause in {GATES.get(gate).cause for gate in stopping}
        result = _fault(fault, good, "caught", stopping, "", named_cause=cause, diagnosed=not plain)
    else:
        note = would_catch(fault, good, variant, records)
        result = _fault(fault, good, "INCONCLUSIVE" if verdicts.opened else "missed", (), note)
    return msgspec.structs.replace(result, visible=seen, where=attempt.faulty.where)


def _control_answer(fault: Fault, good: Good, verdicts: Judged) -> ControlAnswer:
    """Return the gates' answer to a harmless change, with the first reason against it."""
    stopping, opened = verdicts.stopping, verdicts.opened
    if stopping:
        reasons = (record.reason for record in verdicts.records if record.gate in stopping)
        return _control(fault, good, "FAIL", next(reasons))
    note = "; ".join(f"{record.gate}: {record.next_step or record.reason}" for record in opened)
    return _control(fault, good, "INCONCLUSIVE" if opened else "PASS", note)


def _place(faulty: Faulty, fault: Fault, good: Good) -> VariantUnderTest:
    """Return the faulty variant in a separate run."""
    store, say = good.variant.run.store, good.variant.run.say
    if faulty.labels is None and faulty.calibration is None:
        spec = join(good, fault.name, faulty)
        run = Run(spec, store=store, target=faulty_target(), say=say)
        return run.variants[0]
    run = Run(good.variant.spec, store=store, say=say)
    inputs = run.inputs(good.variant.model)
    if faulty.labels is not None:
        relabel = inputs.images.relabel_boxes if good.variant.detects else inputs.images.relabel
        relabel(faulty.labels)
    if faulty.calibration is not None:
        inputs.images.recalibrate(faulty.calibration)
    return run.variant(good.variant.name)


def _fault(
    fault: Fault,
    good: Good,
    verdict: Caught,
    caught_by: tuple[str, ...],
    note: str,
    *,
    named_cause: str | None = None,
    diagnosed: bool = False,
) -> FaultAnswer:
    return FaultAnswer(
        model=good.variant.model,
        variant=good.variant.short_name,
        name=fault.name,
        place=fault.place,
        severity=fault.severity,
        summary=fault.summary,
        verdict=verdict,
        caught_by=caught_by,
        proofs=tuple(gate for gate in caught_by if GATES.get(gate).is_proof),
        cause=fault.cause,
        cause_found=named_cause,
        cause_named=named_cause == fault.cause if diagnosed else None,
        note=note,
    )


def _control(fault: Fault, good: Good, verdict: Passed, note: str) -> ControlAnswer:
    return ControlAnswer(
        model=good.variant.model,
        variant=good.variant.short_name,
        name=fault.name,
        summary=fault.summary,
        verdict=verdict,
        note=note,
    )
