"""One run of a spec: its variants and cases, and the resources that they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgeq.pipeline.memo import Memo
from edgeq.pipeline.plan import Case, cases, variants
from edgeq.pipeline.schedule import NotAloneError, ProgressRelay, Say
from edgeq.pipeline.variant import BASELINE, VariantUnderTest
from edgeq.registry import unknown

if TYPE_CHECKING:
    from edgeq.config.methods import MethodChoice
    from edgeq.config.structs import Spec
    from edgeq.pipeline.execution import Executor
    from edgeq.pipeline.inputs import ModelInputs
    from edgeq.run.targets import Target
    from edgeq.store.content import Store


class Run:
    """One run of a spec. Creating it reads nothing and imports nothing heavy.

    If a variant can't be built or run, each access to it raises its error, without affecting other
    variants. Predictions, times and memory are measured separately and fail independently, so that
    the order of accesses does not matter.

    Args:
        spec: The spec to validate.
        store: The store for everything that is built, the spec's own if None.
        target: The target on which models run, this machine if None.
        say: Called with lines of progress.

    Attributes:
        relay: Relays lines of progress.
        variants: Every declared variant.
        parts: Number of workers that share the evaluation of one model; must be set before the
            first evaluation.
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
        self.relay = ProgressRelay(say)
        self.parts = 1
        self._side_by_side = False
        self._given_store, self._given_target = store, target
        self._stores: Memo[None, Store] = Memo(self.relay.goes_on)
        self._executors: Memo[None, Executor] = Memo(self.relay.goes_on)
        self._inputs: Memo[str, ModelInputs] = Memo(self.relay.goes_on)
        self._others: Memo[str, VariantUnderTest] = Memo(self.relay.goes_on)
        self.variants: tuple[VariantUnderTest, ...] = tuple(variants(self))

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Every declared case.

        Raises:
            SpecError: The spec declares none.
        """
        return cases(self.spec, self.variants)

    @property
    def say(self) -> Say:
        """A function that reports progress in one line."""
        return self.relay.say

    @property
    def store(self) -> Store:
        """The store for everything that is built."""
        return self._stores.get(None, self._make_store)

    def _make_store(self) -> Store:
        from edgeq.store.content import Store

        return self._given_store or Store(self.spec.path(self.spec.store))

    @property
    def executor(self) -> Executor:
        """The executor, which runs models."""
        return self._executors.get(None, self._make_executor)

    def _make_executor(self) -> Executor:
        from edgeq.pipeline.execution import Executor
        from edgeq.run.targets import local_target

        target = self._given_target or local_target()
        return Executor(target, self.spec.run, self.store, self.say)

    def inputs(self, model: str) -> ModelInputs:
        """Return the inputs of a model."""
        return self._inputs.get(model, lambda: self._make_inputs(model))

    def _make_inputs(self, model: str) -> ModelInputs:
        from edgeq.pipeline.inputs import ModelInputs

        return ModelInputs(model, self.spec, self.store, self.say, self.relay.goes_on)

    def variants_of(self, model: str) -> tuple[VariantUnderTest, ...]:
        """Return the declared variants of a model."""
        return tuple(variant for variant in self.variants if variant.model == model)

    def variant(self, name: str) -> VariantUnderTest:
        """Return the declared variant with a name (``MODEL/VARIANT``).

        Raises:
            SpecError: There is no such variant.
        """
        for variant in self.variants:
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

        Args:
            model: Name of the model.
            short_name: A name that no variant in a spec can have.
            choice: Method and engine.
            like: The variant in the spec whose own samples it is evaluated on, if it has any.
        """

        def make() -> VariantUnderTest:
            method = choice.method
            return VariantUnderTest(self, model, short_name, method, choice, sampled_like=like)

        return self._others.get(f"{model}/{short_name}", make)

    @contextmanager
    def measuring_side_by_side(self) -> Iterator[None]:
        """Refuse measurements that must run alone, until the block ends."""
        self._side_by_side = True
        try:
            yield
        finally:
            self._side_by_side = False

    def measure(self, variant: VariantUnderTest, name: str) -> Any:
        """Return a measurement of a variant, made on first access.

        Args:
            variant: The variant.
            name: Name of the measurement.

        Raises:
            TypeError: The measurement compares with the baseline, and the variant is a baseline.
            NotAloneError: It must run alone, and other work is in progress.
            EdgeqError: It can't be made.
        """
        from edgeq.pipeline.measurements import MEASUREMENTS

        row = MEASUREMENTS.get(name)
        if row.compares and variant.is_baseline:
            raise TypeError(f"{variant.name} is a baseline: it is compared with nothing")
        if row.alone and self._side_by_side:
            raise NotAloneError(f"{variant.name}: {name} must be measured alone")
        return variant.results.get(name, lambda: row.of(variant))
