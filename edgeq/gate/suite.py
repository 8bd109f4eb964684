"""One test per gate; each runs once for every variant that the gate holds for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeq.plugin.latency import worker_clock

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from edgeq.plugin.case import CaseCheck


@pytest.mark.proof
@pytest.mark.edgeq("made")
def test_made(edgeq_case: CaseCheck) -> None:
    """The variant could be made, read and loaded."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("types")
def test_types(edgeq_case: CaseCheck) -> None:
    """The file holds the types that its method claims."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("outputs")
def test_outputs(edgeq_case: CaseCheck) -> None:
    """Outputs are finite, the same when asked again, and not constant or all ties."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("kernels")
def test_kernels(edgeq_case: CaseCheck) -> None:
    """Other kernels give the same answers, up to less than quantization costs."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("input_range")
def test_input_range(edgeq_case: CaseCheck) -> None:
    """The quantized input holds the values that the evaluation images bring."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("calibration_disjoint")
def test_calibration_disjoint(edgeq_case: CaseCheck) -> None:
    """No calibration image is an evaluation image."""
    edgeq_case.check()


@pytest.mark.proof
@pytest.mark.edgeq("calibration_set")
def test_calibration_set(edgeq_case: CaseCheck) -> None:
    """The calibration images are photographs, and not all the same one."""
    edgeq_case.check()


@pytest.mark.size
@pytest.mark.edgeq("size_reduction")
def test_size_reduction(edgeq_case: CaseCheck) -> None:
    """The variant saves this share of the baseline's bytes."""
    edgeq_case.check()


@pytest.mark.size
@pytest.mark.edgeq("max_bytes")
def test_max_bytes(edgeq_case: CaseCheck) -> None:
    """The file has no more bytes than this."""
    edgeq_case.check()


@pytest.mark.agreement
@pytest.mark.edgeq("top1_agreement")
def test_top1_agreement(edgeq_case: CaseCheck) -> None:
    """Variant and baseline give the same class on this share of the images."""
    edgeq_case.check()


@pytest.mark.agreement
@pytest.mark.edgeq("top5_overlap")
def test_top5_overlap(edgeq_case: CaseCheck) -> None:
    """This share of the baseline's five best classes is among the variant's."""
    edgeq_case.check()


@pytest.mark.agreement
@pytest.mark.edgeq("worst_cosine")
def test_worst_cosine(edgeq_case: CaseCheck) -> None:
    """On every image the logits point the same way."""
    edgeq_case.check()


@pytest.mark.agreement
@pytest.mark.edgeq("relative_error")
def test_relative_error(edgeq_case: CaseCheck) -> None:
    """The outputs lie no farther from the baseline's than this."""
    edgeq_case.check()


@pytest.mark.accuracy
@pytest.mark.edgeq("accuracy_drop")
def test_accuracy_drop(edgeq_case: CaseCheck) -> None:
    """Top-1 accuracy drops no further than this."""
    edgeq_case.check()


@pytest.mark.latency
@pytest.mark.edgeq("latency_ratio")
@pytest.mark.benchmark(group="latency_ratio", timer=worker_clock)
def test_latency_ratio(edgeq_case: CaseCheck, benchmark: BenchmarkFixture) -> None:
    """The variant's median latency is no more than this share of the baseline's."""
    edgeq_case.check_latency(benchmark)


@pytest.mark.latency
@pytest.mark.edgeq("max_latency_ms")
@pytest.mark.benchmark(group="max_latency_ms", timer=worker_clock)
def test_max_latency_ms(edgeq_case: CaseCheck, benchmark: BenchmarkFixture) -> None:
    """The variant's median latency is no more than this."""
    edgeq_case.check_latency(benchmark)


@pytest.mark.memory
@pytest.mark.edgeq("max_peak_memory")
def test_max_peak_memory(edgeq_case: CaseCheck) -> None:
    """A worker that runs the variant needs no more memory than this."""
    edgeq_case.check()


@pytest.mark.memory
@pytest.mark.edgeq("max_partitions")
def test_max_partitions(edgeq_case: CaseCheck) -> None:
    """The delegate made no more partitions of the graph than this."""
    edgeq_case.check()
