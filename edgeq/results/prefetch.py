"""Doing what selected cases need before they are asked, side by side on all cores.

Each step does what its case would do, with the same result in the same place; a case then finds
it there. Latency and memory are left to their cases, which run when all this is over: a time that
is taken beside other work is worth nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import msgspec

from edgeq.config.methods import METHODS
from edgeq.errors import StoreError
from edgeq.io.files import write_bytes
from edgeq.models.children import idle
from edgeq.pipeline.computed import computed
from edgeq.pipeline.control import claimed_control, evaluate_control, make_control
from edgeq.pipeline.making import prepare, starts_of
from edgeq.pipeline.needs import is_calibrated
from edgeq.pipeline.plan import Case, Subject
from edgeq.pipeline.proving import ask_kernels, is_quantized
from edgeq.pipeline.ranging import ranges_of
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Stage, Task, carry_out
from edgeq.results.contact_sheet import PER_RUN, sheet_of
from edgeq.results.judging import judge, shortfall_of, why_inapplicable
from edgeq.samples.sets import ROLES, Role

_Work = Callable[[], object]

PATIENCE_S = 1.0
"""A baseline that is there by then was not exported, and there is nothing to do meanwhile."""

_MAKING, _JUDGING, _DRAWN = ": making", ": judging", ": drawing"
STAGES_FILE = Path("logs") / "stages.json"


def prefetch(
    run: Run, cases: Iterable[Case], *, workers: int | None = None, explain: bool = True
) -> tuple[Stage, ...]:
    """Do what cases need, but for what must be measured alone, and return when it was done.

    What fails is raised again by the case that needs it.

    Args:
        run: The run, made in this thread.
        cases: The selected ones.
        workers: Tasks at a time, one for each core where None.
        explain: Whether the causes of FAILs are looked for, see ``judge``.

    Raises:
        KeyboardInterrupt: After every child process has ended.
    """
    run.parts = workers or os.cpu_count() or 1
    models = [
        _ModelTasks(run, name, tuple(chosen), explain=explain)
        for name, chosen in groupby(
            sorted(cases, key=lambda case: list(run.spec.models).index(case.subject.model)),
            key=lambda case: case.subject.model,
        )
    ]
    tasks = [task for model in models for task in model.long()]
    tasks += [task for model in models for task in model.short()]
    if run.spec.report.thumbnails:
        tasks += [task for model in models[: PER_RUN // len(ROLES)] for task in model.pictures()]
    if not tasks:
        return ()
    made = tuple(task.name for task in tasks if task.name.endswith(_MAKING))
    used = tuple(task.name for task in tasks if not task.name.endswith((_JUDGING, _DRAWN)))
    tasks.insert(0, Task("ending the engines' processes", idle.end_all, made))
    tasks.insert(0, Task("ending the workers", run.executor.workers.end_idle, used))
    with idle.kept(), run.executor.workers.kept():
        stages = carry_out(tasks, run.relay, workers=run.parts)
    with suppress(StoreError):  # a log; the cases tell where the store can't be written
        write_bytes(run.store.root / STAGES_FILE, msgspec.json.format(msgspec.json.encode(stages)))
    return stages


@dataclass(frozen=True)
class _ModelTasks:
    """The tasks of one model's cases.

    Attributes:
        run: The run.
        model: Name of the model.
        cases: The selected ones.
        exported: Set when the baseline is there, or can't be had.
        explain: Whether the causes of FAILs are looked for.
    """

    run: Run
    model: str
    cases: tuple[Case, ...]
    exported: threading.Event = field(default_factory=threading.Event)
    explain: bool = True

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The variants."""
        return tuple(dict.fromkeys(case.subject for case in self.cases))

    def long(self) -> Iterator[Task]:
        """Yield those that make and evaluate, so that what others wait for comes first."""
        baseline = f"{self.model}: baseline"
        yield Task(baseline, self._baseline)
        yield Task(f"{self.model}: decoding meanwhile", self._ahead)
        controls = self._controls()
        yield from self._starts((*self.subjects, *controls))
        yield from self._preparations((*self.subjects, *controls), baseline)
        for subject in sorted(self.subjects, key=is_calibrated, reverse=True):
            shared = self._shared(subject, baseline)
            yield Task(f"{subject.key}{_MAKING}", self._making_of(subject), (shared,))
        yield from self._evaluations(None)
        for subject in sorted(self.subjects, key=_computes_in_float, reverse=True):
            yield from self._evaluations(subject)
        for control in controls:
            yield from self._control(control, self._shared(control, baseline))

    def short(self) -> Iterator[Task]:
        """Yield those that look and judge: they fill the cores where the long ones leave one."""
        evaluated = [task.name for task in self._evaluations(None)]
        inside = f"{self.model}: looking at activations"
        yield Task(inside, self._look_inside, tuple(evaluated))
        for subject in self.subjects:
            made = f"{subject.key}{_MAKING}"
            asked = f"{subject.key}: asking other kernels"
            looked = f"{subject.key}: looking"
            answered = [task.name for task in self._evaluations(subject)]
            answered += [task.name for task in self._control(self._claimed(subject), "")]
            yield Task(asked, self._asking_of(subject), (made,))
            yield Task(looked, self._judging_of(subject, answers=False), (made,))
            tried = f"{subject.key}: trying ranges"
            yield Task(tried, self._trying_of(subject), (inside, *answered))
            yield Task(
                f"{subject.key}{_JUDGING}",
                self._judging_of(subject, answers=True),
                (asked, looked, tried, *answered, *evaluated),
            )

    def pictures(self) -> Iterator[Task]:
        """Yield those that draw what the report will show of the image sets."""
        inputs = self.run.inputs(self.model)
        evaluated = tuple(task.name for task in self._evaluations(None))
        for role in self._roles():
            work = partial(sheet_of, inputs, role)
            yield Task(f"{self.model}: {role} images{_DRAWN}", work, evaluated)

    def _evaluations(self, subject: Subject | None) -> Iterator[Task]:
        """Yield the parts of an evaluation."""
        key = self.model if subject is None else subject.key
        after = f"{self.model}: baseline" if subject is None else f"{key}{_MAKING}"
        for part in range(self.run.parts):
            name = f"{key}: evaluating, part {part + 1} of {self.run.parts}"
            yield Task(name, self._evaluation_of(subject, part), (after,))

    def _controls(self) -> tuple[Subject, ...]:
        """Return what variants are compared with that is no declared variant itself."""
        found = dict.fromkeys(self._claimed(subject) for subject in self.subjects)
        return tuple(one for one in found if one is not None and one not in self.subjects)

    def _claimed(self, subject: Subject) -> Subject | None:
        """Return the control that a variant's claim asks for, None if nothing asks for one.

        A file that claims no method is read first, by its own judging.
        """
        if not any(case.subject == subject and case.follows_control for case in self.cases):
            return None
        return claimed_control(self.run, subject).subject

    def _control(self, control: Subject | None, after: str) -> Iterator[Task]:
        """Yield the making of a control and the parts of its evaluation; nothing for None."""
        if control is None:
            return
        made = f"{control.key}{_MAKING}"
        yield Task(made, self._making_control(control), (after,))
        for part in range(self.run.parts):
            name = f"{control.key}: evaluating, part {part + 1} of {self.run.parts}"
            yield Task(name, self._evaluating_control(control, part), (made,))

    def _making_control(self, control: Subject) -> _Work:
        def work() -> None:
            if self._is_compared(control):
                make_control(self.run, control)

        return work

    def _evaluating_control(self, control: Subject, part: int) -> _Work:
        def work() -> None:
            if self._is_compared(control):
                evaluate_control(self.run, control, part)

        return work

    def _is_compared(self, control: Subject) -> bool:
        """Return whether a case that can be measured is compared with a control."""
        return any(
            case.follows_control
            and self._claimed(case.subject) == control
            and self._is_to_be_run(case)
            for case in self.cases
        )

    def _preparations(self, subjects: Sequence[Subject], baseline: str) -> Iterator[Task]:
        """Yield what variants of one engine share: first that of all, then of the calibrated."""
        done: set[str] = set()
        for subject in sorted(subjects, key=is_calibrated):
            name = self._shared(subject, baseline)
            if subject.choice is None or name in done:
                continue
            first = self._shared(subject, baseline, calibrated=False)
            if first not in done:
                yield Task(first, self._preparation_of(subject, calibrated=False), (baseline,))
            if name != first:
                yield Task(name, self._preparation_of(subject, calibrated=True), (first,))
            done |= {first, name}

    def _starts(self, subjects: Sequence[Subject]) -> Iterator[Task]:
        """Yield the start of each engine: there is time for it while the baseline is exported."""
        for engine, start in starts_of(subjects, self.run.spec, self.run.store).items():
            yield Task(f"{self.model}: starting {engine}", self._start_of(start))

    def _shared(self, subject: Subject, baseline: str, *, calibrated: bool | None = None) -> str:
        """Return the name of the task that a variant's making waits for."""
        if subject.choice is None:
            return baseline
        needed = is_calibrated(subject) if calibrated is None else calibrated
        return f"{self.model}: {'calibrating' if needed else 'preparing'} {subject.choice.engine}"

    def _baseline(self) -> None:
        try:
            self.run.inputs(self.model).baseline  # noqa: B018 - reading it makes it
        finally:
            self.exported.set()

    def _ahead(self) -> None:
        if not self.exported.wait(PATIENCE_S):
            self.run.inputs(self.model).decode_ahead(self._roles())

    def _start_of(self, start: _Work) -> _Work:
        def work() -> None:
            if not self.exported.wait(PATIENCE_S):
                start()

        return work

    def _roles(self) -> Sequence[Role]:
        found: list[Role] = []
        if any(is_calibrated(case.subject) for case in self.cases):
            found.append("calibration")
        if any(_needs_photographs(case) for case in self.cases):
            found.append("evaluation")
        return found

    def _is_to_be_run(self, case: Case) -> bool:
        return case.gate.needs_images and shortfall_of(self.run, case) is None

    def _is_followed(self, cases: Iterable[Case]) -> bool:
        """Return whether what an evaluation shows counts, although nothing needs it."""
        if not any(case.gate.follows_evaluation for case in cases):
            return False
        return self.run.inputs(self.model).evaluation is not None

    def _preparation_of(self, subject: Subject, *, calibrated: bool) -> _Work:
        inputs = self.run.inputs(self.model)
        return lambda: prepare(subject, inputs, self.run.store, calibrated=calibrated)

    def _making_of(self, subject: Subject) -> _Work:
        return lambda: self.run.variant(subject)

    def _evaluation_of(self, subject: Subject | None, part: int) -> _Work:
        def work() -> None:
            cases = [one for one in self.cases if subject in (None, one.subject)]
            if any(map(self._is_to_be_run, cases)) or (subject and self._is_followed(cases)):
                self.run.evaluate(self.model, subject, part)

        return work

    def _asking_of(self, subject: Subject) -> _Work:
        """Return the slow part of the proof of kernels, which had better not come last."""

        def work() -> None:
            for case in self.cases:
                proof = case.subject == subject and case.gate.name == "kernels"
                if proof and self._is_to_be_run(case) and is_quantized(self.run, subject):
                    ask_kernels(self.run, subject)

        return work

    def _look_inside(self) -> None:
        """Look at what the baseline computes inside, which the proof of ranges needs."""
        # A file that claims no method may hold no fixed scale; if it does, its case looks.
        if any(case.subject.method and self._tries_ranges(case) for case in self.cases):
            computed(self.run, self.model)

    def _trying_of(self, subject: Subject) -> _Work:
        """Return the slow part of the proof of ranges, which needs workers."""

        def work() -> None:
            if any(case.subject == subject and self._tries_ranges(case) for case in self.cases):
                ranges_of(self.run, subject)

        return work

    def _tries_ranges(self, case: Case) -> bool:
        return case.gate.name == "ranges" and self._is_to_be_run(case)

    def _judging_of(self, subject: Subject, *, answers: bool) -> _Work:
        """Return the judging of the cases that answers decide, or of those that they don't."""

        def work() -> None:
            for case in self.cases:
                mine = case.subject == subject and case.gate.needs_images == answers
                if mine and not case.gate.alone and why_inapplicable(self.run, case) is None:
                    judge(self.run, case, explain=self.explain)

        return work


def _computes_in_float(subject: Subject) -> bool:
    """Return whether a variant is one of the slow ones, which had better not come last."""
    if subject.method is None:
        return True
    method = METHODS.get(subject.method)
    return "int8" not in method.activation_types and method.weights_dequantized is not False


def _needs_photographs(case: Case) -> bool:
    return case.gate.needs_images or case.gate.holds == "calibrated here"
