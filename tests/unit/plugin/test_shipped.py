"""The answer of a gate's test, phase by phase, whatever ended the phase."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, NamedTuple, cast

import pytest

from edgeq.config.load import parse
from edgeq.judge.missing import DECLARED
from edgeq.judge.verdict import Judgement, Verdict
from edgeq.pipeline.run import Run
from edgeq.plugin.case import ANSWER, INAPPLICABLE, answer_of, properties
from edgeq.plugin.shipped import REMEDY, answer_to_report
from edgeq.plugin.transport import Answer
from edgeq.results.judging import recorded

When = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]
SPEC = {
    "models": {"net": {"source": "keras:MobileNetV2"}},
    "methods": ["int8"],
    "default_gates": False,
    "gates": {"max_bytes": "1 kB"},
}
SIZE, TYPES = "net/int8/max_bytes", "net/int8/types"


class Test:
    """A test of the gate in a session of its own, with what pytest knows about it."""

    __test__ = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, case: str = SIZE, **keys: object) -> None:
        spec = parse({**SPEC, **keys}, root=Path("/project"), origin=Path("edgeq.toml"))
        cases = {one.id: one for one in Run(spec).cases}
        state = SimpleNamespace(spec=spec, cases=cases)
        monkeypatch.setattr("edgeq.plugin.shipped.state_of", {"config": state}.__getitem__)
        self.case = cases.get(case)
        self.open_fails = spec.inconclusive == "fail"
        self.item = SimpleNamespace(
            config="config",
            callspec=SimpleNamespace(params={"edgeq_case": case}),
            stash=pytest.Stash(),
            user_properties=[("mine", 1)],
        )

    def judged(self, status: Verdict, *, declared: bool = False) -> Answer:
        """Give the case a verdict, as the test's call does."""
        assert self.case is not None
        judgement = Judgement(status=status, reason="so", declared_missing=declared)
        record = recorded(self.case, judgement)
        answer = answer_of(record, open_fails=self.open_fails)
        self.item.stash[ANSWER] = answer
        self.item.user_properties += properties(record)
        return answer

    def reported(
        self, when: When, end: Callable[[], None] = lambda: None, *, xfail: str | None = None
    ) -> Answer | None:
        """Return the answer of a phase that ends so; an xfail marker skips what fails."""
        call = pytest.CallInfo.from_call(end, when)
        outcome: Outcome = "passed"
        longrepr: object = None
        if call.excinfo is not None:
            skipped = call.excinfo.errisinstance(pytest.skip.Exception)
            outcome = "skipped" if skipped or xfail is not None else "failed"
            text = str(call.excinfo.value)
            longrepr = ("test_gate.py", 1, f"Skipped: {text}") if skipped else text
        self.report = pytest.TestReport(
            nodeid="test_gate.py::test_size",
            location=("test_gate.py", 1, "test_size"),
            keywords={},
            outcome=outcome,
            longrepr=cast("str", longrepr),
            when=when,
            user_properties=list(self.item.user_properties),
        )
        if xfail is not None:
            self.report.wasxfail = xfail
        return answer_to_report(cast("pytest.Item", self.item), self.report, call)


class Summary(NamedTuple):
    """What is left of an answer to compare."""

    status: Verdict
    reason: str
    outcome: str | None
    declared: bool
    next_step: str | None


def summary(answer: Answer | None) -> Summary | None:
    if answer is None:
        return None
    case = answer.case
    return Summary(case.status, case.reason, answer.outcome, case.declared_missing, case.next_step)


def not_measured(why: str) -> Summary:
    return Summary(
        Verdict.MISSING, f"not measured: {why}", "failed", declared=False, next_step=REMEDY
    )


def spoiled(verdict: Verdict, why: str) -> Summary:
    reason = f"{verdict.value} does not stand: {why}"
    return Summary(Verdict.FAIL, reason, "failed", declared=False, next_step=REMEDY)


def skips() -> None:
    pytest.skip("not today")


def breaks() -> None:
    raise RuntimeError("no disk")


def fails() -> None:
    pytest.fail("so", pytrace=False)


