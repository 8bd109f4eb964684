"""The emulated arm64 machine, from nothing: fetched, unpacked, and beside this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeq.config.target_kinds import KINDS, Emulated
from edgeq.errors import EdgeqError
from edgeq.run.targets import Target
from edgeq.targets import emulated, tiny
from edgeq.targets.check import beside_local, check
from edgeq.targets.parts import Supply
from tests.unit.tiny_model import classifier

EMULATED = KINDS.get("emulated")
SETTINGS = Emulated()


@pytest.fixture(scope="module")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            list(emulated.prepare("arm64", SETTINGS, Supply()))
        except EdgeqError as error:
            pytest.skip(f"the parts can't be fetched here: {error}")
        yield emulated.start("arm64", SETTINGS)


def test_it_is_another_machine_with_xnnpack(arm64: Target) -> None:
    checked = check(EMULATED, arm64)
    assert checked.problems == ()
    assert checked.facts.versions["machine"] == "aarch64"
    assert [run.loaded.partitions for run in checked.runs] == [1, 1]


@pytest.mark.parametrize(
    ("cpu", "processor", "extensions"),
    [
        ("cortex-a53", "Cortex-A53 r0p4", ()),
        ("cortex-a76", "Cortex-A76 r4p1", ("asimdhp", "asimddp")),
        ("neoverse-n1", "Neoverse-N1 r4p1", ("asimdhp", "asimddp")),
    ],
)
def test_predictions_are_kept_under_the_processor_that_is_emulated(
    cpu: str, processor: str, extensions: tuple[str, ...], arm64: Target
) -> None:
    del arm64  # is prepared
    checked = check(EMULATED, emulated.start("board", Emulated(cpu=cpu)))
    assert checked.problems == ()
    assert (checked.facts.processor, checked.facts.extensions) == (processor, extensions)
    assert checked.facts.runtime["processor"] == processor


def test_int8_answers_are_the_same_bit_by_bit(arm64: Target, tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(tiny.model("int8"))
    beside = beside_local(EMULATED, arm64, path)
    assert (beside.sameness.differing, beside.sameness.largest) == (0, 0)


def test_float_answers_differ_by_rounding_at_most(arm64: Target, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(classifier())
    assert beside_local(EMULATED, arm64, path).sameness.largest < 1e-5
