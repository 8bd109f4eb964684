"""Verdicts on outputs that are judged as tensors, whatever they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from edgeq import words
from edgeq.judge import advice, control, sampled
from edgeq.judge.advice import another_method
from edgeq.judge.control import Reference, Tightened
from edgeq.judge.missing import missing
from edgeq.judge.running import copy_of_baseline, unsteady
from edgeq.judge.sampled import Lowest, another_look, called
from edgeq.judge.verdict import Judgement, Verdict, decide, failed
from edgeq.measure.agreement import Agreement
from edgeq.measure.clusters import Clusters
from edgeq.measure.repeats import Repeats
from edgeq.measure.statistics import FARTHEST, Interval
from edgeq.measure.tensors import Fit
from edgeq.words import names, plural, share

UNBOUNDED_METHOD = (
    f"Gaffke's bounds, unless another image lies more than {FARTHEST:.0f} times as far as the "
    "farthest of these"
)
"""How the interval of a mean error is computed, and what its high end assumes."""

MAX_DEAD = 0.05
"""Maximum share of the baseline's variance in values that are constant in the variant."""

COST = "beside_finer"
"""Key of the evidence for the cost of a single scale per layer."""

NOT_FINITE = "not_finite"
ONE_SCALE = "one_scale"
ORDER = "output_order"
DEAD = "dead_output"
LOST = "lost_columns"

NEXT_STEPS = {
    ORDER: "Export the variant with the outputs in the baseline's order, or read them by name",
    ONE_SCALE: "Give them outputs of their own, or bring all values to one range (boxes from 0 to "
    "1) before they are joined",
    DEAD: "Look at the layers before this output: their weights or scales are lost",
    LOST: "Look at the layers that lead to these columns, and at the order of the columns",
}
"""What to do about a problem of an output, by its name."""


@dataclass(frozen=True)
class OutputProblem:
    """What is wrong with an output of a variant."""

    name: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class OutputError:
    """How far one output lies from the baseline's.

    The mean is None if there is nothing to compare with, the interval for a single image.
    """

    label: str
    mean: float | None
    interval: Interval | None
    images: int
    confidence: float
    clusters: Clusters | None = None


def of_logits(agreement: Agreement) -> OutputError:
    """Return the error of class scores, which is that of their logits."""
    return OutputError(
        "logits",
        agreement.error,
        agreement.error_interval,
        agreement.images,
        agreement.confidence,
        agreement.clusters,
    )


def of_output(fit: Fit) -> OutputError:
    """Return the error of an output."""
    return OutputError(
        label(fit),
        fit.error,
        fit.error_interval,
        fit.images,
        fit.confidence,
        fit.clusters,
    )


def label(fit: Fit) -> str:
    """Return the name of an output in a sentence, for example ``"output 1 ('scores')"``."""
    return label_of(fit.output, fit.name)


def label_of(place: int, name: str) -> str:
    """Return the name in a sentence of the output with an index and a tensor name."""
    return f"output {place} ({name!r})"


def relative_error(
    errors: Sequence[OutputError],
    limit: float,
    *,
    method: str | None = None,
    reference: Reference | None = None,
) -> Judgement:
    """Judge the mean relative error of the worst output: by verdict, then relative to the limit."""
    judged = [_Judged.of(error, limit, reference) for error in errors if error.mean is not None]
    if not judged:
        return _nothing_to_compare()
    return max(judged, key=lambda candidate: candidate.rank).judgement(
        {error.label: error.mean for error in errors}, _another_method, method
    )


def with_cost(judgement: Judgement, cost: Mapping[str, object]) -> Judgement:
    """Return a judgement with the cost of unnecessarily coarse scales in its evidence."""
    if not cost:
        return judgement
    return msgspec.structs.replace(judgement, evidence={**judgement.evidence, COST: dict(cost)})


