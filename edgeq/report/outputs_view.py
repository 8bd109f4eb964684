"""A variant's outputs beside the baseline's, output by output. Pure."""

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
        place: Among the outputs that were compared.
        name: The baseline's.
        shape: Of one image's values.
        error: Mean relative error.
        interval: Its interval.
        worst: Greatest relative error, and its image.
        cosine: Lowest cosine.
        image: Where the lowest cosine is.
        steps: How many steps of its scale it uses.
        problem: What is wrong with it, empty if nothing is.
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
        summary: One sentence without a full stop.
        rows: In their order.
    """

    summary: str
    rows: tuple[OutputRow, ...]


def outputs_view(outputs: Sequence[Fit], *, trained: bool = True) -> OutputsView | None:
    """Return the view of outputs that were judged as tensors, None if none were.

    Args:
        outputs: How each fits the baseline's.
        trained: Whether the weights are trained ones; else only values that are not finite count.
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
