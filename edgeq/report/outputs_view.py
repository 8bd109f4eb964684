"""The view of a variant's outputs: how they differ from the baseline's, and where. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgeq.judge.tensors import problem_of
from edgeq.measure.tensors import Fit
from edgeq.record.measured import RecordedNetwork
from edgeq.report import words
from edgeq.report.axis import Axis, Tick, powers_of_ten
from edgeq.words import plural

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 446, 14, 150
_MIN_ERROR, _MAX_ERROR = 1e-4, 100.0
_LARGEST = 3


@dataclass(frozen=True)
class OutputRow:
    """One output.

    Attributes:
        place: Index among the compared outputs.
        error: Mean relative error.
        worst: Greatest relative error, and its image.
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
    """The outputs of a variant."""

    summary: str
    rows: tuple[OutputRow, ...]


def outputs_view(outputs: Sequence[Fit], *, trained: bool = True) -> OutputsView | None:
    """Return the view of outputs that were judged as tensors, None if none were.

    Of a model whose weights are not trained, only values that are not finite count as problems.
    """
    if not outputs:
        return None
    rows = tuple(_row(output, trained=trained) for output in outputs)
    wrong = sum(bool(row.problem) for row in rows)
    problems = f", {wrong:,} of them with a problem" if wrong else ""
    return OutputsView(
        summary=f"{plural(len(rows), 'output')} on {plural(outputs[0].images, 'image')}{problems}. "
        "The relative error is the difference from the baseline, divided by how much the baseline "
        "varies from image to image: 0 is the same, 1 is unrelated",
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
        worst=""
        if fit.worst_error is None
        else f"at most {_number(fit.worst_error)}, "
        f"{_called(fit.worst_error_image, fit.worst_error_name)}",
        cosine=_number(fit.worst_cosine),
        image=_called(fit.worst_cosine_image, fit.worst_cosine_name),
        steps=words.NONE if fit.steps is None else f"{fit.steps.whole:,.0f}",
        problem="" if problem is None else words.sentence(problem.reason),
    )


def _number(value: float | None) -> str:
    return words.NONE if value is None else words.number("number", value)


def _called(image: int | None, name: str) -> str:
    return name or ("" if image is None else f"image {image:,}")


@dataclass(frozen=True)
class Layer:
    """One layer in the picture: operator, index and name, and the relative error of its output."""

    x: float
    y: float
    name: str
    text: str


@dataclass(frozen=True)
class NetworkView:
    """The error along the network.

    The line has points for the layers, in the order of execution; ``steps`` are the layers at which
    the error grows most, the greatest growth first.
    """

    summary: str
    layers: tuple[Layer, ...]
    line: str
    ticks: tuple[Tick, ...]
    steps: tuple[Layer, ...]
    description: str


def network_view(network: RecordedNetwork | None) -> NetworkView | None:
    """Return the error along the network, None if it was not measured."""
    if network is None:
        return None
    errors, places = network.errors or (), network.places or ()
    names, kinds = network.names or (), network.operators or ()
    if not errors or not len(errors) == len(places) == len(names) == len(kinds):
        return None
    shown = [min(max(error, _MIN_ERROR), _MAX_ERROR) for error in errors]
    powers = powers_of_ten(min(shown), max(shown))
    up = Axis(powers[0], powers[-1], _BOTTOM, _TOP, log=True)
    along = Axis(0, max(1.0, *places), _LEFT, _RIGHT)
    layers = tuple(
        Layer(along.at(place), up.at(value), f"{kind} {place}, {name}", f"{error:.3g}")
        for place, value, error, kind, name in zip(places, shown, errors, kinds, names, strict=True)
    )
    growth = [b / a for a, b in pairwise(shown)]
    order = sorted(range(len(growth)), key=lambda place: -growth[place])[:_LARGEST]
    summary = (
        f"Relative error of the output of {len(layers)} layers, the mean over "
        f"{plural(network.images or 0, 'image')} on which the variant is worst: "
        f"{layers[0].text} after the first, {layers[-1].text} after the last"
    )
    return NetworkView(
        summary=summary,
        layers=layers,
        line=" ".join(f"{layer.x},{layer.y}" for layer in layers),
        ticks=tuple(Tick(up.at(power), f"{power:g}") for power in powers),
        steps=tuple(layers[place + 1] for place in order if growth[place] > 1),
        description=summary,
    )


def unmeasured(network: RecordedNetwork | None) -> str:
    """Return why there is no error along the network."""
    if network is not None and network.reason:
        return f"Could not be measured: {network.reason}"
    return "Measured only when the predictions of a variant fail"
