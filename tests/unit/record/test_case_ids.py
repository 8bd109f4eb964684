from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.record.case_ids import CaseId, case_id, parsed

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]*", fullmatch=True)


@given(NAMES, NAMES, NAMES, NAMES)
def test_an_id_is_read_back(model: str, method: str, engine: str, target: str) -> None:
    variant = f"{method}@{engine}"
    assert parsed(case_id(model, variant, "max_bytes")) == (model, variant, "max_bytes", "local")
    there = parsed(case_id(model, variant, "max_bytes", f"far-{target}"))
    assert there == (model, f"{variant}@far-{target}", "max_bytes", f"far-{target}")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("net/int8/latency_ratio@pi", ("net", "int8@pi", "latency_ratio", "pi")),
        ("net/int8/test_own::test_mine[a@b]", ("net", "int8", "test_own::test_mine[a@b]", "local")),
        ("net", ("net", "", "", "local")),
    ],
)
def test_the_target_ends_the_id_of_a_gates_case(text: str, parts: CaseId) -> None:
    assert parsed(text) == parts
