"""A GPU by Mesa's driver for the CPU, from nothing: fetched, unpacked, and beside this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeq.config.target_kinds import KINDS, Gpu
from edgeq.errors import EdgeqError
from edgeq.run.targets import Target
from edgeq.targets import gpu
from edgeq.targets.check import beside_local, check
from edgeq.targets.parts import Supply
from tests.unit.tiny_model import classifier

KIND = KINDS.get("gpu")
SETTINGS = Gpu(driver="lavapipe")


@pytest.fixture(scope="module")
def lavapipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            list(gpu.prepare("gpu", SETTINGS, Supply()))
        except EdgeqError as error:
            pytest.skip(f"the parts can't be fetched here: {error}")
        yield gpu.start("gpu", SETTINGS)


def test_both_tiny_models_run_wholly_on_it_and_it_is_named(lavapipe: Target) -> None:
    checked = check(KIND, lavapipe)
    assert checked.problems == ()
    assert [run.loaded.accelerated for run in checked.runs] == [True, True]
    assert "llvmpipe" in checked.facts.processor


def test_float_answers_are_those_of_float16_arithmetic(lavapipe: Target, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(classifier())
    assert 0 < beside_local(KIND, lavapipe, path).sameness.largest < 1e-2
