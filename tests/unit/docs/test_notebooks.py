"""The page about notebooks: its code is Python, its spec is valid, its tables exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edgeq.config.load import parse
from edgeq.results.validate import Validation
from tests.unit.report.records import full_record

PAGE = Path(__file__).parents[3] / "docs" / "notebooks.md"


@pytest.fixture
def blocks() -> list[str]:
    if not PAGE.is_file():
        pytest.skip("the documentation is not beside the tests")
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_spec_in_it_is_valid(blocks: list[str], tmp_path: Path) -> None:
    (table,) = (
        call.args[0]
        for block in blocks
        for call in ast.walk(ast.parse(block))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Dict)
    )
    spec = parse(ast.literal_eval(table), root=tmp_path, origin=tmp_path / "edgeq.toml")
    assert list(spec.models) == ["net"]


def test_what_it_reads_is_there(blocks: list[str]) -> None:
    pytest.importorskip("pandas")
    record = Validation.of(full_record())
    shown = [block for block in blocks if block.startswith("record.")]
    assert len(shown) == 2
    for block in shown:
        exec(compile(block, str(PAGE), "exec"), {"record": record})  # noqa: S102 - the page's own
