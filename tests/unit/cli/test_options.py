from __future__ import annotations

import pytest

from edgeq.cli.options import say, width


def test_one_line_is_said_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    say("  tiny\x1b[2J\n::error title=x::y: cleared")
    said = capsys.readouterr().out
    assert said == "  tiny?[2J?::error title=x::y: cleared\n"
    say("to whom it may concern", err=True)
    assert capsys.readouterr().err == "to whom it may concern\n"


@pytest.mark.parametrize(("columns", "expected"), [("80", 80), ("20", 60), ("400", 140)])
def test_lines_are_as_wide_as_the_terminal_within_limits(
    columns: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == expected
