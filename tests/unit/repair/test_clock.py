from __future__ import annotations

import pytest

from edgeq.repair.clock import Clock


def test_time_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    limited, patient = Clock(10.0), Clock()
    now = 109.0
    assert limited.passed_s == 9.0
    assert not limited.is_over
    now = 110.0
    assert limited.is_over
    assert not patient.is_over
