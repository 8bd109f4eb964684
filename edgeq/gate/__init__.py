"""The shipped test cases.

A suite of one's own takes them all::

from edgeq.gate import *
"""

from edgeq.gate.suite import (
    test_accuracy_drop,
    test_calibration_disjoint,
    test_calibration_set,
    test_input_range,
    test_kernels,
    test_latency_ratio,
    test_made,
    test_max_bytes,
    test_max_latency_ms,
    test_max_partitions,
    test_max_peak_memory,
    test_outputs,
    test_relative_error,
    test_size_reduction,
    test_top1_agreement,
    test_top5_overlap,
    test_types,
    test_worst_cosine,
)

__all__ = [
    "test_accuracy_drop",
    "test_calibration_disjoint",
    "test_calibration_set",
    "test_input_range",
    "test_kernels",
    "test_latency_ratio",
    "test_made",
    "test_max_bytes",
    "test_max_latency_ms",
    "test_max_partitions",
    "test_max_peak_memory",
    "test_outputs",
    "test_relative_error",
    "test_size_reduction",
    "test_top1_agreement",
    "test_top5_overlap",
    "test_types",
    "test_worst_cosine",
]
