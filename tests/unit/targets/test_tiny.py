from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Kernels, Preprocessing
from edgeq.run.session import Session
from edgeq.run.targets import local_target
from edgeq.targets import tiny


def test_the_answers_are_worth_knowing() -> None:
    known = tiny.answer()
    assert known.shape == (1, 30, 30, 16)
    assert len(np.unique(known)) > 40, "they differ from place to place"
    assert np.abs(known).max() < 127, "int8 can hold each of them"
    assert (known[0, 0, 0, 0]) == np.sum(
        tiny.pixels()[0, :3, :3].astype(int) * tiny.weights()[0].astype(int)
    )


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin", "reference"])
@pytest.mark.parametrize("arithmetic", ["float32", "int8"])
def test_every_kernel_gives_them_exactly(
    tmp_path: Path, arithmetic: tiny.Arithmetic, kernels: Kernels
) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny.model(arithmetic))
    with Session(local_target(), timeout_s=60, memory_limit=None) as session:
        loaded = session.load(path, threads=1, kernels=kernels)
        (answer,) = session.infer(loaded.handle, tiny.pixels(), Preprocessing()).outputs
    np.testing.assert_array_equal(answer, tiny.answer())
    assert loaded.inputs[0].dtype == loaded.outputs[0].dtype == arithmetic
