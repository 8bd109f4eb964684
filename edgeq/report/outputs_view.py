"""The view of a variant's outputs compared with the baseline's. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgeq.judge.tensors import problem_of
from edgeq.measure.tensors import Fit
from edgeq.report import words
from edgeq.words import plural


@dataclass(frozen=True)
class OutputRow:
    """One output.

    Attributes:
        place: Index among the compared outputs.
        name: Name of the output in the baseline.
        shape: Shape of the output for one image.
        error: Mean relative error.
        interval: Confidence interval of the mean relative error.
        worst: Greatest relative error, and its image.
        cosine: Lowest cosine.
        image: Image with the lowest cosine.
        steps: Number of steps of its scale that the output uses.
        problem: What is wrong with the output; empty if nothing is.
    """

    place: int
    name: str
    shape: str
    error: str
    interval: str
    worst: str
    cosine: str
    image: str
    steps: str
    problem: str


@dataclass(frozen=True)
class OutputsView:
    """The outputs of a variant.

    Attributes:
        summary: Summary without a full stop.
        rows: The outputs, in the model's order.
    """

    summary: str
    rows: tuple[OutputRow, ...]


def outputs_view(outputs: Sequence[Fit], *, trained: bool = True) -> OutputsView | None:
    """Return the view of outputs that were judged as tensors, None if none were.

    Args:
        outputs: How closely each output matches the baseline's.
        trained: Whether the weights are trained; if not, only values that are not finite count as
            problems.
    """
    if not outputs:
        return None
    rows = tuple(_row(output, trained=trained) for output in outputs)
    wrong = sum(bool(row.problem) for row in rows)
    problems = f", {wrong:,} of them with a problem" if wrong else ""
    return OutputsView(
        summary=f"{plural(len(rows), 'output')} on "
        f"{plural(outputs[0].images, 'image')}{problems}. The error is the difference by what "
        "the baseline varies by from image to image: 0 is the same, 1 says nothing about the image",
        rows=rows,
    )


def _row(fit: Fit, *, trained: bool) -> OutputRow:
    problem = problem_of([fit], trained=trained)
    ends = fit.error_interval
    return OutputRow(
        place=fit.output,
        name=fit.name,
        shape=" x ".join(f"{side:,}" for side in fit.shape) or "one number",  # of one image
        error=_number(fit.error),
        interval="" if ends is None else f"{_number(ends[0])} to {_number(ends[1])}",
        worst=_of_image(fit.worst_error, fit.worst_error_image),
        cosine=_number(fit.worst_cosine),
        image="" if fit.worst_cosine_image is None else f"image {fit.worst_cosine_image:,}",
        steps=words.NONE if fit.steps is None else f"{fit.steps.whole:,.0f}",
        problem="" if problem is None else problem.reason[0].upper() + problem.reason[1:],
    )


def _number(value: float | None) -> str:
    return words.NONE if value is None else words.number("number", value)


def _of_image(value: float | None, image: int | None) -> str:
    return (
        ""
        if value is None or image is None
        else f"at most {words.number('number', value)}, image {image:,}"
    )
