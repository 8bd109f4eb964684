from __future__ import annotations

import msgspec
import pytest

from edgeq.errors import ModelError
from edgeq.models.export_request import ExportRequest
from edgeq.models.input_size import NO_IMAGE, channels_first, fixed_shape, size_of

Size = tuple[int, int] | None


def request(input_size: Size = None, open_size: Size = None) -> ExportRequest:
    return ExportRequest(
        kind="keras_file", name="net", root=".", input_size=input_size, open_size=open_size
    )


@pytest.mark.parametrize(
    ("shape", "asked", "otherwise", "size"),
    [
        ((None, 224, 192, 3), None, None, (224, 192)),
        ((None, 224, 192, 3), (224, 192), None, (224, 192)),
        ((None, 224, 224, 3), None, (299, 299), (224, 224)),
        ((None, None, None, 3), None, (299, 299), (299, 299)),
        ((None, None, None, 3), (64, 96), (299, 299), (64, 96)),
        ((None, 32, None, None), (32, 48), None, (32, 48)),
    ],
)
def test_the_size_is_the_models_own_or_the_one_asked_for(
    shape: tuple[int | None, ...], asked: Size, otherwise: Size, size: tuple[int, int]
) -> None:
    fixed = fixed_shape(shape, request(asked, otherwise))
    assert (fixed[0], size_of(fixed, request())) == (1, size)


@pytest.mark.parametrize(
    ("shape", "asked", "message"),
    [
        ((None, None, None, 3), None, "net: leaves its input size open"),
        ((None, 224, 224, 3), (128, 128), r"takes images of \[224, 224\], not of \[128, 128\]"),
        ((None, 28, 28, 6), None, "has 6 channels"),
        ((None, 10), None, "has 2 dimensions"),
        ((), None, "has 0 dimensions"),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int | None, ...], asked: Size, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        fixed_shape(shape, request(asked))


def test_arrays_keep_their_shape_with_a_batch_of_1() -> None:
    arrays = msgspec.structs.replace(request(), arrays=True)
    assert fixed_shape((None, 49, 10, 1), arrays) == (1, 49, 10, 1)
    assert fixed_shape((8, 64), arrays) == (1, 64)
    assert size_of((1, 64), arrays) == NO_IMAGE
    for shape in ((None, None, 10), ()):
        with pytest.raises(ModelError, match="leaves its input size open"):
            fixed_shape(shape, arrays)


@pytest.mark.parametrize("sides", [(8, 6, 3), (8, 6, 1), (3, 8, 6), (1, 8, 6)])
def test_images_keep_their_channels_where_they_are(sides: tuple[int, ...]) -> None:
    shape = fixed_shape((None, *sides), request())
    assert (shape, size_of(shape, request())) == ((1, *sides), (8, 6))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 3, 224, 224), True),
        ((None, 3, None, None), True),
        ((1, 224, 224, 3), False),
        ((1, 3, 3, 3), True),
        ((1, 1, 28, 28), True),
        ((1, 28, 28, 1), False),
        ((1, 10), False),
    ],
)
def test_where_the_channels_lie(shape: tuple[int | None, ...], *, expected: bool) -> None:
    assert channels_first(shape) is expected
