"""One run of a spec: its variants and cases, and the resources that they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from edgeq.errors import EdgeqError, ModelRefusedError, TargetError, UnlikeOutputsError, WorkerError
from edgeq.pipeline.places import Place, others, this_machine
from edgeq.pipeline.plan import Case, cases, variants
from edgeq.pipeline.schedule import Memo, ProgressRelay, Say
from edgeq.pipeline.variant import BASELINE, VariantUnderTest
from edgeq.registry import unknown

if TYPE_CHECKING:
    from edgeq.config import structs
    from edgeq.config.methods import MethodChoice
    from edgeq.config.structs import Spec
    from edgeq.pipeline.execution import Executor
    from edgeq.pipeline.inputs import ModelInputs
    from edgeq.run.results import WorkerFacts
    from edgeq.run.targets import Target
    from edgeq.store.content import Store
    from edgeq.targets.check import Checked, Helpers

_ANSWERED = (ModelRefusedError, UnlikeOutputsError)
"""Errors after which a worker is known to work."""


class _Shared:
    """What the runs on all targets share.

    Args:
        spec: The spec to validate.
        relay: Relays lines of progress.
        store: The store for everything that is built, the spec's own if None.

    Attributes:
        parts: Number of workers that share an evaluation on this machine.
        side_by_side: Whether work is in progress beside which nothing can be measured alone.
        cases: Every declared case, None before the first access.
        stores, inputs: The store, and the inputs by model.
    """

    def __init__(self, spec: Spec, relay: ProgressRelay, store: Store | None) -> None:
        self._spec, self._store = spec, store
        self.parts = 1
        self.side_by_side = False
        self.cases: tuple[Case, ...] | None = None
        self.stores: Memo[None, Store] = Memo(relay.goes_on)
        self.inputs: Memo[str, ModelInputs] = Memo(relay.goes_on)

    def make_store(self) -> Store:
        """Return the store that was given, or the spec's own."""
        from edgeq.store.content import Store

        return self._store or Store(self._spec.path(self._spec.store))


