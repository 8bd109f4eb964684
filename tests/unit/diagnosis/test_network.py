from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgeq.diagnosis.bench import Bench, Trial
from edgeq.diagnosis.network import kernels


def bench(before: float, after: float) -> Bench:
    """Return a bench whose variant has an error by each kind of kernels, both near a good one."""
    laid = SimpleNamespace(attempt=lambda *_: SimpleNamespace(error=after))

    def recovers(_: Trial, __: Trial) -> bool:
        return True

    stand_in: dict[str, Any] = {
        "variant": SimpleNamespace(
            spec=SimpleNamespace(run=SimpleNamespace(kernels="xnnpack")), preprocessing=None
        ),
        "chosen": [0, 1, 2],
        "laid_out": lambda _: nullcontext(laid),
        "known": lambda _: SimpleNamespace(error=before),
        "recovers": recovers,
    }
    return cast("Bench", SimpleNamespace(**stand_in))


@pytest.mark.parametrize(("after", "named"), [(0.07, False), (0.046, False), (0.045, True)])
def test_kernels_that_round_otherwise_are_not_blamed(after: float, *, named: bool) -> None:
    """FastestDet in dynamic range has 0.09 on two images, and 0.07 on the reference kernels."""
    cause = kernels(bench(0.09, after))
    assert (cause is not None) is named
    assert cause is None or cause.name == "kernels"