def drift(
    agreement: Agreement,
    limit: float,
    *,
    method: str | None = None,
    reference: Reference | None = None,
) -> Judgement:
    """Judge how far the probabilities moved, by their mean total variation distance."""
    if agreement.drift is None:
        return _nothing_to_compare()
    error = OutputError(
        "probabilities",
        agreement.drift,
        agreement.drift_interval,
        agreement.images,
        agreement.confidence,
        agreement.clusters,
    )
    tightened = control.of_drift(reference, limit)
    judged = _Judged(error, limit, tightened, "total variation distance")
    evidence: dict[str, object] = {"confidence_drift": agreement.confidence_drift}
    judgement = judged.judgement({}, lambda name, _: advice.another_method(name), method)
    return msgspec.structs.replace(judgement, evidence={**judgement.evidence, **evidence})


@dataclass(frozen=True)
class _Judged:
    """A mean over the images, with its verdict."""

    error: OutputError
    ceiling: float
    tightened: Tightened
    what: str = "relative error"

    @classmethod
    def of(cls, error: OutputError, limit: float, reference: Reference | None) -> _Judged:
        """Return the verdict on the error of an output."""
        return cls(error, limit, control.of_error(reference, error.label, limit))

    @property
    def value(self) -> float:
        """The mean."""
        return self.error.mean or 0.0

    @property
    def status(self) -> Verdict:
        """The verdict."""
        if self.error.interval is None:
            return Verdict.INCONCLUSIVE
        return self.tightened.with_status(
            decide(self.value, self.error.interval, self.ceiling, "max")
        )

    @property
    def rank(self) -> tuple[int, float]:
        """Sort key by which the worst mean is the greatest."""
        return control.severity(self.status), self.value / max(self.tightened.limit, 1e-12)

    def judgement(
        self,
        means: dict[str, float | None],
        another: Callable[[str | None, str], str],
        method: str | None,
    ) -> Judgement:
        """Return the judgement of the mean."""
        error, status, limit = self.error, self.status, self.tightened.limit
        text = words.against("number", self.value, limit, "max", error.interval)
        of = sampled.sample(error.images, error.clusters)
        reason = self.tightened.said(f"{self.what} of {error.label} on {of}: {text}")
        if status is Verdict.FAIL and self.tightened.facts.get("reference") == "itself":
            reason = f"{method} collapses on this model: {reason}"
        step = None
        if status is Verdict.INCONCLUSIVE:
            which = "a single one" if error.interval is None else "these"
            step = f"Evaluate more images: {which} can't settle how far the outputs lie apart"
        elif status is Verdict.FAIL:
            by_control = self.tightened.status is Verdict.FAIL
            step = self.tightened.advice if by_control else another(method, error.label)
        return Judgement(
            status=status,
            reason=reason,
            value=self.value,
            limit=limit,
            interval=error.interval,
            next_step=step,
            evidence={
                "images": error.images,
                "confidence": error.confidence,
                "interval_method": UNBOUNDED_METHOD,
                **({"outputs": means} if means else {}),
                "ceiling": self.ceiling,
                "control": self.tightened.facts,
                "resolution": sampled.counted(
                    error.clusters,
                    sampled.of_interval(error.images, "image", "number", error.interval),
                ),
            },
        )


def _nothing_to_compare() -> Judgement:
    return missing(
        "no output can be compared: no image is finite in both, or the baseline is zero",
        next_step="See `outputs`; if it passes, check the baseline and its preprocessing",
    )


def worst_cosine(
    fits: Sequence[Fit], limit: float, *, method: str | None = None, names: Sequence[str] = ()
) -> Judgement:
    """Judge the lowest cosine of an output, apart from those that may lie below by chance."""
    measured = [fit for fit in fits if fit.worst_cosine is not None]
    if not measured:
        return _nothing_to_compare()
    worst = min(measured, key=lambda fit: fit.lowest_cosines[-1])
    low = Lowest(worst.lowest_cosines, worst.images, limit, worst.confidence, worst.clusters)
    image = called(worst.worst_cosine_image, names)
    advice = _another_method(method, label(worst))
    return Judgement(
        status=low.verdict,
        reason=low.reason(
            f"cosine of {label(worst)}",
            image,
            f", mean {words.value('number', worst.cosine or 0.0)}",
        ),
        value=low.value,
        limit=limit,
        next_step=another_look(low, image, advice),
        evidence={
            "images": worst.images,
            "outputs": {label(fit): fit.worst_cosine for fit in fits},
            **low.evidence(),
        },
    )


