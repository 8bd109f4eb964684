from __future__ import annotations

import re

from edgeq.judge.verdict import Verdict
from edgeq.report import terminal
from edgeq.words.escape import columns
from tests.unit.report import records


def test_the_table_has_gates_by_variants() -> None:
    lines = terminal.render(records.full_record()).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("efficientnetv2-b0 "))
    assert lines[head].split()[1:] == [
        "float16",
        "dynamic_range",
        "int8@tensorflow",
        "weight_only_int4",
    ]
    by_gate = {line[:21].strip(): line[21:] for line in lines[head + 1 : head + 9]}
    assert "x 50.6 %" in by_gate["top1_agreement"]
    assert "? 0.4 points lost" in by_gate["accuracy_drop"]
    assert by_gate["answer"].split("  ")[1].strip() == "+ cleared"


def test_it_is_ascii_and_fits() -> None:
    text = terminal.render(records.full_record())
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= terminal.WIDTH


def test_what_did_not_pass_comes_with_reason_and_next_step() -> None:
    text = " ".join(terminal.render(records.full_record()).split())
    assert "FAIL efficientnetv2-b0/weight_only_int4/top1_agreement:" in text
    assert "Try weight_only_int8." in text
    assert "MISSING (declared) efficientnetv2-b0/weight_only_int4/worst_cosine" in text


def test_the_last_lines_are_the_answer() -> None:
    cases = (records.case("int8", "made"), records.case("int8", "top1_agreement"))
    record = records.record((records.variant("int8", 10),), cases)
    assert terminal.render(record).splitlines()[-3:] == [
        "The run passes: all 2 cases passed.",
        "The variant is cleared and may ship.",
        "efficientnetv2-b0: int8 is cleared.",
    ]


def test_escape_sequences_and_wide_names_do_no_harm() -> None:
    name = "\x1b[31mred\x1b[0m\u4e2d\u6587" * 9
    case = records.case(name, "made", Verdict.FAIL, reason="\x1b[2J " + "\u4e2d" * 200)
    text = terminal.render(records.record((records.variant(name, 10),), (case,)))
    assert "\x1b" not in text
    assert max(columns(line) for line in text.splitlines()) <= terminal.WIDTH


def test_many_variants_are_split_into_tables_that_fit() -> None:
    names = [f"variant-number-{number}" for number in range(12)]
    cases = [records.case(name, "made") for name in names]
    text = terminal.render(records.record([records.variant(n, 10) for n in names], cases))
    assert max(len(line) for line in text.splitlines()) <= terminal.WIDTH
    assert all(name in text for name in names)


def test_a_long_list_of_failures_is_cut() -> None:
    names = [f"v{number}" for number in range(30)]
    cases = [records.case(name, "made", Verdict.FAIL, reason=f"no {name}") for name in names]
    text = terminal.render(records.record([records.variant(n, 10) for n in names], cases))
    assert text.count("FAIL efficientnetv2-b0/") == terminal.MAX_LINES
    assert "and 10 more in the report" in text


def test_cases_of_one_reason_share_a_line() -> None:
    names = ["v1", "v2", "v3"]
    cases = [records.case(name, "made", Verdict.FAIL, reason="no engine") for name in names]
    text = terminal.render(records.record([records.variant(n, 10) for n in names], cases))
    assert "FAIL efficientnetv2-b0/v1/made and 2 more: no engine." in text
    assert text.count("no engine") == 1


def test_bad_input_is_left_to_its_own_section() -> None:
    error = "nowhere: the folder does not exist. Correct `evaluation`"
    cases = [
        records.case(
            "int8",
            gate,
            Verdict.MISSING,
            reason="not measured: nowhere: the folder does not exist",
            next_step="Correct `evaluation`",
        )
        for gate in ("outputs", "top1_agreement")
    ]
    record = records.record((records.variant("int8", 10),), cases, errors=(error,))
    text = terminal.render(record)
    assert "nowhere" not in text
    assert "MISSING net/int8/outputs and 1 more: for bad input, see below." in text.replace(
        records.MODEL, "net"
    )
    assert "1 input could not be used" in text


def test_it_is_as_wide_as_it_may_be() -> None:
    for width in (terminal.MIN_WIDTH, 80, terminal.MAX_WIDTH):
        lines = terminal.render(records.full_record(), width=width).splitlines()
        assert max(map(len, lines)) <= width
    assert len(lines) < len(terminal.render(records.full_record(), width=60).splitlines())


def test_the_answer_stands_alone_after_an_empty_line() -> None:
    body, _, answer = terminal.render(records.full_record()).rpartition("\n\n")
    assert answer.startswith("The run fails: 2 cases FAIL")
    assert "The run fails" not in body


def test_verdicts_are_coloured_beside_their_marks_and_nothing_else_changes() -> None:
    plain = terminal.render(records.full_record()).splitlines()
    coloured = [terminal.coloured(line) for line in plain]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain
    text = "\n".join(coloured)
    assert "\x1b[32m+ PASS\x1b[0m" in text
    assert "\x1b[31mx 50.6 %\x1b[0m" in text
    assert "\x1b[33m? 0.4 points lost\x1b[0m" in text
    assert "\x1b[1;31mFAIL\x1b[0m efficientnetv2-b0/" in text
    assert "\x1b[1;36mMISSING\x1b[0m (declared) efficientnetv2-b0/" in text
    assert "\x1b[1;33mINCONCLUSIVE\x1b[0m, leans to PASS" in text
    leaning = terminal.coloured("INCONCLUSIVE, leans to FAIL net/int8/types: so")
    assert leaning == "\x1b[1;31mINCONCLUSIVE, leans to FAIL\x1b[0m net/int8/types: so"
