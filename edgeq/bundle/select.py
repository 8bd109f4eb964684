"""Which variants may go into a package, and why the others may not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edgeq.answer import objections
from edgeq.record import CaseRecord, ModelRecord, RunRecord, VariantRecord


@dataclass(frozen=True)
class Refusal:
    """A variant that is not packed.

    Attributes:
        model: The model's name.
        variant: The variant's name.
        reasons: One sentence each, at least one.
    """

    model: str
    variant: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model}/{self.variant}: {'; '.join(self.reasons)}"


@dataclass(frozen=True)
class Chosen:
    """A variant that passed, with its model and verdicts."""

    model: ModelRecord
    variant: VariantRecord
    cases: tuple[CaseRecord, ...]

    @property
    def key(self) -> str:
        """``model/variant``."""
        return f"{self.model.name}/{self.variant.name}"


def select(record: RunRecord) -> tuple[tuple[Chosen, ...], tuple[Refusal, ...]]:
    """Split a record's variants into those that may be packed and those that may not."""
    chosen: list[Chosen] = []
    refused: list[Refusal] = []
    for model in record.models:
        for variant in model.variants:
            cases = record.verdicts(model.name, variant.name)
            reasons = objections(record, model.name, variant)
            if reasons:
                refused.append(Refusal(model.name, variant.name, reasons))
            else:
                chosen.append(Chosen(model, variant, cases))
    return tuple(chosen), tuple(refused)
