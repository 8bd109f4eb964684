"""Memory of one model in a worker of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeq.config.structs import Preprocessing
from edgeq.errors import ModelRefusedError
from edgeq.run.memory import INFERENCES, measure_memory
from edgeq.run.results import MemoryUse
from edgeq.run.targets import local_target
from tests.unit.tiny_model import classifier


def measure(folder: Path, size: int, photos: int, channels: int = 3) -> MemoryUse:
    file = folder / "model.tflite"
    file.write_bytes(classifier(size=(size, size), channels=channels))
    return measure_memory(
        local_target(),
        file,
        threads=1,
        kernels="builtin",
        pixels=np.zeros((photos, size, size, 3), np.uint8),
        preprocessing=Preprocessing(),
        timeout_s=60,
        memory_limit=None,
        where="net",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_model_adds_at_least_its_input(tmp_path: Path) -> None:
    small, large = measure(tmp_path, 4, 2), measure(tmp_path, 2000, 2)
    assert small.before <= small.peak
    assert large.added >= 2000 * 2000 * 3 * 4
    assert large.added - small.added >= 2000 * 2000 * 3 * 4
    assert (small.inferences, large.inferences) == (3, 3)


def test_no_more_photographs_are_run_than_needed(tmp_path: Path) -> None:
    assert measure(tmp_path, 4, 50).inferences == INFERENCES + 1


def test_what_a_model_adds_is_never_negative() -> None:
    use = MemoryUse(before=10, loaded=9, first=9, peak=9, inferences=1)
    assert use.added == 0


def test_a_model_that_takes_no_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match="net: "):
        measure(tmp_path, 4, 1, channels=2)
