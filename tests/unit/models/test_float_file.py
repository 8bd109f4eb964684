from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import ModelError
from edgeq.models.float_file import has_open_batch, has_quantized_weights, require_float
from tests.unit.graphs import read
from tests.unit.tiny_model import Op, Tensor, build, classifier


def relu(*inputs: Tensor, op: Op | None = None, extra: tuple[Tensor, ...] = ()) -> bytes:
    names = tuple(tensor.name for tensor in inputs)
    tensors = (*inputs, *extra, Tensor("out", (1, 5)))
    return build(tensors, [op or Op("RELU", names, ("out",))], names, ["out"])


@pytest.mark.parametrize("nchw", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_float_model_tells_its_size(tmp_path: Path, channels: int, nchw: bool) -> None:
    model = read(tmp_path, classifier(size=(6, 8), channels=channels, nchw=nchw, batch=4))
    assert require_float(model) == (6, 8)
    assert not has_open_batch(model)


def test_an_open_batch_is_allowed(tmp_path: Path) -> None:
    model = read(tmp_path, classifier(dynamic=True))
    assert require_float(model) == (4, 4)
    assert has_open_batch(model)


def test_a_size_that_the_spec_sets_is_that_of_what_is_open(tmp_path: Path) -> None:
    model = read(tmp_path, relu(Tensor("image", (1, 4, 1, 3), signature=(1, 4, -1, 3))))
    assert require_float(model, size=(6, 8)) == (4, 8)


def test_float16_weights_are_a_baseline_only_where_they_are_taken_as_float32(
    tmp_path: Path,
) -> None:
    half = Tensor("half", (3,), "float16", np.ones(3, np.float16))
    model = read(tmp_path, relu(Tensor("image", (1, 4, 4, 3)), extra=(half,)))
    with pytest.raises(ModelError, match=r"'half' is float16.*\[variants\.NAME\]"):
        require_float(model)
    assert require_float(model, halves={1}) == (4, 4)
    with pytest.raises(ModelError, match=r"'half' is float16"):
        require_float(model, halves={0})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (classifier(io="int8"), r"not a float model.*\[variants\.NAME\]"),
        (classifier(io="uint8"), r"not a float model"),
        (classifier(io="float16"), r"gives float16 \('input'"),
        (classifier(channels=6), r"\[1, 4, 4, 6\] is not one image .*it has 6 channels"),
        (relu(Tensor("features", (1, 10))), "'features' of shape"),
        (
            relu(Tensor("image", (1, 1, 1, 3), signature=(1, -1, -1, 3))),
            r"leaves the size open: .*Set input_size = \[HEIGHT, WIDTH\]",
        ),
        (relu(Tensor("a", (1, 4, 4, 3)), Tensor("b", (1, 4, 4, 3))), "has 2 inputs"),
        (
            relu(Tensor("image", (1, 4, 4, 3)), op=Op("CUSTOM", ("image",), ("out",), "FlexErf")),
            "FLEX:Erf",
        ),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        require_float(read(tmp_path, data))


@pytest.mark.parametrize(
    "entry",
    [
        Tensor("pixels", (1, 4, 4, 3), "uint8"),
        Tensor("pixels", (1, 4, 4, 3), "int32"),
        Tensor("pixels", (1, 4, 4, 3), "uint8", scales=(0.5,), zero_points=(127,)),
    ],
    ids=lambda entry: f"{entry.dtype} {entry.scales}",
)
def test_integers_that_become_real_numbers_first_are_an_input(
    tmp_path: Path, entry: Tensor
) -> None:
    model = read(tmp_path, classifier(entry=entry))
    assert require_float(model) == (4, 4)
    assert not has_quantized_weights(model)


def test_integers_that_stay_integers_are_no_image(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"takes or gives uint8 \('image'\)"):
        require_float(read(tmp_path, relu(Tensor("image", (1, 4, 4, 3), "uint8"))))
