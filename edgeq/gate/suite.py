"""One test per gate, made from the table; each runs once for every variant that the gate covers.

Written out, the test for the gate ``max_bytes`` would be::

    @pytest.mark.size
    @pytest.mark.edgeq("max_bytes")
    def test_max_bytes(edgeq_case: CaseCheck) -> None:
        edgeq_case.check()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from edgeq.config.gate import Gate
from edgeq.config.gates import GATES
from edgeq.config.markers import OWN_MEASURES
from edgeq.plugin.latency import worker_clock

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from edgeq.plugin.case import CaseCheck

_SHIPPED = [gate for _, gate in GATES if not gate.declared]

__all__ = [f"test_{name}" for name in (*(gate.name for gate in _SHIPPED), OWN_MEASURES)]


def _test_of(gate: Gate) -> Callable[..., None]:
    """Return the test that runs the cases of a gate."""
    if gate.timed:

        def test(edgeq_case: CaseCheck, benchmark: BenchmarkFixture) -> None:
            edgeq_case.check_latency(benchmark)

        test = pytest.mark.benchmark(group=gate.name, timer=worker_clock)(test)
    else:

        def test(edgeq_case: CaseCheck) -> None:  # type: ignore[misc]
            edgeq_case.check()

    test.__name__ = test.__qualname__ = f"test_{gate.name}"
    test.__doc__ = f"{gate.summary[0].upper()}{gate.summary[1:]}."
    test.__module__ = __name__
    marked: Callable[..., None] = getattr(pytest.mark, gate.marker)(test)
    return pytest.mark.edgeq(gate.name)(marked)  # type: ignore[no-any-return]


globals().update({f"test_{gate.name}": _test_of(gate) for gate in _SHIPPED})


@pytest.mark.accuracy
@pytest.mark.edgeq(OWN_MEASURES)
def test_own_measures(edgeq_case: CaseCheck) -> None:
    """The measures that the spec declares with functions of the project's own.

    One test runs all of them, because a suite may be imported before the spec is read.
    """
    edgeq_case.check()
