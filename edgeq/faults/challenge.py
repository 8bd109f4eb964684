"""The challenge: every fault against the gates that let the good variant pass."""

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
from edgeq.config.digest import spec_sha256
from edgeq.config.gates import GATES
from edgeq.config.structs import Spec
from edgeq.diagnosis.explaining import cause_of
from edgeq.errors import ConversionError, EdgeqError, SpecError
from edgeq.faults.catalogue import faults as catalogue
from edgeq.faults.fault import PREDICTIONS, Fault, Faulty, NotApplicableError
from edgeq.faults.good import Good
from edgeq.faults.inject import alone, faulty_target, join, with_variant
from edgeq.faults.suggestions import would_catch
from edgeq.faults.visibility import visible
from edgeq.judge.missing import DECLARED, NOT_MEASURED
from edgeq.judge.verdict import Verdict
from edgeq.pipeline.inputs import Say
from edgeq.pipeline.plan import Subject, find
from edgeq.pipeline.run import Run
from edgeq.record.challenge import Caught, Challenge, ControlAnswer, FaultAnswer, Passed, summed
from edgeq.record.structs import CaseRecord
from edgeq.results.judging import judge
from edgeq.store.content import Store

PREFERRED = ("int8", "int8_float_io", "int16x8", "dynamic_range", "weight_only_int8", "float16")
NOTHING = "it changes nothing here"

Diagnose = Callable[[Run, Subject], "str | None"]
"""Returns the name of the probable cause for which a variant does not pass, None for none."""


@dataclass(frozen=True)
class Made:
    """A fault and what came of making it.

    Attributes:
        fault: The fault.
        faulty: What it made of the good variant, None where it could not.
        inapplicable: Why it can't happen here, None where it can.
        broken: Why the function that makes it failed, None where it did not.
        refusal: What the engine said where it refused to make the variant again.
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
    """Make good variants faulty, one fault at a time, and ask the spec's gates about each.

    Args:
        spec: The user's own.
        models: Models to challenge, all where none is named.
        variant: The variant to make faulty; a good one of each model where None, ``int8`` first.
        names: Faults and controls, all where none is named.
        store: As for ``Run``.
        diagnose: Names the cause of a caught fault, to be compared with the fault's own; what
            its cases say where None.
        say: Told what is going on.

    Raises:
        SpecError: A name is unknown, or no variant passes its own gates.
        EdgeqError: The models or images can't be used.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    every = catalogue()
    chosen = tuple(every.get(name) for name in names) or tuple(one for _, one in every)
    kept = store or Store(spec.path(spec.store))
    for model in models:
        if model not in spec.models:
            raise SpecError(
                f"unknown model {model!r}",
                where=spec.origin,
                remedy=f"Models: {', '.join(spec.models)}",
            )
    faults: list[FaultAnswer] = []
    controls: list[ControlAnswer] = []
    for model in models or spec.models:
        run = Run(alone(spec, model), store=kept, say=say)
        with tempfile.TemporaryDirectory(prefix="edgeq-challenge-") as folder:
            good = choose_good(run, model, variant, Path(folder))
            answers = tuple(_answers(good, chosen, diagnose, say))
        faults += [one for one in answers if isinstance(one, FaultAnswer)]
        controls += [one for one in answers if isinstance(one, ControlAnswer)]
    return summed(
        tuple(faults),
        tuple(controls),
        edgeq=__version__,
        started=started.isoformat(timespec="seconds"),
        duration_s=round(time.monotonic() - clock, 1),
        spec_sha256=spec_sha256(spec),
        complete=not names and set(models or spec.models) == set(spec.models),
    )


