from __future__ import annotations

import pytest

from edgeq.config.gates import GATES
from edgeq.pipeline.places import others, this_machine
from tests.unit.config.writing import spec

TARGETS = {
    "pi": {"kind": "ssh", "host": "board"},
    "npu": {"kind": "ethos-u", "accelerator": "ethos-u55-256"},
    "mcu": {"kind": "tflite-micro"},
    "screen": {"kind": "gpu"},
}
FILE = {"conversion", "types", "weights", "input_range", "ranges", "size_reduction", "max_bytes"}
NPU = {"placement", "npu_operators", "max_npu_ms", "max_sram"}


def judged(target: str) -> set[str]:
    used = spec(targets={"use": ["local", "arm64", *TARGETS], **TARGETS})
    every = {place.name: place for place in (this_machine(used), *others(used))}
    return {name for name, gate in GATES if every[target].judges(gate)}


def test_what_is_about_the_file_is_judged_once() -> None:
    assert judged("local") >= FILE
    for target in ("arm64", *TARGETS):
        assert not judged(target) & FILE


def test_a_machine_measures_what_this_one_does_and_is_compared_with_it() -> None:
    local, pi = judged("local"), judged("pi")
    assert local - pi == FILE | {"calibration_disjoint", "calibration_set"}
    assert pi - local == {"same_as_local"}


def test_an_emulator_measures_neither_time_nor_memory() -> None:
    lacking = {"latency_ratio", "max_latency_ms", "max_peak_memory", "steady_memory"}
    assert judged("pi") - judged("arm64") == lacking


def test_an_npu_that_only_examines_has_its_own_gates_alone() -> None:
    assert judged("npu") == NPU


@pytest.mark.parametrize(
    ("target", "own", "lacking"),
    [
        ("mcu", {"max_arena"}, {"kernels", "max_partitions"}),
        ("screen", set(), {"kernels", "max_partitions", "same_as_local"}),
    ],
)
def test_kernels_of_another_kind_have_no_others_to_compare(
    target: str, own: set[str], lacking: set[str]
) -> None:
    assert judged(target) - judged("arm64") == own
    assert judged("arm64") - judged(target) == lacking


def test_this_machine_judges_files_only_if_it_is_not_used() -> None:
    unused = this_machine(spec(targets=["arm64"]))
    assert {name for name, gate in GATES if unused.judges(gate)} >= FILE
    assert not unused.judges(GATES.get("top1_agreement"))