def _another_method(method: str | None, output: str) -> str:
    """Return what to try instead of a method; for a variant that claims none, what to check."""
    if method is None:
        return f"Check the variant's preprocessing, and the layers that lead to {output}"
    return another_method(method)


def outputs(
    fits: Sequence[Fit],
    repeats: Repeats,
    problem: OutputProblem | None,
    *,
    copied: bool,
    trained: bool,
) -> Judgement:
    """Prove that every output is finite, repeatable, differs between images, and is in its place.

    ``copied`` as for ``proofs.outputs``.
    """
    refusal = None if problem is None else (problem.reason, problem.next_step)
    refusal = refusal or unsteady(repeats)
    refusal = refusal or (copy_of_baseline(fits[0].images) if copied else None)
    return Judgement(
        status=Verdict.PASS if refusal is None else Verdict.FAIL,
        reason=_seen(fits, trained=trained) if refusal is None else refusal[0],
        next_step=None if refusal is None else refusal[1],
        evidence={
            "images": fits[0].images,
            "asked_again": msgspec.to_builtins(repeats),
            "outputs": [outline(fit) for fit in fits],
        },
    )


def _seen(fits: Sequence[Fit], *, trained: bool) -> str:
    """Return a summary of outputs without problems."""
    sentence = f"{plural(len(fits), 'output')} finite on {plural(fits[0].images, 'image')}"
    if not trained:
        return f"{sentence}; random weights, so nothing more is judged"
    constant = sum(fit.constant for fit in fits)
    if constant:
        sentence += f", {constant:,} the same for all, as the baseline's"
    elif fits[0].images > 1:
        sentence += ", none the same for all"
    steps = [fit.steps.whole for fit in fits if fit.steps is not None]
    return sentence + (f", at least {min(steps):,.0f} steps of their scale" if steps else "")


def with_outputs(
    judgement: Judgement, fits: Sequence[Fit], problem: OutputProblem | None
) -> Judgement:
    """Return the proof of a model's class scores, extended to all its outputs."""
    facts = {**judgement.evidence, "outputs": [outline(fit) for fit in fits]}
    if problem is None:
        reason = f"{judgement.reason}; {plural(len(fits), 'output')} compared"
        return msgspec.structs.replace(judgement, reason=reason, evidence=facts)
    return failed(problem.reason, problem.next_step, facts)


def with_names(judgement: Judgement, ours: Sequence[str], theirs: Sequence[str]) -> Judgement:
    """Return the proof of the outputs, failed if names lead apps to other outputs than before."""
    known = len(set(ours)) == len(ours) and set(ours) == set(theirs) and "" not in ours
    apart = [at for at, name in enumerate(ours) if known and theirs[at] != name]
    if judgement.status is Verdict.FAIL or not apart:
        return judgement
    at = apart[0]
    return msgspec.structs.replace(
        judgement,
        status=Verdict.FAIL,
        reason=f"its signature calls output {at} {theirs[at]!r}, the baseline's calls it "
        f"{ours[at]!r}: apps that read outputs by name get another one",
        next_step="Give the outputs of the variant's signature the baseline's names",
    )


def outline(fit: Fit) -> dict[str, object]:
    """Return the facts about one output for the evidence."""
    return {
        "name": fit.name,
        "shape": list(fit.shape),
        "nonfinite_images": fit.nonfinite_images,
        "constant": fit.constant,
        "dead_share": fit.dead_share,
        "lost": list(fit.lost),
        "lost_axis": fit.lost_axis,
        "steps": None if fit.steps is None else msgspec.to_builtins(fit.steps),
    }


def problem_of(fits: Sequence[Fit], *, trained: bool) -> OutputProblem | None:
    """Return the first problem of any output; None if there is none.

    Of a model with random weights, only values that are not finite count.
    """
    problems = [_not_finite(fit) for fit in fits]
    if trained:
        problems += [_misplaced(fits), *(_wrong(fit) for fit in fits)]
        problems += [_unlike_columns(fit) for fit in fits]
    return next((problem for problem in problems if problem is not None), None)