def choose_good(run: Run, model: str, variant: str | None, scratch: Path) -> Good:
    """Return a variant that passes its own gates.

    Raises:
        SpecError: There is none.
        EdgeqError: A case could not be measured for a reason that is not the variant's.
    """
    declared = tuple(one for one in run.subjects if one.model == model)
    if variant is not None:
        declared = (find(declared, f"{model}/{variant}"),)
    problems = []
    for subject in sorted(declared, key=_preference):
        problem, records = None, list[CaseRecord]()
        for case in run.cases:
            if case.subject == subject and problem is None:
                run.say(f"{subject.key}: is it good? {case.gate.name}")
                record, error = judge(run, case)
                if error is not None:
                    raise error
                records.append(record)
                problem = f"{case.gate.name}: {record.reason}" if stops(record) else None
        if problem is None:
            narrowed = Run(
                with_variant(run.spec, Good(run, subject, scratch)), store=run.store, say=run.say
            )
            return Good(narrowed, subject, scratch, measured(records), unjudged(records))
        problems.append(f"{subject.variant} ({problem})")
    raise SpecError(
        f"no variant of {model!r} passes its own gates, so there is none to make faulty: "
        f"{'; '.join(problems)}",
        where=run.spec.origin,
        remedy="Mend the variant or its limits first: `edgeq gate`",
    )


def measured(records: Sequence[CaseRecord]) -> frozenset[str]:
    """Return the gates that were measured, and their markers."""
    names = {record.gate for record in records if record.status is not Verdict.MISSING}
    return frozenset(names | {GATES.get(name).marker for name in names})


def unjudged(records: Sequence[CaseRecord]) -> str | None:
    """Return why the predictions of a variant are not judged, None if they are."""
    if not measured(records).isdisjoint(PREDICTIONS):
        return None
    reasons = [one.reason for one in records if GATES.get(one.gate).marker in PREDICTIONS]
    if not reasons:
        return "its predictions are not judged: no declared gate looks at them"
    why = reasons[0].removeprefix(NOT_MEASURED).removesuffix(DECLARED)
    return f"its predictions are not judged: {why}"


def stops(record: CaseRecord, inconclusive: str = "warn") -> bool:
    """Return whether a case keeps a variant from shipping."""
    missing = record.status is Verdict.MISSING and not record.declared_missing
    open_ = record.status is Verdict.INCONCLUSIVE and inconclusive == "fail"
    return record.status is Verdict.FAIL or missing or open_


def _preference(subject: Subject) -> int:
    method = subject.method or ""
    return PREFERRED.index(method) if method in PREFERRED else len(PREFERRED)


def _answers(
    good: Good, faults: Sequence[Fault], diagnose: Diagnose | None, say: Say
) -> Iterator[FaultAnswer | ControlAnswer]:
    for number, fault in enumerate(faults, 1):
        say(f"{good.subject.key}: {fault.name} ({number} of {len(faults)})")
        yield answer(make(fault, good), good, diagnose)


def make(fault: Fault, good: Good) -> Made:
    """Make a fault in a good variant, or say why it can't be made.

    Raises:
        EdgeqError: The models or images can't be used.
    """
    if not fault.shows(good.measured):
        return Made(fault, inapplicable=good.unjudged or _unseen(fault))
    try:
        faulty = fault.make(good)
    except NotApplicableError as reason:
        return Made(fault, inapplicable=str(reason))
    except ConversionError as error:
        return Made(fault, refusal=error.what)
    except EdgeqError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - others' code and its own affair
        return Made(fault, broken=f"its function failed: {type(error).__name__}: {error}")
    return Made(fault, faulty, inapplicable=_why_inapplicable(faulty, good))


def _why_inapplicable(faulty: Faulty, good: Good) -> str | None:
    same = faulty.content in (None, good.content) and faulty.preprocessing is None
    same = same and faulty.photographs is None
    as_before = faulty.labels is None and faulty.calibration is None and faulty.conduct is None
    return NOTHING if same and as_before else None


def _unseen(fault: Fault) -> str:
    return f"nothing is measured that can show it: {', '.join(fault.shown_by)}"


@dataclass(frozen=True)
class Judged:
    """What the gates said about a faulty variant.

    Attributes:
        run: In which it was judged.
        subject: The faulty variant there.
        records: Its cases.
    """

    run: Run
    subject: Subject
    records: tuple[CaseRecord, ...]

    @property
    def stopping(self) -> tuple[str, ...]:
        """The gates that stop it."""
        inconclusive = self.run.spec.inconclusive
        return tuple(one.gate for one in self.records if stops(one, inconclusive=inconclusive))

    @property
    def opened(self) -> tuple[CaseRecord, ...]:
        """The cases that are INCONCLUSIVE."""
        return tuple(one for one in self.records if one.status is Verdict.INCONCLUSIVE)