class Run:
    """One run of a spec. Creating it reads nothing and imports nothing heavy.

    If a variant can't be built or run, each access to it raises its error, without affecting other
    variants. Predictions, times and memory are measured separately and fail independently, so that
    the order of accesses does not matter.

    Each target has a run of its own, whose baseline and variants run there. They share what is
    built and read on this machine, and so its run.

    Args:
        spec: The spec to validate.
        store: The store for everything that is built, the spec's own if None.
        target: What stands in for this machine to run models, None for nothing.
        say: Called with lines of progress.

    Attributes:
        place: The target.
        how: How models are run there.
        here: The run on this machine, itself if this is it.
        relay: Relays lines of progress.
        variants: Every declared variant, on this target.
        elsewhere: The runs on the spec's other targets; empty if this is one of them.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        store: Store | None = None,
        target: Target | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.spec = spec
        self.how = spec.run
        self.here: Run = self
        self.place = this_machine(spec)
        self.relay = ProgressRelay(say)
        self._given_target = target
        self._shared = _Shared(spec, self.relay, store)
        self._prepare()
        self.elsewhere: tuple[Run, ...] = tuple(
            RunElsewhere(self, self._shared, place) for place in others(spec)
        )

    def _share(self, here: Run, shared: _Shared, place: Place, how: structs.Run) -> None:
        """Begin as a part of the run on this machine."""
        self.here, self.spec, self.relay = here, here.spec, here.relay
        self.place, self.how = place, how
        self.elsewhere = ()
        self._given_target, self._shared = None, shared
        self._prepare()

    def _prepare(self) -> None:
        """Prepare what each run has of its own, which is not made before it is needed."""
        self._executors: Memo[None, Executor] = Memo(self.relay.goes_on)
        self._others: Memo[str, VariantUnderTest] = Memo(self.relay.goes_on)
        self.variants: tuple[VariantUnderTest, ...] = tuple(variants(self))

    @property
    def everywhere(self) -> tuple[VariantUnderTest, ...]:
        """Every declared variant, on this machine and on each other target."""
        return tuple(variant for run in (self, *self.elsewhere) for variant in run.variants)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every declared case, of every target.

        Raises:
            SpecError: The spec declares none.
        """
        if self._shared.cases is None:
            self._shared.cases = cases(self.spec, self.here.everywhere)
        return self._shared.cases

    @property
    def parts(self) -> int:
        """Number of workers that share the evaluation of one model, one on another machine.

        It must be set before the first evaluation.
        """
        return self._shared.parts if self.shares_cores else 1

    @parts.setter
    def parts(self, number: int) -> None:
        self._shared.parts = number

    @property
    def shares_cores(self) -> bool:
        """Whether models run on this machine's cores."""
        return True

    @property
    def say(self) -> Say:
        """A function that reports progress in one line."""
        return self.relay.say

    @property
    def store(self) -> Store:
        """The store for everything that is built."""
        return self._shared.stores.get(None, self._shared.make_store)

    @property
    def executor(self) -> Executor:
        """The executor, which runs models."""
        return self._executors.get(None, self._make_executor)

    def _make_executor(self) -> Executor:
        from edgeq.pipeline.execution import Executor
        from edgeq.run.targets import local_target

        target = self._given_target or local_target()
        return Executor(target, self.how, self.store, self.say)

    def inputs(self, model: str) -> ModelInputs:
        """Return the inputs of a model."""
        return self._shared.inputs.get(model, lambda: self._make_inputs(model))

    def _make_inputs(self, model: str) -> ModelInputs:
        from edgeq.pipeline.inputs import ModelInputs

        return ModelInputs(model, self.spec, self.store, self.say, self.relay.goes_on)

    def variants_of(self, model: str) -> tuple[VariantUnderTest, ...]:
        """Return the declared variants of a model."""
        return tuple(variant for variant in self.variants if variant.model == model)

    def variant(self, name: str) -> VariantUnderTest:
        """Return the declared variant with a name (``MODEL/VARIANT``, elsewhere ``@TARGET``).

        Raises:
            SpecError: There is no such variant.
        """
        for variant in self.everywhere:
            if variant.name == name:
                return variant
        raise unknown("variant", name, [variant.name for variant in self.variants])

    def baseline(self, model: str) -> VariantUnderTest:
        """Return the float model that a model's variants are compared with."""
        return self._others.get(
            f"{model}/{BASELINE}", lambda: VariantUnderTest(self, model, BASELINE, is_baseline=True)
        )

    def undeclared(
        self, model: str, short_name: str, choice: MethodChoice, *, like: str | None = None
    ) -> VariantUnderTest:
        """Return a variant that the spec does not declare: a control, or one for an experiment.

        No variant in a spec can have its ``short_name``. It is evaluated on the own samples of
        ``like``, if that has any.
        """

        def make() -> VariantUnderTest:
            method = choice.method
            return VariantUnderTest(self, model, short_name, method, choice, sampled_like=like)

        return self._others.get(f"{model}/{short_name}", make)

    @contextmanager
    def measuring_side_by_side(self) -> Iterator[None]:
        """Refuse measurements that must run alone, until the block ends."""
        self._shared.side_by_side = True
        try:
            yield
        finally:
            self._shared.side_by_side = False

    @property
    def is_side_by_side(self) -> bool:
        """Whether work is in progress beside which nothing can be measured alone."""
        return self._shared.side_by_side

    @property
    def alike(self) -> Run:
        """The run on this machine with kernels of the kind that the target has."""
        return self

    def reach(self) -> Checked | None:
        """Return what a check of the target showed, None for this machine, which needs none.

        Raises:
            EdgeqError: It can't be used.
        """
        return None

    def blame(self, error: EdgeqError) -> EdgeqError:
        """Return the error that explains another: the target's own, if that is lost."""
        return error

    def idle_boards(self) -> Mapping[str, str]:
        """Return why boards of the target take no part, as far as that is known."""
        return {}

    def known_check(self) -> Checked | None:
        """Return what a check of the target showed, if it was checked; nothing is checked."""
        return None

    def known_error(self) -> EdgeqError | None:
        """Return why the target can't be used, if that is known; nothing is checked."""
        return None


