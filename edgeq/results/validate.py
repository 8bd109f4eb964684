"""``edgeq.validate``, which judges a spec and returns its record, for notebooks and scripts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edgeq.config.load import OWN_FILE, find_spec_file, load_spec, parse
from edgeq.config.structs import Spec
from edgeq.errors import SpecError
from edgeq.history.accepted import FOLDER as ACCEPTED
from edgeq.history.commit import checked_out
from edgeq.history.compare_accepted import hold
from edgeq.history.past import moment_text
from edgeq.pipeline.carrying import said_once
from edgeq.pipeline.run import Run
from edgeq.record.ship_decision import answered
from edgeq.record.structs import CaseRecord
from edgeq.results.beforehand import Beforehand, unjudged, without_baseline
from edgeq.results.judging import judge, why_inapplicable
from edgeq.results.prefetch import prefetch
from edgeq.results.recording import describe_models, record_run
from edgeq.results.redact import discreet
from edgeq.results.validation import Validation


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
        return parse(dict(given), root=Path.cwd(), origin=Path.cwd() / OWN_FILE)
    path = Path(given)
    file = find_spec_file(path) if path.is_dir() else path
    if file is None:
        raise SpecError(
            "holds no edgeq.toml, nor does a folder above it",
            where=path,
            remedy="Name a spec's file, or write one with `edgeq init`",
        )
    return load_spec(path, file=file)
