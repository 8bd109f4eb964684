"""The worker's arithmetic against exact fractions, and the worker as a bare program."""

from __future__ import annotations

import ast
import io
import json
import math
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.config.structs import Preprocessing
from edgeq.run import worker
from edgeq.run.targets import WORKER
from edgeq.samples.preprocess import to_input, to_inputs
from tests.patience import PATIENCE_S

INTEGERS = ("int8", "uint8", "int16")
real = st.floats(-1e6, 1e6, width=32)
scales = st.floats(2**-20, 2**10, width=32, exclude_min=True)


class Sink:
    """What takes a model's input in place of an interpreter."""

    def set_tensor(self, _: int, values: Any) -> None:
        """Keep the input."""
        self.values = values


def exact_step(value: float, scale: float, zero_point: int, dtype: str) -> int:
    """Return the quantized value, by fractions."""
    per_step = np.float32(Fraction(1) / Fraction(scale))
    product = Fraction(float(np.float32(value))) * Fraction(float(per_step))
    rounded = round(Fraction(float(np.float32(product)))) + zero_point  # halves to even
    ends = np.iinfo(dtype)
    return max(int(ends.min), min(int(ends.max), rounded))


@given(st.lists(real, min_size=1, max_size=8), scales, st.sampled_from(INTEGERS), st.data())
def test_quantize_is_exact(
    values: list[float], scale: float, dtype: str, data: st.DataObject
) -> None:
    ends = np.iinfo(dtype)
    zero_point = data.draw(st.integers(max(ends.min, -255), min(ends.max, 255)))
    steps = worker.quantize(np.array(values, np.float32), dtype, scale, zero_point)
    assert steps.tolist() == [exact_step(value, scale, zero_point, dtype) for value in values]
    assert steps.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("value", "step"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2)]
)
def test_halves_round_to_even(value: float, step: int) -> None:
    assert worker.quantize(np.array([value]), "int8", 1.0, 0).tolist() == [step]


def test_values_beyond_the_ends_are_stored_as_the_ends() -> None:
    steps = worker.quantize(
        np.array([-math.inf, -129.0, -128.0, 127.0, 128.0, math.inf, math.nan]), "int8", 1.0, 0
    )
    assert steps.tolist() == [-128, -128, -128, 127, 127, 127, 0]


def test_an_integer_input_without_a_scale_takes_the_values_themselves() -> None:
    assert worker.quantize(np.array([0.0, 200.0]), "uint8", 0.0, 0).tolist() == [0, 200]


def test_what_float16_can_not_hold_becomes_infinite() -> None:
    halves = worker.quantize(np.array([1.0, 1e6], np.float32), "float16", 0.0, 0)
    assert halves.tolist() == [1.0, math.inf]


@given(st.sampled_from(INTEGERS), scales, st.data())
def test_dequantize_is_the_nearest_float(dtype: str, scale: float, data: st.DataObject) -> None:
    ends = np.iinfo(dtype)
    step = data.draw(st.integers(int(ends.min), int(ends.max)))
    zero_point = data.draw(st.integers(max(ends.min, -255), min(ends.max, 255)))
    found = worker.dequantize(np.array([step], dtype), scale, zero_point)
    assert found.dtype == np.float32
    assert found[0] == np.float32((step - zero_point) * Fraction(scale))


def test_dequantize_leaves_nan_and_types_that_are_no_numbers_of_ours() -> None:
    assert math.isnan(worker.dequantize(np.array([math.nan], np.float32), 0.0, 0)[0])
    assert worker.dequantize(np.array([3], np.int64), 0.0, 0).dtype == np.int64


