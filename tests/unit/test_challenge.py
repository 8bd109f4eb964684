"""The answer of a challenge, as JSON both ways."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq import challenge
from edgeq.challenge import ControlAnswer, FaultAnswer, summed
from edgeq.errors import RecordError

FAULT = FaultAnswer(
    model="net", variant="int8", name="one", place="file", severity="low", verdict="caught"
)
CONTROL = ControlAnswer(model="net", variant="int8", name="two", verdict="broken", note="why")
FOUND = summed((FAULT,), (CONTROL,), started="2026-11-23T12:00:00+00:00", complete=True)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert challenge.last(tmp_path) is None
    challenge.write(FOUND, tmp_path / challenge.FILE)
    assert challenge.last(tmp_path) == FOUND


def test_what_is_broken_is_not_counted() -> None:
    found = summed((FAULT, *[_with(one) for one in ("broken", "not applicable", "missed")]), ())
    assert found.score == 0.5
    assert len(found.applicable) == 2
    assert found.of("broken") == (_with("broken"),)
    assert not found.passed


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"{", "not a challenge"),
        (b"[1]", "not a challenge"),
        (b'{"schema": "edgeq.challenge/2"}', "schema 'edgeq.challenge/2' is not one"),
        (b'{"schema": "edgeq.challenge/1", "model": 3}', "the challenge is damaged"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / challenge.FILE
    path.write_bytes(data)
    with pytest.raises(RecordError, match=what):
        challenge.read(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Run `edgeq challenge` first"):
        challenge.read(tmp_path / challenge.FILE)


def _with(verdict: str) -> FaultAnswer:
    return msgspec.structs.replace(FAULT, verdict=verdict)
