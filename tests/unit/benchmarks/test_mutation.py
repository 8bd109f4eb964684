"""What the mutation score counts, on two files as mutmut writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

mutation = pytest.importorskip("benchmarks.mutation", reason="a source package has no benchmarks")

MODULE = "edgeq/judge/verdict.py"
CODES = {"1": 1, "2": 0, "3": 0, "4": -24, "5": 33}
SOURCE = """
def x_least__mutmut_orig(value: float) -> str:
    if value < 1:
        return "far below the limit"
    return "low"

def x_least__mutmut_1(value: float) -> str:
    if value <= 1:
        return "far below the limit"
    return "low"

def x_least__mutmut_2(value: float) -> str:
    if value < 2:
        return "far below the limit"
    return "low"

def x_least__mutmut_3(value: float) -> str:
    if value < 1:
        return "XXfar below the limitXX"
    return "low"

def x_least__mutmut_4(value: float) -> str:
    if value < 1:
        return "far below the limit"
    return "LOW"

class Both:
    def xǁBothǁadd__mutmut_orig(self) -> int:
        return 1

    def xǁBothǁadd__mutmut_5(self) -> int:
        return 2
"""


@pytest.fixture
def mutants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    file = tmp_path / MODULE
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE, encoding="utf-8")
    named = {
        f"edgeq.judge.verdict.{'xǁBothǁadd' if number == '5' else 'x_least'}__mutmut_{number}": code
        for number, code in CODES.items()
    }
    meta = json.dumps({"exit_code_by_key": named})
    file.with_name("verdict.py.meta").write_text(meta, encoding="utf-8")
    monkeypatch.setattr(mutation, "MUTANTS", tmp_path)
    assert mutation.modules() == [MODULE]
    return list(mutation.mutants_of(MODULE))


def test_a_mutant_is_known_by_its_function_and_what_it_changes(
    mutants: list[Any],
) -> None:
    assert [mutant.key for mutant in mutants] == [
        ("edgeq.judge.verdict.least", "if value < 1:", "if value <= 1:"),
        ("edgeq.judge.verdict.least", "if value < 1:", "if value < 2:"),
        (
            "edgeq.judge.verdict.least",
            'return "far below the limit"',
            'return "XXfar below the limitXX"',
        ),
        ("edgeq.judge.verdict.least", 'return "low"', 'return "LOW"'),
        ("edgeq.judge.verdict.Both.add", "return 1", "return 2"),
    ]


def test_only_a_sentence_is_wording_and_a_test_that_never_ends_has_seen_the_change(
    mutants: list[Any],
) -> None:
    assert [mutant.wording for mutant in mutants] == [False, False, True, False, False]
    assert [mutant.killed for mutant in mutants] == [True, False, False, True, False]


def test_what_survived_counts_against_the_score_even_if_it_is_listed(
    mutants: list[Any],
) -> None:
    rows = list(mutation.table(mutants, {mutants[1].key: "why"}))
    assert rows[2] == f"| {MODULE} | 4 | 2 | 1 | 1 | 1 | 50.0% | 1 |"
    assert rows[3] == "| **all** | 4 | 2 | 1 | 1 | 1 | 50.0% | 1 |"


def test_a_seed_draws_the_same_sample_and_no_wording(mutants: list[Any]) -> None:
    drawn = mutation.sample(mutants, 3, seed=1)
    assert drawn == mutation.sample(reversed(mutants), 3, seed=1)
    assert mutants[2] not in mutation.sample(mutants, 9)
    assert len(mutation.sample(mutants, 9)) == 4


@pytest.mark.parametrize(
    ("listed", "code"), [((1, 4), 1), ((1,), 1), ((0, 1, 4), 1)], ids=["few", "unlisted", "stale"]
)
def test_a_low_score_an_unlisted_survivor_and_a_stale_entry_fail(
    mutants: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    listed: tuple[int, ...],
    code: int,
) -> None:
    monkeypatch.setattr(
        mutation, "equivalents", lambda: {mutants[place].key: "why" for place in listed}
    )
    assert mutation.report(mutants, mutants) == code


def test_all_killed_is_exit_code_0(mutants: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "equivalents", dict)
    assert mutation.report([mutants[0], mutants[2], mutants[3]], mutants) == 0
    monkeypatch.setattr(mutation, "equivalents", lambda: {mutants[1].key: "why"})
    assert mutation.report([mutants[0]] * 19 + [mutants[1]], mutants) == 0
    assert mutation.report([mutants[0]] * 18 + [mutants[1]], mutants) == 1


def test_a_listed_mutant_is_stale_if_it_was_killed_or_is_gone_but_not_if_it_was_not_drawn(
    mutants: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutation, "equivalents", lambda: {mutants[1].key: "why"})
    killed, survivor = mutants[0], mutants[1]
    assert mutation.report([killed], mutants) == 0
    assert mutation.report([killed], [killed]) == 1
    monkeypatch.setattr(mutation, "equivalents", lambda: {killed.key: "why"})
    assert mutation.report([killed], [killed, survivor]) == 1
    assert mutation.report([killed]) == 0


def test_the_list_of_the_project_gives_an_argument_for_each() -> None:
    assert all(len(why) > 20 for why in mutation.equivalents().values())
