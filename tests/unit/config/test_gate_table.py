from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeq.config.gate_table import parse_gates, parse_size
from edgeq.config.gates import GATES, limits, proofs
from edgeq.config.structs import Gates
from edgeq.errors import SpecError


def gates(**table: Any) -> Gates:
    return parse_gates(table, where="edgeq.toml")


def refusal(**table: Any) -> str:
    with pytest.raises(SpecError) as caught:
        gates(**table)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("9.5 MB", 9_500_000),
        ("9.7 MB", 9_700_000),
        ("64MiB", 64 * 1024**2),
        ("  2 kB ", 2000),
        ("1 KiB", 1024),
        ("1 GB", 10**9),
        ("1.5 GiB", 1.5 * 1024**3),
        ("7 B", 7),
    ],
)
def test_a_size_is_read_in_whole_bytes(text: str, expected: float) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "9,5 MB", "-1 MB", "1e6", "1 mb", "1 TB", "1 MB 2"])
def test_a_text_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_size(text)
    assert refusal(max_bytes=text) == (
        f"edgeq.toml: gates: max_bytes = {text!r} is not a size. "
        "Write bytes or a string with one of: B, kB, MB, GB, KiB, MiB, GiB"
    )


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,400}(\.[0-9]+)? ?(kB|GiB|)", fullmatch=True))
def test_a_size_is_a_number_or_refused(text: str) -> None:
    try:
        assert parse_size(text) >= 0
    except ValueError as error:
        assert error.args == (text,)  # noqa: PT017 - most texts are not a size


@pytest.mark.parametrize("name", limits())
def test_every_limit_has_a_range(name: str) -> None:
    gate = GATES.get(name)
    lowest = gate.minimum
    for end in {lowest, gate.maximum} - {None, gate.unreachable}:
        assert gates(**{name: end}).every == {name: end}
    if gate.unreachable is not None:
        assert "is outside its range" in refusal(**{name: gate.unreachable})
    below = refusal(**{name: lowest - 1})
    assert f"{name} = " in below
    assert "outside its range. Valid: " in below
    for wrong in (math.inf, math.nan, -math.inf, 10**400, -(10**400)):
        assert "is outside its range" in refusal(**{name: wrong})
    if gate.maximum is not None:
        assert "Valid: " in refusal(**{name: gate.maximum + 1})


@pytest.mark.parametrize("name", limits())
@pytest.mark.parametrize("value", [True, [1], None])
def test_a_limit_is_a_number(name: str, value: object) -> None:
    assert "is not a number. Write a number, or false" in refusal(**{name: value})


def test_only_bytes_may_be_a_text() -> None:
    assert gates(max_peak_memory="64 MiB").every == {"max_peak_memory": 64 * 1024**2}
    assert "is not a number" in refusal(max_partitions="4")


@pytest.mark.parametrize("name", ["max_partitions", "max_bytes", "max_peak_memory"])
def test_what_is_counted_is_whole(name: str) -> None:
    assert gates(**{name: 4.0}).every == {name: 4.0}
    assert refusal(**{name: 4.5}) == (
        f"edgeq.toml: gates: {name} = 4.5 is not a whole number. Write a whole number"
    )


def test_a_percentage_is_not_a_share() -> None:
    assert refusal(top1_agreement=97) == (
        "edgeq.toml: gates: top1_agreement = 97 is outside its range. Valid: from 0 to 1"
    )


def test_a_limit_that_no_file_can_reach_is_refused() -> None:
    assert refusal(size_reduction=1).endswith(
        "size_reduction = 1 is outside its range. Valid: at least -10 and less than 1"
    )
    for name in ("latency_ratio", "max_latency_ms"):
        assert refusal(**{name: 0}).endswith(f"{name} = 0 is outside its range. Valid: more than 0")


def test_false_switches_off_for_every_one_or_for_one() -> None:
    found = gates(latency_ratio=False, int8={"accuracy_drop": False, "max_bytes": 10})
    assert found.every == {}
    assert found.by_method == {"int8": {"max_bytes": 10.0}}
    assert found.off == {"": ("latency_ratio",), "int8": ("accuracy_drop",)}
    assert found.limits("") == {}
    assert found.limits("int8") == {"max_bytes": 10.0}
    assert found.limits("float16") == {}


def test_zero_is_a_limit_and_not_off() -> None:
    assert gates(accuracy_drop=0) == Gates(every={"accuracy_drop": 0.0})


@pytest.mark.parametrize("proof", proofs())
def test_a_proof_has_no_limit(proof: str) -> None:
    assert f"gates: {proof!r} is a proof: it is always on" in refusal(**{proof: 1})
    assert "gates.int8: " in refusal(int8={proof: False})


def test_an_unknown_gate_is_answered_with_the_one_meant() -> None:
    said = refusal(int8={"top1_agrement": 0.9})
    assert said.startswith(
        "edgeq.toml: gates.int8: unknown gate 'top1_agrement'. Did you mean 'top1_agreement'? "
    )
    assert "outputs" not in said


def test_a_table_in_a_table_is_no_limit() -> None:
    assert "gates.int8: unknown gate 'x'" in refusal(int8={"x": {}})
    assert "max_bytes = {} is not a number" in refusal(int8={"max_bytes": {}})


def test_gates_is_a_table() -> None:
    with pytest.raises(SpecError) as caught:
        parse_gates(3, where="pyproject.toml")
    assert str(caught.value) == "pyproject.toml: gates: is not a table. Write [tool.edgeq.gates]"
