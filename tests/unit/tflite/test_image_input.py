from __future__ import annotations

import pytest

from edgeq.tflite.image_input import GREY, RGB, ImageInput, image_input, image_size

Shape = tuple[int | None, ...]


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((1, 8, 6, 3), ImageInput(8, 6, RGB, channels_first=False)),
        ((4, 8, 6, 1), ImageInput(8, 6, GREY, channels_first=False)),
        ((1, 3, 8, 6), ImageInput(8, 6, RGB, channels_first=True)),
        ((1, 1, 8, 6), ImageInput(8, 6, GREY, channels_first=True)),
        ((1, 3, 8, 3), ImageInput(3, 8, RGB, channels_first=False)),
        ((None, None, 6, 3), ImageInput(0, 6, RGB, channels_first=False)),
        ((-1, 8, -1, -1), ImageInput(8, 0, RGB, channels_first=False)),
        ((1, 8, 6, 2), None),
        ((1, 6, 8, 6), None),
        ((1, 8, 6), None),
        ((), None),
    ],
)
def test_the_channels_are_found(shape: Shape, image: ImageInput | None) -> None:
    assert image_input(shape) == image


def test_an_image_has_the_sides_of_its_input() -> None:
    for shape in ((1, 8, 6, 3), (1, 1, 8, 6)):
        image = image_input(shape)
        assert image is not None
        assert image.sides == shape[1:]
        assert image_size(shape) == (8, 6)
    assert image_size((1, 10)) == (0, 0)