@given(
    st.tuples(real, real, real) | real.map(lambda value: (value,) * 3),
    st.sampled_from([(58.395, 57.12, 57.375), (127.5, 127.5, 127.5), (1.0, 1.0, 1.0)]),
    st.sampled_from(["rgb", "bgr"]),
    st.booleans(),
)
def test_a_float_input_is_what_the_images_room_makes(
    mean: tuple[float, float, float], std: Any, channels: Any, nchw: bool
) -> None:
    how = Preprocessing(mean=mean, std=std, channels=channels)
    photo = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3) * 5
    model = worker.Model.__new__(worker.Model)
    model.interpreter, model.batch = Sink(), 2
    shape = [2, 3, 4, 4] if nchw else [2, 4, 4, 3]
    model.inputs = [{"index": 0, "shape": shape, "dtype": "float32", "quantization": [0.0, 0]}]
    numbers = {"mean": how.mean, "std": how.std, "channels": how.channels}
    model.feeder(numbers, photo)(photo)
    given = model.interpreter.values
    assert given.flags.c_contiguous
    images = given.transpose(0, 2, 3, 1) if nchw else given
    expected = to_input(photo, how)
    assert np.array_equal(images, np.concatenate([expected, expected]))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("nchw", [False, True])
def test_an_input_of_one_channel_gets_the_luma(nchw: bool, dtype: str) -> None:
    how = Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3)
    photo = np.random.default_rng(2).integers(0, 256, (1, 4, 5, 3), np.uint8)
    model = worker.Model.__new__(worker.Model)
    model.interpreter, model.batch = Sink(), 1
    shape = [1, 1, 4, 5] if nchw else [1, 4, 5, 1]
    pair = (0.005, -3) if dtype == "int8" else (0.0, 0)  # the ends are clipped
    model.inputs = [{"index": 0, "shape": shape, "dtype": dtype, "quantization": pair}]
    numbers = {"mean": how.mean, "std": how.std, "channels": how.channels}
    (expected,) = to_inputs(photo[0], how, [shape])
    model.feeder(numbers, photo)(photo)
    assert np.array_equal(model.interpreter.values, worker.quantize(expected, dtype, *pair))


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("nchw", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("mean", "std", "scale", "zero_point"),
    [
        ((0.0,) * 3, (1.0,) * 3, 1.0, -128),  # a shift of all bytes, if they are signed
        ((127.0,) * 3, (128.0,) * 3, 2**-7, 0),
        ((127.5,) * 3, (127.5,) * 3, 0.02, 3),  # other bytes
        ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4), 0.012, 7),  # clips, in each channel elsewhere
    ],
)
def test_bytes_are_fed_as_the_quantized_values_of_the_image(
    *, channels: Any, nchw: bool, dtype: str, mean: Any, std: Any, scale: float, zero_point: int
) -> None:
    how = Preprocessing(mean=mean, std=std, channels=channels)
    photos = np.random.default_rng(0).permutation(np.arange(768) % 256).astype(np.uint8)
    photo = photos.reshape(1, 16, 16, 3)
    model = worker.Model.__new__(worker.Model)
    model.interpreter, model.batch = Sink(), 2
    shape = [2, 3, 16, 16] if nchw else [2, 16, 16, 3]
    quantization = [scale, zero_point]
    model.inputs = [{"index": 0, "shape": shape, "dtype": dtype, "quantization": quantization}]
    numbers = {"mean": mean, "std": std, "channels": channels}
    values = worker.quantize(to_input(photo, how), dtype, scale, zero_point)
    model.feeder(numbers, photo)(photo)
    given = model.interpreter.values
    images = given.transpose(0, 2, 3, 1) if nchw else given
    assert np.array_equal(images, np.concatenate([values, values]))


@pytest.mark.parametrize("channels", [1, 3, 64, 144, 233])
def test_a_sample_of_a_tensor_has_its_ends_and_meets_every_channel(channels: int) -> None:
    values = np.random.default_rng(0).normal(size=(1, 24, 24, channels)).astype(np.float32)
    values[..., 0] += 100
    (some,) = worker.sampled(values, 1000)
    assert some.dtype == np.float32
    assert len(some) == 2 + min(1000, values.size)
    assert (some[0], some[1]) == (values.min(), values.max())
    high = (some[2:] > 50).mean()
    assert high == pytest.approx(1 / channels, abs=0.02)
    (all_of_them,) = worker.sampled(values[0, :1, :1], 1000)
    assert all_of_them[2:].tolist() == values[0, 0, 0].tolist()
    assert worker.sampled(values[:0], 10).shape == (1, 0)


def test_it_is_one_file_for_python_3_9() -> None:
    source = WORKER.read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names - sys.stdlib_module_names == {"ai_edge_litert", "numpy"}


