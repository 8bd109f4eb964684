"""The record that ``edgeq.validate`` returns: a report in a notebook, and data frames."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal

import msgspec

from edgeq.errors import MissingExtraError
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.report import html

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 720
"""Height of the report in a notebook, in CSS pixels."""

Table = Literal["cases", "variants", "flips"]


class Validation(RunRecord, frozen=True, kw_only=True):
    """A run's record with two ways to look at it."""

    @classmethod
    def of(cls, record: RunRecord) -> Validation:
        """Return a record with these ways."""
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        return cls(**fields)

    def _repr_html_(self) -> str:
        """Return the report for a notebook, in a frame of its own, which the page needs."""
        page = escape(html.render(self), quote=True)
        return (
            f'<iframe title="edgeq: the report of a run" sandbox="allow-scripts" '
            f'style="width:100%;height:{HEIGHT}px;border:0" srcdoc="{page}"></iframe>'
        )

    def frame(self, table: Table = "cases") -> pd.DataFrame:
        """Return a table as a data frame of pandas, one row each.

        Args:
            table: ``"cases"`` for verdicts; ``"variants"`` for variants and baselines with sizes in
                bytes, shares from 0 to 1 and times in seconds; ``"flips"`` for images that a
                variant assigns to another class than its baseline.

        Raises:
            MissingExtraError: pandas is not installed.
            ValueError: There is no such table.
        """
        rows = {"cases": _cases, "variants": _variants, "flips": _flips}
        if table not in rows:
            raise ValueError(f"no table {table!r}: choose from {', '.join(rows)}")
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("pandas", extra="frames", needed_for="a data frame") from error
        return pd.DataFrame(rows[table](self))


def _cases(record: RunRecord) -> list[dict[str, object]]:
    return [_case(case) for case in record.cases]


def _case(case: CaseRecord) -> dict[str, object]:
    low, high = case.interval or (None, None)
    names = ("model", "variant", "gate", "value", "limit", "unit", "reason", "cause", "next_step")
    fields = {name: getattr(case, name) for name in names}
    return {"status": case.status.value, **fields, "low": low, "high": high}


def _variants(record: RunRecord) -> list[dict[str, object]]:
    return [
        _variant(model, variant)
        for model in record.models
        for variant in (model.baseline, *model.variants)
    ]


def _variant(model: ModelRecord, variant: VariantRecord) -> dict[str, object]:
    agreement, accuracy, latency = variant.agreement, variant.accuracy, variant.latency
    return {
        "model": model.name,
        "variant": variant.name,
        "method": variant.method,
        "engine": variant.engine,
        "answer": None if variant.answer is None else variant.answer.value,
        "bytes": variant.bytes,
        "agreement": None if agreement is None else agreement.top1,
        "accuracy": None if accuracy is None else accuracy.variant_top1.value,
        "accuracy_drop": None if accuracy is None else accuracy.drop,
        "median_s": None if latency is None else latency.variant.median_s,
        "latency_ratio": None if latency is None else latency.ratio,
        "peak_memory": None if variant.memory is None else variant.memory.peak,
    }


def _flips(record: RunRecord) -> list[dict[str, object]]:
    skipped = {"baseline_best", "variant_best"}
    return [
        {
            "model": model.name,
            "variant": variant.name,
            **{key: value for key, value in _plain(flip).items() if key not in skipped},
        }
        for model in record.models
        for variant in model.variants
        if variant.agreement is not None
        for flip in variant.agreement.flips
    ]


def _plain(struct: msgspec.Struct) -> dict[str, object]:
    return msgspec.structs.asdict(struct)
