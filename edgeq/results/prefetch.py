"""Doing the work that selected cases need in advance, in parallel on all cores.

Each step does what its case would do and leaves the same result in the same place, where the case
then finds it. Latency and memory are left to their cases, which run after all this: a time that is
measured while other work runs is worthless.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edgeq.config.methods import METHODS
from edgeq.errors import EdgeqError, StoreError
from edgeq.io.files import write_bytes
from edgeq.models.child import idle
from edgeq.pipeline.control import claimed_control, evaluate_control, make_control
from edgeq.pipeline.converting import release_source
from edgeq.pipeline.making import prepare, starts_of
from edgeq.pipeline.measurements import MEASUREMENTS, Measurement
from edgeq.pipeline.plan import Case
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Stage, Task, carry_out
from edgeq.pipeline.variant import VariantUnderTest
from edgeq.record.case_ids import name_on
from edgeq.results.contact_sheet import PER_RUN, sheet_of
from edgeq.results.judging import judge, lack_of, why_inapplicable
from edgeq.run.workers import Workers
from edgeq.samples.apart import idle as decoders
from edgeq.samples.sets import ROLES, Role

if TYPE_CHECKING:
    from edgeq.cluster.cluster import Cluster

_Work = Callable[[], object]

PATIENCE_S = 1.0
"""Seconds to wait for the baseline. If it is there by then, it came from the store, and no other
work needs to fill the time of an export."""

_MAKING, _JUDGING, _DRAWN = ": making", ": judging", ": drawing"
_COMPARING = ": comparing with its source"
STAGES_FILE = Path("logs") / "stages.json"


def prefetch(
    run: Run, cases: Iterable[Case], *, workers: int | None = None, explain: bool = True
) -> tuple[Stage, ...]:
    """Do what cases need, except what must be measured alone, and return the stages of the work.

    If a step fails, the case that needs it raises the error again.

    Args:
        run: The run, made in this thread.
        cases: The selected cases.
        workers: Number of tasks at a time; None for one per core.
        explain: Whether to search for the causes of FAILs, see ``judge``.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C; every child process has ended by then.
    """
    cores = workers or os.cpu_count() or 1
    run.parts = cores if run.executor.cluster is None else 1
    order = {model: place for place, model in enumerate(run.spec.models)}
    models = [
        _ModelTasks(run, name, tuple(chosen), explain=explain)
        for name, chosen in groupby(
            sorted(cases, key=lambda case: order[case.variant.model]),
            key=lambda case: case.variant.model,
        )
    ]
    tasks = _tasks(models, thumbnails=run.spec.report.thumbnails)
    if not tasks:
        return ()
    cluster, pools = run.executor.cluster, _pools(models)
    tasks = [*_endings(tasks, pools, cluster), *tasks]
    with ExitStack() as stack:
        for context in (idle.kept(), decoders.kept(), *(each.kept() for each in pools.values())):
            stack.enter_context(context)
        stack.enter_context(run.measuring_side_by_side())
        if cluster is not None:
            stack.callback(cluster.leave)
            stack.enter_context(cluster.making())
        stages = carry_out(tasks, run.relay, workers=cores)
    with suppress(StoreError):  # only a log; the cases report a store that can't be written
        write_bytes(run.store.root / STAGES_FILE, msgspec.json.format(msgspec.json.encode(stages)))
    return stages


def _tasks(models: Sequence[_ModelTasks], *, thumbnails: bool) -> list[Task]:
    """Return the tasks of all models: first what others wait for, then the long ones."""
    tasks = [task for model in models for task in model.first()]
    tasks += [task for model in models for task in model.long()]
    tasks += [task for model in models for task in model.short()]
    if thumbnails:
        tasks += [task for model in models[: PER_RUN // len(ROLES)] for task in model.pictures()]
    return tasks


def _endings(
    tasks: Sequence[Task], pools: dict[str, Workers], cluster: Cluster | None
) -> Iterator[Task]:
    """Yield the tasks that end processes as soon as no other task needs them."""
    making = tuple(task.name for task in tasks if task.name.endswith((_MAKING, _COMPARING)))
    used = tuple(task.name for task in tasks if not task.name.endswith((_JUDGING, _DRAWN)))
    for name, pool in reversed(pools.items()):
        yield Task(name_on("ending the workers", name), pool.end_idle, used)
    yield Task("ending the engines' processes", idle.end_all, making)
    if cluster is not None:
        yield Task("ending the cluster's converters", cluster.rest, making)


def _pools(models: Iterable[_ModelTasks]) -> dict[str, Workers]:
    """Return the workers of every target that the models' cases run on, by the target's name."""
    pools = {}
    for run in dict.fromkeys(variant.run for model in models for variant in model.variants):
        with suppress(EdgeqError):  # raised again by the cases on that target
            pools[run.place.name] = run.executor.workers
    return pools


@dataclass(frozen=True)
class _ModelTasks:
    """The tasks of one model's cases.

    ``exported`` is set when the export of the baseline has succeeded or failed; ``explain`` says
    whether to search for the causes of FAILs.
    """

    run: Run
    model: str
    cases: tuple[Case, ...]
    exported: threading.Event = field(default_factory=threading.Event)
    explain: bool = True

    @property
    def variants(self) -> tuple[VariantUnderTest, ...]:
        """The variants of the selected cases."""
        every = dict.fromkeys(case.variant for case in self.cases)
        return tuple(variant for variant in every if not variant.is_baseline)

    @property
    def baseline(self) -> VariantUnderTest:
        """The baseline on this machine."""
        return self.run.baseline(self.model)

    @property
    def baselines(self) -> tuple[VariantUnderTest, ...]:
        """The baselines that the variants are compared with, one on each target."""
        return tuple(dict.fromkeys((self.baseline, *(each.baseline for each in self.variants))))

    def first(self) -> Iterator[Task]:
        """Yield the comparison of the baseline with its source, for which the exporter waits."""
        after = (self._made(self.baseline),)
        yield self._movable(f"{self.model}{_COMPARING}", self._compare_source, after)

    def long(self) -> Iterator[Task]:
        """Yield the tasks that make and evaluate variants, those that others wait for first."""
        yield self._movable(self._made(self.baseline), self._export)
        yield Task(f"{self.model}: decoding meanwhile", self._ahead)
        controls = self._controls()
        yield from self._starts((*self.variants, *controls))
        yield from self._preparations((*self.variants, *controls))
        yield from self._makings(calibrated=True)
        for baseline in self.baselines:
            yield from self._evaluations(baseline)
        # Later, so that the process that has calibrated makes them and no other has to be started.
        yield from self._makings(calibrated=False)
        for variant in sorted(self.variants, key=_computes_in_float, reverse=True):
            yield from self._evaluations(variant)
        for control in controls:
            yield from self._control(control)

    def short(self) -> Iterator[Task]:
        """Yield the tasks that read files and judge, which use cores that long tasks leave free."""
        inside = tuple(self._fetched(self.baseline, ()))
        yield from inside
        for variant in self.variants:
            compared = [task.name for task in self._control(self._claimed(variant))]
            fetched = tuple(self._fetched(variant, (*(task.name for task in inside), *compared)))
            yield from fetched
            looked = f"{variant.name}: looking"
            after = (self._made(variant),)
            work = self._judging_of(variant, answers=False)
            yield Task(looked, work, after, uses=_single(variant))
            yield Task(
                f"{variant.name}{_JUDGING}",
                self._judging_of(variant, answers=True),
                (
                    looked,
                    *(task.name for task in fetched),
                    *compared,
                    *self._evaluated(variant),
                    *self._evaluated(variant.baseline),
                ),
                uses=_single(variant),
            )

    def pictures(self) -> Iterator[Task]:
        """Yield the tasks that draw the contact sheets of the report."""
        inputs = self.run.inputs(self.model)
        for role in self._roles():
            work = partial(sheet_of, inputs, role)
            name = f"{self.model}: {role} images{_DRAWN}"
            yield Task(name, work, self._evaluated(self.baseline))

    def _movable(self, name: str, work: _Work, after: tuple[str, ...] = ()) -> Task:
        """Return a task that a cluster does, if there is one."""
        return Task(name, work, after, elsewhere=self.run.executor.cluster is not None)

    def _made(self, variant: VariantUnderTest) -> str:
        """Return the name of the task that makes a variant's file or exports the baseline."""
        if variant.is_baseline:
            return f"{self.model}: baseline"
        return f"{variant.here.name}{_MAKING}"

    def _makings(self, *, calibrated: bool) -> Iterator[Task]:
        """Yield the tasks that make the files of variants with or without calibration."""
        for variant in dict.fromkeys(variant.here for variant in self.variants):
            if variant.is_calibrated == calibrated:
                work = self._making_of(variant)
                yield self._movable(self._made(variant), work, (self._shared(variant),))

    def _evaluations(self, variant: VariantUnderTest) -> Iterator[Task]:
        """Yield the tasks that evaluate a variant, one per part of the evaluation set."""
        work = self._evaluation_of(variant)
        for part, name in enumerate(self._evaluated(variant)):
            after = (self._made(variant),)
            yield Task(name, partial(work, part), after, uses=_single(variant))

    def _evaluated(self, variant: VariantUnderTest) -> tuple[str, ...]:
        """Return the names of the tasks that evaluate a variant."""
        name, parts = _named(variant), variant.run.parts
        return tuple(f"{name}: evaluating, part {part + 1} of {parts}" for part in range(parts))

    def _fetched(self, variant: VariantUnderTest, after: Iterable[str]) -> Iterator[Task]:
        """Yield the tasks that take measurements in advance.

        The tasks named in ``after`` must precede measurements of predictions.
        """
        for _, row in MEASUREMENTS:
            if row.ahead is None or row.ahead.of_baseline != variant.is_baseline:
                continue
            before: tuple[str, ...] = (self._made(variant),)
            if row.ahead.after == "predictions":
                before = (*after, *self._evaluated(variant))
            name = f"{_named(variant)}: {row.ahead.task}"
            yield Task(name, self._fetching(variant, row), before, uses=_single(variant))

    def _fetching(self, variant: VariantUnderTest, row: Measurement[object]) -> _Work:
        def work() -> None:
            if any(self._asks_for(case, variant, row) for case in self.cases):
                variant.measure(row.name)

        return work

    def _asks_for(self, case: Case, variant: VariantUnderTest, row: Measurement[object]) -> bool:
        """Return whether a case will ask for a measurement of a variant or of its baseline."""
        if row.ahead is None or case.gate.name != row.ahead.gate:
            return False
        # A file that claims no method may have no fixed scale; if it has, its case measures this.
        of_any = variant is case.variant.baseline and case.variant.method is not None
        mine = of_any or case.variant is variant
        return mine and self._is_to_be_run(case) and row.ahead.applies(case.variant)

    def _controls(self) -> tuple[VariantUnderTest, ...]:
        """Return the controls of the variants that are not selected variants themselves."""
        every = dict.fromkeys(self._claimed(variant) for variant in self.variants)
        return tuple(
            control for control in every if control is not None and control not in self.variants
        )

    def _claimed(self, variant: VariantUnderTest) -> VariantUnderTest | None:
        """Return the control for the method that a variant claims, None if no case needs one.

        None also for a file that claims no method, which must first be read by its own case.
        """
        if not any(case.variant is variant and case.follows_control for case in self.cases):
            return None
        return claimed_control(variant).variant

    def _control(self, control: VariantUnderTest | None) -> Iterator[Task]:
        """Yield the making of a control and the parts of its evaluation; nothing for None."""
        if control is None:
            return
        after = self._made(control)
        if control.here not in {variant.here for variant in self.variants}:
            work = self._if_compared(control, make_control)
            yield self._movable(after, work, (self._shared(control),))
        for part, name in enumerate(self._evaluated(control)):
            work = self._if_compared(control, partial(evaluate_control, part=part))
            yield Task(name, work, (after,), uses=_single(control))

    def _if_compared(
        self, control: VariantUnderTest, work: Callable[[VariantUnderTest], None]
    ) -> _Work:
        """Return work on a control that is done only if a measurable case is compared with it."""

        def if_compared() -> None:
            if any(
                case.follows_control
                and self._claimed(case.variant) is control
                and self._is_to_be_run(case)
                for case in self.cases
            ):
                work(control)

        return if_compared

    def _preparations(self, variants: Sequence[VariantUnderTest]) -> Iterator[Task]:
        """Yield the preparations shared by an engine's variants, the uncalibrated ones first."""
        done: set[str] = set()
        for variant in sorted(variants, key=lambda item: item.is_calibrated):
            name = self._shared(variant)
            if variant.choice is None or name in done:
                continue
            first = self._shared(variant, calibrated=False)
            if first not in done:
                work = partial(prepare, variant, calibrated=False)
                yield self._movable(first, work, (self._made(self.baseline),))
            if name != first:
                yield self._movable(name, partial(prepare, variant, calibrated=True), (first,))
            done |= {first, name}

    def _starts(self, variants: Sequence[VariantUnderTest]) -> Iterator[Task]:
        """Yield the tasks that start each engine while the baseline is exported."""
        if self.run.executor.cluster is not None:
            return
        for engine, start in starts_of(variants, self.run.spec, self.run.store).items():
            yield Task(f"{self.model}: starting {engine}", self._start_of(start))

    def _shared(self, variant: VariantUnderTest, *, calibrated: bool | None = None) -> str:
        """Return the name of the task that a variant's making waits for."""
        if variant.choice is None:
            return self._made(self.baseline)
        needed = variant.is_calibrated if calibrated is None else calibrated
        return f"{self.model}: {'calibrating' if needed else 'preparing'} {variant.choice.engine}"

    def _export(self) -> None:
        try:
            self.run.inputs(self.model).baseline  # noqa: B018 - reading it makes it
        finally:
            self.exported.set()

    def _compare_source(self) -> None:
        try:
            if any(case.gate.name == "conversion" for case in self.cases):
                self.baseline.conversion  # noqa: B018 - reading it makes it
        finally:
            release_source(self.baseline)

    def _ahead(self) -> None:
        if not self.exported.wait(PATIENCE_S):
            self.run.inputs(self.model).images.decode_ahead(self._roles())

    def _start_of(self, start: _Work) -> _Work:
        def work() -> None:
            if not self.exported.wait(PATIENCE_S):
                start()

        return work

    def _roles(self) -> Sequence[Role]:
        roles: list[Role] = []
        if any(case.variant.is_calibrated for case in self.cases):
            roles.append("calibration")
        if any(_needs_photographs(case) for case in self.cases):
            roles.append("evaluation")
        return roles

    def _is_to_be_run(self, case: Case) -> bool:
        return case.gate.needs_images and lack_of(case) is None

    def _is_followed(self, cases: Iterable[Case]) -> bool:
        """Return whether a case uses an evaluation if there is one, without requiring it."""
        if not any(case.gate.follows_evaluation for case in cases):
            return False
        return self.run.inputs(self.model).images.evaluation is not None

    def _making_of(self, variant: VariantUnderTest) -> _Work:
        return lambda: variant.artifact

    def _evaluation_of(self, variant: VariantUnderTest) -> Callable[[int], None]:
        def work(part: int) -> None:
            cases = [
                case for case in self.cases if variant in (case.variant, case.variant.baseline)
            ]
            followed = not variant.is_baseline and self._is_followed(cases)
            if followed or any(map(self._is_to_be_run, cases)):
                variant.evaluate(part, variant.run.parts)

        return work

    def _judging_of(self, variant: VariantUnderTest, *, answers: bool) -> _Work:
        """Return the work of judging the cases that need predictions, or those that don't."""

        def work() -> None:
            for case in self.cases:
                mine = case.variant is variant and case.gate.needs_images == answers
                if mine and not case.gate.alone and why_inapplicable(case) is None:
                    judge(case, explain=self.explain)

        return work


def _named(variant: VariantUnderTest) -> str:
    """Return what the tasks of a variant are called; those of a baseline, like the model."""
    return name_on(variant.model, variant.place.name) if variant.is_baseline else variant.name


def _single(variant: VariantUnderTest) -> str:
    """Return the target of a variant if that is another machine, which runs one thing at a time."""
    return "" if variant.run.shares_cores else variant.place.name


def _computes_in_float(variant: VariantUnderTest) -> bool:
    """Return whether a variant may compute in float, which is slow and so should start early."""
    if variant.method is None:
        return True
    method = METHODS.get(variant.method)
    return "int8" not in method.activation_types and method.weights_dequantized is not False


def _needs_photographs(case: Case) -> bool:
    return case.gate.needs_images or case.gate.holds == "calibrated here"
