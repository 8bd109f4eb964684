"""The repair: goals, the search for candidates, and the gate's verdicts on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edgeq import __version__
from edgeq.config.load import spec_sha256
from edgeq.config.methods import FLOAT32
from edgeq.config.structs import Spec
from edgeq.errors import ImageError
from edgeq.history.past import moment_text
from edgeq.measure.clusters import effective, find_clusters
from edgeq.pipeline.needs import table_of
from edgeq.pipeline.run import Run
from edgeq.pipeline.schedule import Say
from edgeq.record.repair import Repair, TriedRecord, UnitRecord, best_of
from edgeq.repair.bench import Bench
from edgeq.repair.choosing import MAX_CANDIDATES, Candidate, is_additive
from edgeq.repair.clock import Clock, Stages
from edgeq.repair.goals import corrected, provable_with
from edgeq.repair.request import FLOAT_OUTPUTS, Request, model_of, of_variant, precision_of
from edgeq.repair.searching import Figures, Search
from edgeq.repair.table import ErrorTable, Mix
from edgeq.repair.training import trained_file
from edgeq.repair.trying import (
    ERROR,
    RATIO,
    Conditions,
    Verdicts,
    judge_candidate,
    judge_trained,
    value_of,
)
from edgeq.samples.sets import ImageSet
from edgeq.store.content import Store


def repair(
    spec: Spec, request: Request, *, store: Store | None = None, say: Say = lambda _: None
) -> Repair:
    """Find the smallest or fastest mix of precisions that passes the gate and reaches the goals.

    Units are measured on calibration samples only. The gate then judges at most
    ``MAX_CANDIDATES`` candidates on the evaluation set, the cheapest first. Their intervals are
    corrected for the number of candidates that might be tried.

    Raises:
        SpecError: A name is unknown, the evaluation set can't prove a goal, or no mix reaches it.
        ImageError: There is no calibration or evaluation set.
        ModelError: The model has one unit, or its layers can't be grouped.
        EdgeqError: The model or the images can't be used.
    """
    started, clock, stages = datetime.now(UTC), Clock(request.budget_s), Stages()
    model = model_of(spec, request.model)
    request = of_variant(request, spec, model)
    precision_of(request.method)
    run = Run(spec, store=store or Store(spec.path(spec.store)), say=say)
    with stages.timing("baseline and calibration set"):
        bench = Bench(run, model)
        evaluation = _evaluation_set(run, model)
    with stages.timing("goals on the evaluation set"):
        conditions, figures = _conditions(
            Conditions(spec, model, run.store, say, {}, spec.confidence), request, evaluation
        )
    search = Search(bench, request, figures, clock, stages)
    search.candidates  # noqa: B018 - so that its stages are not timed as that of the candidates
    with stages.timing("candidates"):
        attempts = list(_attempts(search, conditions))
    if spec.repairing.train is not None and not attempts[-1].record.passed:
        with stages.timing("training"):
            attempts.append(_trained(search, conditions, spec.repairing.train, attempts[-1]))
    tried = tuple(attempt.record for attempt in attempts)
    best = next(attempt for attempt in attempts if attempt.record is best_of(tried))
    return Repair(
        edgeq=__version__,
        started=moment_text(started),
        duration_s=round(clock.passed_s, 2),
        stages=stages.seconds,
        spec_sha256=spec_sha256(spec),
        model=model,
        aim=request.aim,
        goals=tuple(goal.text for goal in request.goals),
        limits=dict(conditions.limits),
        samples=search.table.images,
        evaluation=len(evaluation.photos),
        float_bytes=bench.baseline.path.stat().st_size,
        confidence=conditions.confidence,
        additive=is_additive(search.mixes),
        mixes=search.mixes,
        units=unit_records(search.table, best.candidate.mix),
        curve=search.choice.curve,
        tried=tried,
        helped=(*search.helped, *_float_outputs(attempts)),
        left_out=tuple(sorted(bench.left_out)),
    )


def _evaluation_set(run: Run, model: str) -> ImageSet:
    """Return the evaluation set."""
    evaluation = run.inputs(model).images.evaluation
    if evaluation is None:
        raise ImageError(
            "there is no evaluation set to judge candidates on",
            where=run.spec.origin,
            remedy=f"Set `evaluation` in {table_of(run.spec, model)}",
        )
    return evaluation


def _conditions(
    plain: Conditions, request: Request, evaluation: ImageSet
) -> tuple[Conditions, Figures]:
    """Return the conditions with limits of goals and the corrected confidence, and the figures."""
    limits = {
        goal.gate.name: goal.limit(
            None if goal.reference is None else value_of(plain, goal, goal.reference)
        )
        for goal in request.goals
    }
    independent = int(effective(len(evaluation.photos), find_clusters(evaluation.groups())))
    confidence = plain.confidence
    most = provable_with(
        [(goal.gate, limits[goal.gate.name]) for goal in request.goals],
        independent,
        confidence,
        MAX_CANDIDATES,
    )
    confidence = corrected(confidence, most)
    figures = Figures(limits, independent, confidence, most)
    return replace(plain, limits=limits, confidence=confidence), figures


@dataclass(frozen=True)
class _Attempt:
    """A candidate that was judged."""

    candidate: Candidate
    record: TriedRecord
    loses_columns: bool = False
    float_outputs: bool = False


def _attempts(search: Search, conditions: Conditions) -> Iterator[_Attempt]:
    """Judge candidates, the cheapest first.

    The last is the first that passes, or that for which there was still time. If columns of an
    output are lost, the candidate is judged again with float outputs, and so are all that follow.
    It then does not count as tried: whether columns are lost does not depend on any interval.
    """
    float_outputs, count = False, len(search.candidates)
    for number, candidate in enumerate(search.candidates, 1):
        if number > 1 and search.clock.is_over:
            return
        conditions.say(f"{conditions.model}: judging candidate {number} of {count}")
        attempt = _judged(search, conditions, candidate, float_outputs=float_outputs)
        yield attempt
        if attempt.loses_columns and not float_outputs:
            float_outputs = True
            conditions.say(f"{conditions.model}: judging candidate {number} with float outputs")
            attempt = _judged(search, conditions, candidate, float_outputs=True)
            yield attempt
        if attempt.record.passed:
            return


def _float_outputs(attempts: Sequence[_Attempt]) -> Iterator[str]:
    """Yield the reason why outputs were made float, if they were."""
    for number, attempt in enumerate(attempts, 1):
        if attempt.float_outputs:
            yield (
                f"From candidate {number} on the outputs are float32: columns are lost if one "
                "integer scale serves them all"
            )
            return


def _judged(
    search: Search, conditions: Conditions, candidate: Candidate, *, float_outputs: bool
) -> _Attempt:
    """Judge one candidate."""
    method = search.request.method or candidate.method
    if float_outputs:
        candidate = search.with_float_outputs(candidate)
        method = FLOAT_OUTPUTS.get(method, method)
    verdicts = judge_candidate(conditions, method, candidate.units, candidate.percentile)
    predicted = search.predicted(candidate)
    record = candidate_record(candidate, method, verdicts, predicted=predicted)
    return _Attempt(candidate, record, verdicts.loses_columns, float_outputs)


def _trained(search: Search, conditions: Conditions, function: str, last: _Attempt) -> _Attempt:
    """Train the last mix that was judged with the user's function, and judge it again."""
    spec, candidate, method = conditions.spec, last.candidate, last.record.method
    folder = spec.path(spec.reports) / "latest"
    conditions.say(f"{conditions.model}: training by {function}")
    path = trained_file(search.bench, method, dict(candidate.units), function, folder)
    verdicts = judge_trained(conditions, path, None if candidate.units else method)
    record = candidate_record(candidate, method, verdicts, predicted=None, file=str(path))
    return _Attempt(candidate, record)


