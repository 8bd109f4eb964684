"""The answer of a challenge, as JSON both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.errors import RecordError
from edgeq.record.challenge import RESULT, ControlAnswer, FaultAnswer, Shares, summed

FAULT = FaultAnswer(
    model="net", variant="int8", name="one", place="file", severity="low", verdict="caught"
)
CONTROL = ControlAnswer(model="net", variant="int8", name="two", verdict="broken", note="why")
FOUND = summed((FAULT,), (CONTROL,), started="2026-11-23T12:00:00+00:00", complete=True)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert RESULT.last(tmp_path) is None
    RESULT.write(FOUND, tmp_path / RESULT.file)
    assert RESULT.last(tmp_path) == FOUND


def test_what_is_broken_is_not_counted() -> None:
    found = summed((FAULT, *[_with(one) for one in ("broken", "not applicable", "missed")]), ())
    assert found.score == 0.5
    assert len(found.applicable) == 2
    assert found.of("broken") == (_with("broken"),)
    assert not found.passed


def test_an_invisible_fault_counts_if_a_proof_can_see_it() -> None:
    seen = _with("caught", name="seen", visible=True, proofs=("types",), caught_by=("types",))
    proved = _with("missed", name="proved", visible=False, place="weights")
    hidden = _with("missed", name="hidden", visible=False, place="preprocessing")
    found = summed((seen, proved, hidden), ())
    assert found.score == 0.5
    assert [one.name for one in found.missed] == ["proved"]
    assert [one.name for one in found.hidden] == ["hidden"]
    assert [one.name for one in found.visible] == ["seen"]
    assert [one.name for one in found.invisible] == ["proved"]


def test_what_is_hidden_alone_does_not_fail_a_challenge() -> None:
    hidden = _with("INCONCLUSIVE", visible=False, place="labels")
    found = summed((hidden,), ())
    assert found.score is None
    assert found.passed
    assert found.applicable == ()


def test_who_caught_what_is_said() -> None:
    by = {
        "proof": (("types",), ("types",)),
        "limit": (("top1_agreement",), ()),
        "both": (("types", "top1_agreement"), ("types",)),
    }
    faults = tuple(
        _with("caught", name=name, caught_by=caught, proofs=proofs, visible=True)
        for name, (caught, proofs) in by.items()
    )
    found = summed(faults, ())
    assert found.shares == Shares(proofs=1, limits=1, both=1)
    assert found.findings == (
        "Caught by proofs alone: 1; by gates with a limit alone: 1; by both: 1",
        (
            "Visible in predictions, or not a matter of them: 3 of 3 caught; invisible, but "
            "provable: 0 of 0 caught"
        ),
    )


def test_answers_of_older_versions_say_nothing_of_who_caught_what() -> None:
    assert FOUND.shares is None
    assert FOUND.findings == ()


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
    path = tmp_path / RESULT.file
    path.write_bytes(data)
    with pytest.raises(RecordError, match=what):
        RESULT.read(path)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Run `edgeq challenge` first"):
        RESULT.read(tmp_path / RESULT.file)


def _with(verdict: str, **fields: Any) -> FaultAnswer:
    return msgspec.structs.replace(FAULT, verdict=verdict, **fields)
