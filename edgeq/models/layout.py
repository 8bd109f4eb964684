"""Says why a model's input is not an image, and where an ONNX file has its channels. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from edgeq.tflite.image_input import GREY, RANK, RGB

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


def unlike_an_image(shape: Sequence[int | None]) -> tuple[str, str]:
    """Return why an input is not one image, and what to do about it.

    Args:
        shape: Shape of an input that takes none, with None or -1 for open dimensions.
    """
    if len(shape) != RANK:
        return f"has {len(shape)} dimensions", _NO_IMAGE
    return f"has {shape[-1]} channels", FROM_RGB


def channels_first(shape: Sequence[int | None]) -> bool:
    """Return whether an image has its channels first, as the operators of ONNX take it.

    They are last only if the last dimension alone can hold them, three or one.

    Args:
        shape: The input's shape with the batch, None for open dimensions.
    """
    if len(shape) != RANK:
        return False
    return shape[1] in (GREY, RGB) or shape[3] not in (GREY, RGB)