class RunElsewhere(Run):
    """The part of a run on another target.

    The target is checked before anything runs there. Once it is lost, nothing more is tried there,
    and everything that it was needed for has the same error.
    """

    def __init__(self, here: Run, shared: _Shared, place: Place) -> None:
        self._checks: Memo[object, Checked] = Memo(here.relay.goes_on)
        self._helpers: Memo[None, Helpers] = Memo(here.relay.goes_on)
        self._lost: TargetError | None = None
        self._share(here, shared, place, place.run(here.spec.run))

    @cached_property
    def _with_kernels(self) -> Run:
        return _RunWithKernels(self.here, self._shared, self.how)

    @property
    def alike(self) -> Run:
        """The run on this machine with kernels of the kind that the target has."""
        return self.here if self.how.kernels == self.spec.run.kernels else self._with_kernels

    @property
    def shares_cores(self) -> bool:
        """Whether models run on this machine's cores, as in an emulator."""
        try:
            return self.executor.target.local_files
        except EdgeqError:  # raised again by what runs there
            return False

    @property
    def executor(self) -> Executor:
        """The executor, which runs models there.

        Raises:
            EdgeqError: The target can't be started, or was lost.
        """
        if self._lost is not None:
            raise self._lost
        return super().executor

    def _make_executor(self) -> Executor:
        from edgeq.pipeline.execution import Executor
        from edgeq.targets.starting import start

        place = self.place
        target = start(place.name, place.declared, self.spec.root)
        return Executor(target, self.how, self.store, self.say, self._facts, helpers=self._alike)

    def _facts(self) -> WorkerFacts:
        if self._lost is not None:
            raise self._lost
        return self._checks.get(None, self._check).facts

    def reach(self) -> Checked | None:
        """Return what a check of the target showed, which is made once; None if it runs nothing.

        Raises:
            EdgeqError: It can't be used.
        """
        if self._lost is not None:
            raise self._lost
        return None if self.place.kind.start is None else self._checks.get(None, self._check)

    def _alike(self) -> Mapping[str, Target]:
        return self._helpers.get(None, self._look_at_helpers).alike

    def _look_at_helpers(self) -> Helpers:
        from edgeq.targets.check import helpers

        if self.place.declared.helpers:
            self.say(f"{self.place.name}: checking its other boards")
        return helpers(self.place.name, self.place.declared, self.spec.root, self._facts())

    def idle_boards(self) -> Mapping[str, str]:
        """Return why boards of the target take no part, as far as that is known."""
        helpers, executor = self._helpers.done(None), self._executors.done(None)
        if helpers is None or executor is None:
            return {}
        lost = {} if executor.boards is None else executor.boards.lost
        return {**helpers.left_out, **lost}

    def known_check(self) -> Checked | None:
        """Return what a check of the target showed, if it was checked; nothing is checked."""
        return self._checks.done(None)

    def known_error(self) -> EdgeqError | None:
        """Return why the target can't be used, if that is known; nothing is checked."""
        return self._lost or self._checks.error(None)

    def _check(self) -> Checked:
        from edgeq.targets.check import check

        self.say(f"{self.place.name}: checking the target")
        try:
            checked = check(self.place.kind, self.executor.target)
        except WorkerError as error:
            raise self._own(error) from error
        if checked.problems:
            raise self._own(TargetError("; ".join(checked.problems)))
        return checked

    def _own(self, error: WorkerError) -> TargetError:
        """Return the target's own error, whatever it was needed for."""
        name = self.place.name
        remedy = error.remedy or f"Look at it with: edgeq target check {name}"
        return TargetError(error.what, where=f"target {name}", remedy=remedy, output=error.output)

    def blame(self, error: EdgeqError) -> EdgeqError:
        """Return the error that explains another: the target's own, if that is lost.

        If a worker ended there or said nothing, a new one is asked whether the target still works.
        """
        cause = error if isinstance(error, WorkerError) else error.__cause__
        if not isinstance(cause, WorkerError) or isinstance(cause, _ANSWERED):
            return error
        if self._lost is None:
            try:
                if isinstance(cause, TargetError):
                    raise self._own(cause)
                self._checks.get(id(cause), self._check)
            except TargetError as lost:
                self._lost = lost
        return self._lost or error


class _RunWithKernels(Run):
    """The part of a run on this machine with other kernels, to compare a target with."""

    def __init__(self, here: Run, shared: _Shared, how: structs.Run) -> None:
        self._share(here, shared, here.place, how)
