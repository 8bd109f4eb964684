"""How an ONNX model's input and outputs become those of its float file. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgeq.models.layout import CHANNELS, RANK


def channels_first(shape: Sequence[int | None]) -> bool:
    """Return whether an input has its channels first, as ONNX's own operators want them.

    They are last only if the last dimension alone can hold them.

    Args:
        shape: The input's shape with the batch, None for open dimensions.
    """
    return len(shape) == RANK and (shape[1] == CHANNELS or shape[3] != CHANNELS)


def output_name(name: str) -> str:
    """Return an output's name as a signature may hold it: letters, digits and underscores."""
    return re.sub(r"\W", "_", name).lstrip("_") or "output"
