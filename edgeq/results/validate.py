"""``edgeq.validate``, which judges a spec, for notebooks and scripts.

It returns the record: a report in a notebook, and data frames.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from edgeq.config.load import find_spec_file, load_spec, parse
from edgeq.config.structs import Spec
from edgeq.errors import MissingExtraError, SpecError
from edgeq.history.accepted import FOLDER as ACCEPTED
from edgeq.history.commit import checked_out
from edgeq.history.compare import hold
from edgeq.history.past import moment_text
from edgeq.pipeline.carrying import said_once
from edgeq.pipeline.run import Run
from edgeq.record.measured import NamedFlip
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord, VariantRecord
from edgeq.report import html, sentences, terminal
from edgeq.results.judging import Beforehand, judge, unjudged, why_inapplicable, without_baseline
from edgeq.results.prefetch import prefetch
from edgeq.results.recording import describe_models, record_run
from edgeq.results.redact import discreet

if TYPE_CHECKING:
    import pandas as pd


HEIGHT = 720
"""Height of the report in a notebook, in CSS pixels."""

TABLE = "spec"
"""What messages call a spec that is given as a table."""

Table = Literal["cases", "variants", "flips"]


def validate(
    spec: str | Path | Mapping[str, object] | Spec = ".",
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Validation:
    """Judge every case of a spec and return its record, compared with the accepted records.

    The verdicts are those of ``edgeq gate``, without pytest. Only the store is written: no report,
    and nothing that a later run is compared with.

    Args:
        spec: A spec's file; a folder from which to search upwards for one; or a spec as a table
            with the contents of an ``edgeq.toml``, with paths relative to the current folder.
        progress: Called with one line of progress at a time.

    Returns:
        The record: ``record.summary.may_ship``, ``record.cases``, ``record.models``. Bad input that
        stops a model or a variant is in ``record.errors``; the rest is judged. A notebook shows it
        as the report, and ``record.frame()`` is a data frame of its cases.

    Raises:
        SpecError: The spec can't be read or is not valid.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    read = _spec(spec)
    run = Run(read, say=progress)
    verdicts, errors = _judged(run)
    record = record_run(
        run,
        tuple(verdicts),
        describe_models(run),
        started=moment_text(started),
        duration_s=round(time.monotonic() - clock, 3),
        errors=tuple(errors),
    )
    record = msgspec.structs.replace(record, commit=checked_out(read.root))
    compared = hold(record, read.path(read.reports) / ACCEPTED)
    return Validation.of(discreet(answered(compared), read.root, os.environ))


def _judged(run: Run) -> tuple[list[CaseRecord], dict[str, None]]:
    """Return the verdict of every applicable case, and bad input, each sentence once."""
    stopped = Beforehand(run.spec).stopped(run.cases)
    prefetch(run, [case for case in run.cases if case.variant.name not in stopped])
    stopped = {**without_baseline(run, run.cases), **stopped}
    errors = dict.fromkeys(str(error) for error in stopped.values())
    verdicts, carriers = [], dict[tuple[str, str], str]()
    for case in run.cases:
        reason = stopped.get(case.variant.name)
        if reason is not None:
            verdicts.append(unjudged(case, reason, run.spec))
        elif why_inapplicable(case) is None:
            verdict, error = judge(case)
            verdicts.append(said_once(verdict, error, carriers))
            errors |= {} if error is None else {str(error): None}
    for model in run.spec.models:
        own = [case.variant.name for case in run.cases if case.variant.model == model]
        if own and all(key in stopped for key in own):
            run.inputs(model).refuse(stopped[own[0]])  # describing the model must make nothing
    return verdicts, errors


def _spec(given: str | Path | Mapping[str, object] | Spec) -> Spec:
    """Return the spec that a caller names or gives.

    Raises:
        SpecError: There is no such spec, or it is not valid.
    """
    if isinstance(given, Spec):
        return given
    if isinstance(given, Mapping):
        return parse(dict(given), root=Path.cwd(), origin=Path(TABLE))
    path = Path(given)
    file = find_spec_file(path) if path.is_dir() else path
    if file is None:
        raise SpecError(
            "holds no edgeq.toml, nor does a folder above it",
            where=path,
            remedy="Name a spec's file, or write one with `edgeq init`",
        )
    return load_spec(path, file=file)


class Validation(RunRecord, frozen=True, kw_only=True):
    """A run's record with three ways to look at it."""

    @classmethod
    def of(cls, record: RunRecord) -> Validation:
        """Return a record with these ways."""
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        return cls(**fields)

    def __repr__(self) -> str:
        """Return the table of verdicts and the answer, as on a terminal."""
        bad_input = (f"{sentence}." for sentence in sentences.bad_input(self))
        return "\n".join((*bad_input, terminal.render(self)))

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
        # Without a flip there is no row that would name the columns.
        return pd.DataFrame(rows[table](self), columns=_FLIP if table == "flips" else None)


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


_FLIP = [
    "model",
    "variant",
    *(
        field.name
        for field in msgspec.structs.fields(NamedFlip)
        if field.name not in {"baseline_best", "variant_best"}
    ),
]
"""Columns of the table of flips."""


def _flips(record: RunRecord) -> list[dict[str, object]]:
    return [
        {"model": model.name, "variant": variant.name, **msgspec.structs.asdict(flip)}
        for model in record.models
        for variant in model.variants
        if variant.agreement is not None
        for flip in variant.agreement.flips
    ]