def judged(faulty: Faulty, fault: Fault, good: Good) -> Judged:
    """Ask the gates about what a fault made of a good variant.

    Raises:
        EdgeqError: The models or images can't be used.
    """
    run, subject = _place(faulty, fault, good)
    records = tuple(judge(run, case)[0] for case in run.cases if case.subject == subject)
    return Judged(run, subject, records)


def answer(made: Made, good: Good, diagnose: Diagnose | None = None) -> FaultAnswer | ControlAnswer:
    """Return what the gates say about a fault or a harmless change."""
    fault = made.fault
    unusable = made.inapplicable or made.broken
    if unusable is not None:
        why: Literal["not applicable", "broken"] = "broken" if made.broken else "not applicable"
        if fault.control:
            return _control(fault, good, why, unusable)
        return _fault(fault, good, why, (), unusable)
    if made.faulty is None:
        return _fault(fault, good, "caught", ("made",), made.refusal or "")
    found = judged(made.faulty, fault, good)
    run, subject, records = found.run, found.subject, found.records
    stopping, opened = found.stopping, found.opened
    if fault.control:
        note = next((one.reason for one in records if one.gate in stopping), "")
        note = note or "; ".join(f"{one.gate}: {one.next_step or one.reason}" for one in opened)
        passed: Passed = "INCONCLUSIVE" if opened else "PASS"
        return _control(fault, good, "FAIL" if stopping else passed, note)
    seen = visible(fault, made.faulty, good, run, subject)
    facts = {"visible": seen, "where": made.faulty.where}
    if stopping:
        cause = cause_of(records) if diagnose is None else diagnose(run, subject)
        # What changes no prediction has no cause that an experiment could show.
        plain = seen is False and cause in {GATES.get(one).cause for one in stopping}
        answered = _fault(fault, good, "caught", stopping, "", found=cause, diagnosed=not plain)
    else:
        note = would_catch(fault, good, run, subject, records)
        answered = _fault(fault, good, "INCONCLUSIVE" if opened else "missed", (), note)
    return msgspec.structs.replace(answered, **facts)


def _place(faulty: Faulty, fault: Fault, good: Good) -> tuple[Run, Subject]:
    """Return the run in which a fault is judged, and the variant that it is there."""
    store, say = good.run.store, good.run.say
    if faulty.labels is None and faulty.calibration is None:
        spec = join(good, fault.name, faulty)
        run = Run(spec, store=store, target=faulty_target(), say=say)
        return run, run.subjects[0]
    run = Run(good.run.spec, store=store, say=say)
    inputs = run.inputs(good.subject.model)
    if faulty.labels is not None:
        inputs.relabel(faulty.labels)
    if faulty.calibration is not None:
        inputs.recalibrate(faulty.calibration)
    return run, good.subject


def _fault(
    fault: Fault,
    good: Good,
    verdict: Caught,
    caught_by: tuple[str, ...],
    note: str,
    *,
    found: str | None = None,
    diagnosed: bool = False,
) -> FaultAnswer:
    return FaultAnswer(
        model=good.subject.model,
        variant=good.subject.variant,
        name=fault.name,
        place=fault.place,
        severity=fault.severity,
        summary=fault.summary,
        verdict=verdict,
        caught_by=caught_by,
        proofs=tuple(one for one in caught_by if GATES.get(one).is_proof),
        cause=fault.cause,
        cause_found=found,
        cause_named=found == fault.cause if diagnosed else None,
        note=note,
    )


def _control(fault: Fault, good: Good, verdict: Passed, note: str) -> ControlAnswer:
    return ControlAnswer(
        model=good.subject.model,
        variant=good.subject.variant,
        name=fault.name,
        summary=fault.summary,
        verdict=verdict,
        note=note,
    )
