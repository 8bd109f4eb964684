"""Checks that a model's input is one RGB image, and says what to do if not. Pure."""

from __future__ import annotations

from collections.abc import Sequence

RANK = 4
CHANNELS = 3
NO_IMAGE = (0, 0)
"""Height and width of the image that a model takes if it takes arrays."""

ONE_INPUT = (
    "Give it a single input; if it takes arrays, name them as `samples` of the model (.npz with "
    "one array per input)"
)
_ARRAYS = "as `samples` of the model (.npy, .npz or package.module:function)"
_NO_IMAGE = f"If it takes arrays instead of photographs, name them {_ARRAYS}"
_CHANNELS_LAST = (
    "Export it with the channels last (with litert-torch: "
    f"litert_torch.to_channel_last_io(net, args=[0])), or name its images, as arrays, {_ARRAYS}"
)
_GREY = (
    f"Name its grey images or features, as arrays of this shape, {_ARRAYS}; or put a layer in "
    "front that makes them from RGB (keras.ops.mean(image, -1, keepdims=True)) and export that"
)
_FROM_RGB = (
    f"Name its images, as arrays of this shape, {_ARRAYS}; or put a layer in front that makes "
    "them from an RGB image, and export that"
)
_BATCH = "Export it with a batch of 1, or with an open batch"


def unlike_an_image(shape: Sequence[int | None]) -> tuple[str, str] | None:
    """Return why an input is not one RGB image and what to do about it, or None if it is one.

    Args:
        shape: Shape of the input, with None or -1 for open dimensions.
    """
    size = [None if side is None or side < 0 else side for side in shape]
    if len(size) != RANK:
        return f"has {len(size)} dimensions", _NO_IMAGE
    batch, channels = size[0], size[-1]
    if channels not in (CHANNELS, None) and size[1] == CHANNELS:
        return "has the channels first", _CHANNELS_LAST
    if channels == 1:
        return "has 1 channel", _GREY
    if channels not in (CHANNELS, None):
        return f"has {channels} channels", _FROM_RGB
    if batch not in (1, None):
        return f"has a batch of {batch}", _BATCH
    return None


def channels_first(shape: Sequence[int | None]) -> bool:
    """Return whether an image has its channels first, as the operators of ONNX take it.

    They are last only if the last dimension alone can hold them.

    Args:
        shape: The input's shape with the batch, None for open dimensions.
    """
    return len(shape) == RANK and (shape[1] == CHANNELS or shape[3] != CHANNELS)