def candidate_record(
    candidate: Candidate,
    method: str,
    verdicts: Verdicts,
    *,
    predicted: float | None,
    file: str | None = None,
) -> TriedRecord:
    """Return the record of a candidate that was judged."""
    error, ratio = verdicts.of(ERROR), verdicts.of(RATIO)
    return TriedRecord(
        method=method,
        units=dict(candidate.units),
        percentile=candidate.percentile,
        file=file,
        predicted_bytes=candidate.bytes,
        predicted_error=predicted,
        bytes=verdicts.bytes,
        error=None if error is None else error.value,
        error_interval=None if error is None else error.interval,
        latency_ratio=None if ratio is None else ratio.value,
        passed=not verdicts.lacks,
        lacks=verdicts.lacks,
    )


def unit_records(table: ErrorTable, mix: Mix) -> tuple[UnitRecord, ...]:
    """Return the records of a table's units; those that a mix does not name are in float32."""
    return tuple(
        UnitRecord(
            name=row.name,
            weight_bytes=row.weight_bytes,
            errors={name: table.share(row.name, name) for name in row.cells},
            saved={name: -cell.bytes for name, cell in row.cells.items()},
            seconds={str(name): seconds for name, seconds in row.seconds.items()},
            chosen=mix.get(row.name, FLOAT32),
        )
        for row in table.rows
    )
