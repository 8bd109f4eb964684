"""Counts the processes that decode photographs."""

from __future__ import annotations

import pytest

from edgeq.samples import apart


def started_decoders(monkeypatch: pytest.MonkeyPatch) -> list[apart.Decoder]:
    """Return a list that every decoder joins when it is started."""
    started: list[apart.Decoder] = []

    class Noted(apart.Decoder):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(apart, "Decoder", Noted)
    return started
