"""What becomes of litert-quantizer's files, and that nothing is computed otherwise by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeq.config.methods import MethodChoice
from edgeq.config.structs import Preprocessing
from edgeq.errors import ConversionError, ModelError
from edgeq.quantize.litert_child import (
    UINT8_OFFSET,
    Calibrate,
    Quantize,
    calibrate,
    finished,
    quantize,
)
from edgeq.quantize.make import make_variant
from edgeq.quantize.statistics import Statistics
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model
from edgeq.tflite.packing import unpacked
from tests.unit.quantize.network import SIZE, calibration, float_model, network
from tests.unit.tiny_model import Op, Tensor, build, recurrent
from tests.unit.tiny_signatures import joined

IMAGES = 5


def made(folder: Path, method: str, content: bytes | None = None) -> Path:
    choice = MethodChoice(method, method, "litert")
    model = float_model(folder, content)
    return make_variant(choice, model, calibration(folder), Store(folder / "store")).path


def answers(path: Path, given: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for one in given:
        interpreter.set_tensor(entry["index"], one[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result["index"])[0].copy())
    return np.stack(rows)


def test_unsigned_borders_change_no_answer(tmp_path: Path) -> None:
    signed, unsigned = made(tmp_path, "int8"), made(tmp_path, "int8_uint8_io")
    generator = np.random.default_rng(1)
    given = generator.integers(-128, 128, (IMAGES, *SIZE, 3)).astype(np.int8)
    ours = answers(signed, given)
    theirs = answers(unsigned, (given.astype(np.int16) + UINT8_OFFSET).astype(np.uint8))
    assert (str(ours.dtype), str(theirs.dtype)) == ("int8", "uint8")
    assert np.unique(ours).size > 1
    np.testing.assert_array_equal(ours.astype(np.int16) + UINT8_OFFSET, theirs)


def test_unsigned_borders_keep_their_names_and_scales(tmp_path: Path) -> None:
    signed, unsigned = (read_model(made(tmp_path, one)) for one in ("int8", "int8_uint8_io"))
    for ours, theirs in zip(
        (*signed.inputs, *signed.outputs), (*unsigned.inputs, *unsigned.outputs), strict=True
    ):
        before, after = signed.tensors[ours], unsigned.tensors[theirs]
        assert (before.name, before.shape) == (after.name, after.shape)
        np.testing.assert_array_equal(before.scales, after.scales)
        np.testing.assert_array_equal(before.zero_points + UINT8_OFFSET, after.zero_points)
    names = [one.name for one in unsigned.operators]
    assert (names[0], names[-1], names.count("QUANTIZE")) == ("QUANTIZE", "QUANTIZE", 2)
    assert len({one.name for one in unsigned.tensors}) == len(unsigned.tensors)


@pytest.mark.parametrize("method", ["int8", "dynamic_range", "float16"])
def test_other_files_stay_as_they_are(tmp_path: Path, method: str) -> None:
    content = made(tmp_path, method).read_bytes()
    assert finished(content, Path("net.tflite"), unsigned_io=False) is content


def rescaling(name: str) -> bytes:
    """Return ``x / 127.5 - 1`` or the same with SUB: two sums whose ranges end at 2 and 1."""
    shape = (1, *SIZE, 3)
    shift = -1.0 if name == "ADD" else 1.0
    tensors = [
        Tensor("image", shape),
        Tensor("factor", (1,), data=np.array([1.0], np.float32)),
        Tensor("shift", (1,), data=np.array([shift], np.float32)),
        Tensor("scaled", shape),
        Tensor("moved", shape),
    ]
    ops = [Op("ADD", ("image", "factor"), ("scaled",)), Op(name, ("scaled", "shift"), ("moved",))]
    return build(tensors, ops, ["image"], ["moved"])


@pytest.mark.parametrize("name", ["ADD", "SUB"])
def test_int16_sums_run_whatever_their_scales(tmp_path: Path, name: str) -> None:
    content = rescaling(name)
    path = made(tmp_path, "int16x8", content)
    model = unpacked(bytearray(path.read_bytes()), path)
    main = model.subgraphs[0]
    assert [one.builtinOptions.potScaleInt16 for one in main.operators] == [False, False]
    assert min(model.operatorCodes[one.opcodeIndex].version for one in main.operators) >= 3
    pixels = calibration(tmp_path).pixels.array().astype(np.float32) / 127.5 - 1
    step = float(read_model(path).tensors[read_model(path).inputs[0]].scales[0])
    given = np.clip(np.rint(pixels / step), -32767, 32767).astype(np.int16)
    scale = float(read_model(path).tensors[read_model(path).outputs[0]].scales[0])
    moved = answers(path, given).astype(np.float64) * scale
    assert np.abs(moved - pixels).max() < 4 * step


def test_each_calibration_sample_starts_from_a_fresh_state(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(recurrent())
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    extents = []
    for order in (pixels, pixels[::-1]):
        np.save(tmp_path / "pixels.npy", order)
        calibrate(
            Calibrate(
                model=str(tmp_path / "net.tflite"),
                pixels=str(tmp_path / "pixels.npy"),
                preprocessing=Preprocessing(),
                output=str(tmp_path / "statistics.npz"),
            )
        )
        extents.append(Statistics.load(tmp_path / "statistics.npz").extents)
    assert np.array_equal(extents[0], extents[1][::-1])


def test_a_graph_that_is_not_calibrated_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Of a second signature, for instance, or of a branch."""
    content = joined(first=network(), second=network(seed=1))
    with pytest.raises(ConversionError, match=r"only the first of the file's graphs") as caught:
        made(tmp_path, "int8", content)
    assert "dynamic_range" in str(caught.value.remedy)


def test_what_the_library_says_is_said_to_be_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litert_quantizer import quantizer

    def refused(*_: object, **_options: object) -> None:
        raise ValueError("Ranks of scales (1) and zps (1) must be the same as the tensor rank (2).")

    monkeypatch.setattr(quantizer.Quantizer, "quantize", refused)
    (tmp_path / "net.tflite").write_bytes(network())
    request = Quantize(
        model=str(tmp_path / "net.tflite"), output=str(tmp_path / "out.tflite"), steps=[]
    )
    with pytest.raises(ModelError, match=r"litert-quantizer can't quantize this model: Ranks of"):
        quantize(request)
