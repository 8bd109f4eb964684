"""The view of the error along the network, from the first layer to the last. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from edgeq.record.measured import RecordedNetwork
from edgeq.report.axis import Axis, Tick, powers_of_ten
from edgeq.words import plural

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 446, 14, 150
_LEAST, _MOST = 1e-4, 100.0
_LARGEST = 3


@dataclass(frozen=True)
class Layer:
    """One layer in the picture.

    Attributes:
        x, y: Position in the picture's units.
        name: Operator, index and name of the layer.
        text: Relative error of the layer's output.
    """

    x: float
    y: float
    name: str
    text: str


@dataclass(frozen=True)
class NetworkView:
    """The error along the network.

    Attributes:
        summary: Summary in one sentence.
        layers: The layers, in the order of execution.
        line: Points of the line through the layers.
        ticks: Ticks of the vertical axis.
        steps: The layers at which the error grows most, the greatest growth first.
        description: Text alternative of the picture.
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
    shown = [min(max(error, _LEAST), _MOST) for error in errors]
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
