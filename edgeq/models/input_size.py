"""The size of the input for an export, and why an input is not an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.tflite.image_input import GREY, RANK, RGB, ImageInput, image_input, image_size

NO_IMAGE = (0, 0)
"""Height and width of the image that a model takes if it takes arrays."""

ONE_INPUT = (
    "Give it a single input; if it takes arrays, name them as `samples` of the model (.npz with "
    "one array per input)"
)
_ARRAYS = "as `samples` of the model (.npy, .npz or package.module:function)"
_NO_IMAGE = f"If it takes arrays instead of photographs, name them {_ARRAYS}"
FROM_RGB = (
    f"Name its images, as arrays of this shape, {_ARRAYS}; or put a layer in front that makes "
    "them from an RGB image, and export that"
)


def fixed_shape(
    shape: Sequence[int | None], request: ExportRequest, table: str = "the spec"
) -> tuple[int, ...]:
    """Return the input's shape for an export, with a batch of 1.

    A fixed batch is ignored because the export sets its own. The request's ``input_size`` is the
    size that the spec sets, ``open_size`` the default for models that leave the size open.

    Raises:
        ModelError: The input is not an image, RGB or grey, its size is open and nothing sets it, or
            it differs from the size that the spec sets; of a model that takes arrays, only if a
            size is open.
    """
    if not request.arrays:
        return (1, *_fixed(shape, request, table).sides)
    sides = [side for side in shape[1:] if side is not None]
    if not shape or len(sides) != len(shape) - 1:
        raise ModelError(
            f"leaves its input size open: {_shown(shape)}",
            where=request.name,
            remedy="Build it with an input of a fixed size",
        )
    return (1, *sides)


def size_of(shape: Sequence[int], request: ExportRequest) -> tuple[int, int]:
    """Return height and width of what ``fixed_shape`` returned; ``NO_IMAGE`` for arrays."""
    return NO_IMAGE if request.arrays else image_size(shape)


def _fixed(shape: Sequence[int | None], request: ExportRequest, table: str) -> ImageInput:
    """Return how the export takes images; see ``fixed_shape``."""
    image = image_input(shape)
    if image is None:
        what, remedy = unlike_an_image(shape)
        raise ModelError(
            f"its input {_shown(shape)} is not one image (1, height, width, 3), grey or with the "
            f"channels first: it {what}",
            where=request.name,
            remedy=remedy,
        )
    requested = request.input_size or request.open_size or (None, None)
    height, width = image.height or requested[0], image.width or requested[1]
    if not height or not width:
        raise ModelError(
            f"leaves its input size open: {_shown(shape)}",
            where=request.name,
            remedy=f"Set input_size = [HEIGHT, WIDTH] in {table}",
        )
    if request.input_size not in (None, (height, width)):
        raise ModelError(
            f"takes images of {[height, width]}, not of {list(request.input_size or ())}",
            where=request.name,
            remedy=f"Remove input_size from {table}, or set it to the model's own",
        )
    return replace(image, height=height, width=width)


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('open' if side is None else str(side) for side in shape)})"


def unlike_an_image(shape: Sequence[int | None]) -> tuple[str, str]:
    """Return why an input is not one image, and what to do about it."""
    if len(shape) != RANK:
        return f"has {len(shape)} dimensions", _NO_IMAGE
    return f"has {shape[-1]} channels", FROM_RGB


def channels_first(shape: Sequence[int | None]) -> bool:
    """Return whether an image has its channels first, as the operators of ONNX take it.

    They are last only if the last dimension alone can hold them, three or one.
    """
    if len(shape) != RANK:
        return False
    return shape[1] in (GREY, RGB) or shape[3] not in (GREY, RGB)
