"""Selects the variants for a package, and says why the others are left out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from edgeq.errors import RecordError
from edgeq.judge.verdict import ShipDecision
from edgeq.record.ship_decision import answer, overall, overall_reasons
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.words import first_of

MEASURES = ("size", "operators", "agreement", "accuracy", "figures", "latency", "memory")
"""Measurements of a variant whose figures a package states."""


@dataclass(frozen=True)
class Refusal:
    """A variant that is not packed.

    The reasons are one sentence each, at least one. A cleared one is left out only if it can't be
    packed.
    """

    model: str
    variant: str
    answer: ShipDecision
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model}/{self.variant} is {self.answer.value}: {'; '.join(self.reasons)}"

    @property
    def in_short(self) -> str:
        """The answer with its first reason, and the number of the others."""
        return f"{self.model}/{self.variant} is {self.answer.value}: {first_of(self.reasons)}"


@dataclass(frozen=True)
class Chosen:
    """A variant to pack.

    Attributes:
        answer: Answer about the variant on all targets: cleared, or unproven if requested.
        reasons: Why it is unproven, one sentence each; empty for a cleared one.
        cases: Its verdicts, of all targets.
        targets: The answer on each target, by name; empty if that is this machine alone.
    """

    model: ModelRecord
    variant: VariantRecord
    answer: ShipDecision
    reasons: tuple[str, ...]
    cases: tuple[CaseRecord, ...]
    targets: dict[str, ShipDecision] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """``model/variant``."""
        return f"{self.model.name}/{self.variant.name}"


def select(
    record: RunRecord, *, unproven: bool = False
) -> tuple[tuple[Chosen, ...], tuple[Refusal, ...]]:
    """Split a record's variants into those to pack and those to leave out.

    Unproven variants are packed only with ``unproven``; rejected and not judged ones never are.

    Raises:
        RecordError: An answer says more than its cases, so the record was changed by hand.
    """
    packed = {ShipDecision.CLEARED, ShipDecision.UNPROVEN} if unproven else {ShipDecision.CLEARED}
    chosen: list[Chosen] = []
    refused: list[Refusal] = []
    decisions = overall(record)
    for model in record.models:
        for variant in model.variants:
            if variant.name != variant.plain_name:
                continue
            decision = decisions[model.name, variant.name]
            why = overall_reasons(record, model, variant.name)
            if decision in packed:
                every = [each for each in model.variants if each.plain_name == variant.name]
                for each in every:
                    _require_cases(record, model, each)
                cases = tuple(c for each in every for c in record.verdicts(model.name, each.name))
                answers = {
                    each.target: answer(record, model.name, each)
                    for each in every
                    if any(each.target == own.name for own in model.targets)
                }
                figures = _measured(model, variant, every)
                chosen.append(Chosen(model, figures, decision, why, cases, answers))
            else:
                refused.append(Refusal(model.name, variant.name, decision, why))
    return tuple(chosen), tuple(refused)


def _require_cases(record: RunRecord, model: ModelRecord, variant: VariantRecord) -> None:
    """Refuse an answer that is better than the one which the variant's cases give.

    Raises:
        RecordError: It is.
    """
    order = list(ShipDecision)
    recorded = answer(record, model.name, variant)
    by_cases = answer(record, model.name, msgspec.structs.replace(variant, answer=None))
    if order.index(recorded) > order.index(by_cases):
        raise RecordError(
            f"the record is damaged: {model.name}/{variant.name} is called {recorded.value}, but "
            f"by its cases it is {by_cases.value}",
            remedy="Run the gate again",
        )


def _measured(
    model: ModelRecord, variant: VariantRecord, every: Sequence[VariantRecord]
) -> VariantRecord:
    """Return a variant with its figures from this machine or, without any, the first target."""
    first = next((each for each in every if model.clears(each)), variant)
    figures = {name: getattr(variant, name) or getattr(first, name) for name in MEASURES}
    return msgspec.structs.replace(variant, **figures)