def ask(request: dict[str, Any], *options: str) -> dict[str, Any]:
    """Start the worker as a program, ask it one thing and close its input."""
    text = json.dumps({"blobs": [], **request}).encode()
    ended = subprocess.run(
        [sys.executable, *options, str(WORKER)],
        input=struct.pack("<I", len(text)) + text,
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    size = struct.unpack("<I", ended.stdout[:4])[0]
    answer: dict[str, Any] = json.loads(ended.stdout[4 : 4 + size])
    assert len(ended.stdout) == 4 + size
    return answer


def test_without_its_packages_it_says_which_one_is_missing() -> None:
    answer = ask({"op": "hello", "id": 4, "memory_limit": None}, "-S", "-E")
    assert answer["kind"] == "error"
    assert answer["id"] == 4
    assert "ImportError" in answer["kinds"]
    assert "ai_edge_litert" in answer["message"]


def test_an_unknown_request_is_an_error_and_not_the_end() -> None:
    assert ask({"op": "dance", "id": 1})["kind"] == "error"


def test_what_a_model_prints_stays_out_of_the_frames(tmp_path: Path) -> None:
    script = tmp_path / "noisy.py"
    script.write_text(
        "import os, runpy, sys\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "def op_shout(self, request, blobs):\n"
        "    print('from python', flush=True)\n"
        "    os.write(1, b'from native code')\n"
        "    return {'done': True}, ()\n"
        "module['Worker'].op_shout = op_shout\n"
        "sys.exit(module['main']())\n",
        "utf-8",
    )
    text = json.dumps({"op": "shout", "id": 1, "blobs": []}).encode()
    ended = subprocess.run(
        [sys.executable, str(script), str(WORKER)],
        input=struct.pack("<I", len(text)) + text,
        capture_output=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert json.loads(ended.stdout[4:])["done"] is True
    assert b"from native code" in ended.stderr
    assert b"from python" in ended.stderr


def test_a_client_that_is_gone_ends_it_in_the_middle_of_the_work(tmp_path: Path) -> None:
    script = tmp_path / "busy.py"
    script.write_text(
        "import runpy, sys, time\n"
        "module = runpy.run_path(sys.argv[1])\n"
        "def op_work(self, request, blobs):\n"
        "    print('busy', file=sys.stderr, flush=True)\n"
        "    time.sleep(600)\n"
        "module['Worker'].op_work = op_work\n"
        "module['main'].__globals__['GRACE_S'] = 0.0\n"
        "sys.exit(module['main']())\n",
        "utf-8",
    )
    text = json.dumps({"op": "work", "id": 1, "blobs": []}).encode()
    with subprocess.Popen(
        [sys.executable, str(script), str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(struct.pack("<I", len(text)) + text)
        process.stdin.flush()
        assert process.stderr.readline() == b"busy\n"
        process.stdin.close()
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


class Timed:
    """A model whose inferences take as long as it says."""

    def __init__(self, seconds: float) -> None:
        self.first_s, self._seconds = 1.0, seconds

    def feeder(self, *_: object) -> Any:
        return lambda _: 0

    def invoke(self) -> float:
        return self._seconds


@pytest.mark.parametrize(("seconds", "within"), [(30.0, 6), (0.5, 0)])
def test_slow_inferences_are_told_within_a_block(
    seconds: float, within: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of fast ones is not disturbed: told are the warm-up and the ends of blocks."""
    serving = worker.Worker(io.BytesIO())
    told: list[int] = []
    monkeypatch.setattr(serving, "progress", told.append)
    serving.models = {1: Timed(seconds)}  # type: ignore[dict-item]
    request = {"budget_s": 60, "handles": [1], "preprocessing": [{}], "warmup": 2}
    _, (samples,) = serving.op_time({**request, "rounds": 6, "block": 3}, (np.zeros(1),))
    assert len(samples) == 6
    assert len(told) == 2 + 2 + within


def test_blocks_take_the_photographs_in_turns_for_both_models_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serving = worker.Worker(io.BytesIO())
    fed: list[tuple[str, int]] = []

    class Fed(Timed):
        def __init__(self, name: str) -> None:
            super().__init__(0.0)
            self.name = name

        def feeder(self, *_: object) -> Any:
            return lambda pixels: fed.append((self.name, int(pixels[0])))

    serving.models = {1: Fed("a"), 2: Fed("b")}  # type: ignore[dict-item]
    request = {"budget_s": 60, "handles": [1, 2], "preprocessing": [{}, {}], "warmup": 0}
    images = np.arange(3)
    serving.op_time({**request, "rounds": 8, "block": 2}, (images, images))
    blocks = fed[-8:]
    assert [image for _, image in blocks] == [0, 0, 1, 1, 2, 2, 0, 0]
    assert [name for name, _ in blocks] == list("abbaabba")


class Growing:
    """A model that holds a megabyte more after every inference."""

    batch, invoked = 1, 0

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def feeder(self, *_: object) -> Any:
        return lambda _: 0

    def invoke(self) -> float:
        self.invoked += 1
        self.kept.append(np.ones(1_000_000, np.uint8))
        return 0.0

    def answers(self) -> list[Any]:
        return []


def test_where_nothing_tells_what_is_held_now_the_peak_is_told() -> None:
    serving = worker.Worker(io.BytesIO())
    serving.gauge.statm, serving.gauge.mallinfo = -1, None
    serving.models = {1: Growing()}  # type: ignore[dict-item]
    request = {"handle": 1, "preprocessing": {}, "counts": [200], "budget_s": 0}
    answer, _ = serving.op_repeat(request, (np.zeros((2, 4, 4, 3), np.uint8),))
    held = np.array(answer["held"], np.int64)
    assert (held[:, 1] == -1).all()
    assert held[-1, 2] > 2e8
    assert (np.diff(held[:, 2]) >= 0).all()


def test_nothing_is_made_up_where_nothing_tells() -> None:
    gauge = worker.Gauge()
    gauge.statm, gauge.mallinfo = -1, None
    assert gauge.read() == (-1, -1)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_gauge_tells_bytes() -> None:
    gauge = worker.Gauge()
    before = gauge.read()
    ballast = np.ones(30_000_000, np.uint8)
    after = gauge.read()
    assert after[1] > ballast.nbytes  # what other tests freed may have been taken for it
    assert before[0] == -1 or after[0] - before[0] == pytest.approx(ballast.nbytes, rel=0.01)


def test_rows_are_split_into_the_inputs_and_quantized_as_each_is() -> None:
    class Sink:
        def __init__(self) -> None:
            self.values: dict[int, Any] = {}

        def set_tensor(self, index: int, values: Any) -> None:
            self.values[index] = values

    model = worker.Model.__new__(worker.Model)
    model.interpreter, model.batch = Sink(), 2
    kinds = (
        ([2, 2, 1], "int8", [0.5, 1]),
        ([2, 1], "float32", [0.0, 0]),
        ([2, 2], "int32", [0, 0]),
    )
    model.inputs = [
        {"index": at, "shape": shape, "dtype": dtype, "quantization": scale}
        for at, (shape, dtype, scale) in enumerate(kinds)
    ]
    rows = np.array([[1.0, -100.0, 0.25, 7.0, 8.0]], np.float32)
    model.feeder({}, rows)(rows)  # in a batch that is filled up with the same row
    given = model.interpreter.values
    assert given[0].tolist() == [[[3], [-128]]] * 2
    assert given[1].tolist() == [[0.25]] * 2
    assert given[2].tolist() == [[7, 8]] * 2
    assert [given[at].dtype.name for at in range(3)] == ["int8", "float32", "int32"]


def test_a_row_of_each_kind_of_core_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CPUINFO", tmp_path / "cpuinfo")
    assert worker.cpuinfo() == "", "it can't be read"
    core = "processor\t: {}\nBogoMIPS\t: {}\nCPU part\t: {}\n\n"
    cores = [core.format(index, index, part) for index, part in enumerate((5, 5, 11))]
    worker.CPUINFO.write_text("".join(cores) + "Serial\t: 7\nModel\t: Pi\n")
    assert worker.cpuinfo() == "CPU part\t: 5\n\nCPU part\t: 11\n\nModel\t: Pi"