def test_a_test_that_gives_its_verdict_is_what_the_verdict_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for status, end in ((Verdict.PASS, lambda: None), (Verdict.FAIL, fails)):
        test = Test(monkeypatch)
        assert test.reported("setup") is None
        answer = test.judged(status)
        before = list(test.item.user_properties)
        assert test.reported("call", end) is answer
        assert test.item.user_properties == before
        assert test.reported("teardown") is None


@pytest.mark.parametrize(
    ("when", "end", "xfail", "why"),
    [
        ("setup", skips, None, "its test was skipped: not today"),
        ("setup", breaks, None, "its set-up failed: no disk"),
        ("setup", breaks, "known", "its test was skipped: xfail known"),
        ("call", skips, None, "its test was skipped: not today"),
        ("call", breaks, "", "its test was skipped: xfail"),
        ("call", breaks, None, "its test failed before it was judged: no disk"),
        (
            "call",
            lambda: None,
            None,
            "its test never asked for the verdict (`edgeq_case.check()`)",
        ),
        ("teardown", breaks, None, "its test's tear-down failed: no disk"),
    ],
)
def test_a_case_without_a_verdict_is_missing_and_fails(
    when: When,
    end: Callable[[], None],
    xfail: str | None,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = Test(monkeypatch)
    answer = test.reported(when, end, xfail=xfail)
    assert summary(answer) == not_measured(why)
    assert answer is not None
    assert answer.case.id == SIZE
    assert test.item.stash[ANSWER] is answer
    assert test.item.user_properties == [("mine", 1), *properties(answer.case)]
    assert test.report.user_properties == test.item.user_properties


def test_a_gate_that_may_be_absent_is_missing_by_declaration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = Test(monkeypatch, allow_missing=["max_bytes"])
    declared = not_measured(f"its test was skipped: not today{DECLARED}")
    assert summary(test.reported("call", skips)) == declared._replace(
        outcome="skipped", declared=True
    )
    other = Test(monkeypatch, TYPES, allow_missing=["max_bytes"])
    assert summary(other.reported("call", skips)) == not_measured("its test was skipped: not today")


@pytest.mark.parametrize(
    ("when", "end", "why"),
    [
        ("call", breaks, "its test failed after it: no disk"),
        ("call", skips, "its test failed after it: Skipped: not today"),
        ("teardown", breaks, "its test's tear-down failed: no disk"),
        ("teardown", fails, "its test's tear-down failed: so"),
    ],
)
def test_a_verdict_that_its_own_test_contradicts_is_fail(
    when: When, end: Callable[[], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = Test(monkeypatch)
    test.judged(Verdict.PASS)
    assert summary(test.reported(when, end)) == spoiled(Verdict.PASS, why)
    statuses = [value for name, value in test.item.user_properties if name == "edgeq.status"]
    assert statuses == ["FAIL"]


def test_the_exception_of_a_verdict_is_not_another_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An open verdict fails its test by the spec's choice, a declared absence skips it."""
    test = Test(monkeypatch, inconclusive="fail")
    answer = test.judged(Verdict.INCONCLUSIVE)
    assert answer.outcome == "failed"
    assert test.reported("call", fails) is answer
    assert summary(test.reported("call", skips)) == spoiled(
        Verdict.INCONCLUSIVE, "its test failed after it: Skipped: not today"
    )


def test_an_absence_by_declaration_is_what_skips_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    test = Test(monkeypatch)
    answer = test.judged(Verdict.MISSING, declared=True)
    assert test.reported("call", skips) is answer
    assert summary(test.reported("call", fails)) == spoiled(
        Verdict.MISSING, "its test failed after it: so"
    )


def test_a_skipped_tear_down_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    test = Test(monkeypatch)
    test.judged(Verdict.PASS)
    assert test.reported("teardown", skips) is None


def test_a_gate_that_does_not_apply_has_no_verdict_unless_its_test_breaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = Test(monkeypatch)
    test.item.stash[INAPPLICABLE] = True
    assert test.reported("call", skips) is None
    broken = not_measured("its test failed before it was judged: no disk")
    assert summary(test.reported("call", breaks)) == broken


def test_a_case_that_the_spec_does_not_declare_has_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test = Test(monkeypatch, "net/int8/max_latency_ms")
    assert test.reported("call", skips) is None
    assert test.item.user_properties == [("mine", 1)]