def _misplaced(fits: Sequence[Fit]) -> OutputProblem | None:
    others = [fit for fit in fits if fit.is_output is not None]
    if not others:
        return None
    places = ", ".join(
        f"output {other.output} is the baseline's output {other.is_output}" for other in others
    )
    return OutputProblem(
        ORDER,
        f"the outputs come in another order: {places}",
        NEXT_STEPS[ORDER],
    )


def _not_finite(fit: Fit) -> OutputProblem | None:
    if not fit.nonfinite_images:
        return None
    images = plural(fit.images, "image")
    too = fit.baseline_nonfinite_images
    beside = f", the baseline's on {too:,}" if too else ""
    return OutputProblem(
        NOT_FINITE,
        f"{label(fit)} holds NaN or infinity on {fit.nonfinite_images:,} of {images}{beside}",
        "Check the baseline's weights and preprocessing: its own outputs must be finite"
        if too
        else "Check the ranges that calibration found; float16 overflows above 65504",
    )


def _wrong(fit: Fit) -> OutputProblem | None:
    images = plural(fit.images, "image")
    if fit.constant and not fit.baseline_constant:
        return OutputProblem(
            DEAD,
            f"{label(fit)} is the same for every image ({images}), the baseline's is not",
            NEXT_STEPS[DEAD],
        )
    if fit.dead_share > MAX_DEAD:
        return OutputProblem(
            DEAD,
            f"{label(fit)} is partly dead: values that carry {share(fit.dead_share)} of what "
            f"the baseline's varies by are the same for every image ({images})",
            NEXT_STEPS[DEAD],
        )
    return _lost_columns(fit)


def _unlike_columns(fit: Fit) -> OutputProblem | None:
    if not fit.lost:
        return None
    columns = names([str(column) for column in fit.lost])
    follow = "does" if len(fit.lost) == 1 else "do"
    return OutputProblem(
        LOST,
        f"{label(fit)}: {plural(len(fit.lost), 'column')} ({columns}) of axis "
        f"{fit.lost_axis} {follow} not go with the baseline's "
        f"({plural(fit.images, 'image')})",
        NEXT_STEPS[LOST],
    )


def _lost_columns(fit: Fit) -> OutputProblem | None:
    steps = fit.steps
    if steps is None or not steps.lost:
        return None
    columns = names([str(column) for column in steps.lost])
    vary = "varies" if len(steps.lost) == 1 else "vary"
    return OutputProblem(
        ONE_SCALE,
        f"one scale for values of unlike range: {label(fit)} has steps of {steps.step:.3g}, and "
        f"{plural(len(steps.lost), 'column')} ({columns}) {vary} by {steps.widest_lost:.3g} at "
        f"most, others by {steps.widest:.3g}",
        NEXT_STEPS[ONE_SCALE],
    )


def mismatch(
    baseline: Sequence[tuple[str, tuple[int, ...]]], variant: Sequence[tuple[str, tuple[int, ...]]]
) -> str | None:
    """Return why a variant's outputs can't be compared with the baseline's; None if they can.

    Each output is a name and a shape.
    """
    if len(baseline) != len(variant):
        return f"has {plural(len(variant), 'output')}, the baseline {len(baseline)}"
    wrong = [at for at, (a, b) in enumerate(zip(baseline, variant, strict=True)) if a[1] != b[1]]
    if not wrong:
        return None
    at = wrong[0]
    shape = list(variant[at][1])
    same = [place for place, output in enumerate(baseline) if output[1] == variant[at][1]]
    order = (
        f"; that is the shape of the baseline's output {same[0]}: they come in another order"
        if sorted(output[1] for output in baseline) == sorted(output[1] for output in variant)
        else ""
    )
    return (
        f"output {at} ({variant[at][0]!r}) has the shape {shape}, the baseline's "
        f"{list(baseline[at][1])}{order}"
    )
