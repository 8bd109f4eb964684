from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeq.errors import WorkerError
from edgeq.run.probe import SHAPE, one_operator, probe
from edgeq.run.session import Session
from edgeq.run.targets import Target, local_target


def test_this_machine_answers() -> None:
    found = probe(local_target())
    assert found.facts.versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_model_runs_where_there_is_no_xnnpack_too(tmp_path: Path) -> None:
    path = tmp_path / "probe.tflite"
    path.write_bytes(one_operator())
    x = np.linspace(-1, 1, int(np.prod(SHAPE)), dtype=np.float32).reshape(SHAPE)
    with Session(local_target(), timeout_s=20, memory_limit=None) as session:
        loaded = session.load(path, threads=1, kernels="reference")
        (y,) = session.infer_tensors(loaded.handle, [x])
    assert loaded.operators == 1
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_a_worker_that_does_not_start_is_an_error() -> None:
    with pytest.raises(WorkerError):
        probe(Target("gone", (sys.executable, "-c", "raise SystemExit(3)"), local_files=True))
