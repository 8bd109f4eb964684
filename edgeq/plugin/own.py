"""Users' own tests that use a variant; each is a case of that variant, named after the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.io.structs import Json
from edgeq.judge.verdict import Verdict
from edgeq.plugin.parametrize import variant_id
from edgeq.record.case_ids import OWN_TEST
from edgeq.record.structs import CaseRecord
from edgeq.results.joining import sources_sha256
from edgeq.words.escape import shortened

SUBJECT = "edgeq_subject"
_MAX_LENGTH = 300


def own_subject(item: pytest.Item) -> str | None:
    """Return the variant that a user's own test is about, None if it is about none."""
    callspec = getattr(item, "callspec", None)
    key = None if callspec is None else callspec.params.get(SUBJECT)
    answers_a_case = "edgeq_case" in getattr(item, "fixturenames", ())
    return key if isinstance(key, str) and not answers_a_case else None


def own_id(item: pytest.Item, root: Path) -> str | None:
    """Return the case id of a user's own test, None if it is about no variant.

    The id is ``MODEL/VARIANT/FOLDER.FILE::TEST[PARAMETERS]``, with the file relative to a folder
    and without the variant among the parameters. The folder is the spec's.
    """
    key = own_subject(item)
    return None if key is None else f"{key}/{_name(item, key, root)}"


def own_record(item: pytest.Item, report: pytest.TestReport, root: Path) -> CaseRecord | None:
    """Return the verdict of a test's phase about its variant, None if there is none.

    A test that is skipped or fails as expected proves nothing. Its case is MISSING, declared by the
    test.
    """
    key, case_id = own_subject(item), own_id(item, root)
    outcome = _outcome(report)
    if key is None or case_id is None or outcome is None:
        return None
    status, reason, declared = outcome
    model, _, variant = key.partition("/")
    return CaseRecord(
        id=case_id,
        model=model,
        variant=variant,
        gate=case_id.rpartition("/")[2],
        status=status,
        reason=reason,
        declared_missing=declared,
        next_step=_next_step(item, status, declared=declared),
        evidence=_evidence(item, root),
    )


def worse(first: CaseRecord | None, second: CaseRecord) -> CaseRecord:
    """Return the worse of two verdicts on one test: of its phases, or of two tests of one name."""
    return second if first is None or _rank(second) > _rank(first) else first


def _rank(case: CaseRecord) -> int:
    if case.status is Verdict.MISSING:
        return 1 if case.declared_missing else 2
    return 3 if case.status is Verdict.FAIL else 0


def _name(item: pytest.Item, key: str, root: Path) -> str:
    """Return a test's name without slashes, which in an id separate model, variant and gate."""
    *within, last = item.nodeid.split("::")[1:]
    function = getattr(item, "originalname", None) or last.partition("[")[0]
    parameters = _without(getattr(item, "callspec").id, variant_id(key))  # noqa: B009 - an Item has none
    file = _file(item, root)
    module = ".".join(file.with_suffix("").parts)
    test = OWN_TEST.join([*within, f"{function}[{parameters}]" if parameters else function])
    return f"{module}{OWN_TEST}{test}".replace("/", "%2F")


def _file(item: pytest.Item, root: Path) -> Path:
    """Return a test's file relative to a folder, or only its name if it is elsewhere."""
    path = item.path.resolve()
    return path.relative_to(root) if path.is_relative_to(root) else Path(path.name)


def _evidence(item: pytest.Item, root: Path) -> dict[str, Json]:
    """Return the test's identity and its file's hash, so that a later run may reuse the verdict."""
    facts: dict[str, Json] = {"test": item.nodeid}
    if item.path.resolve().is_relative_to(root):
        file = _file(item, root)
        facts |= {"file": file.as_posix(), "sha256": sources_sha256(root / file, root)}
    return facts


def _without(parameters: str, variant: str) -> str:
    """Return the parameters in a test's id, without the variant."""
    padded = f"-{parameters}-".replace(f"-{variant}-", "-", 1)
    return padded[1:-1]


def _outcome(report: pytest.TestReport) -> tuple[Verdict, str, bool] | None:
    """Return verdict, reason, and whether the test itself declares it MISSING."""
    expected: str | None = getattr(report, "wasxfail", None)
    if expected is not None and report.skipped:
        why = f"fails as expected (xfail): {expected}" if expected else "fails as expected (xfail)"
        return Verdict.MISSING, why, True
    if report.skipped:
        return Verdict.MISSING, f"skipped: {message(report).removeprefix('Skipped: ')}", True
    if report.failed:
        reason = message(report)
        if report.when == "setup":
            return Verdict.MISSING, f"not measured: its set-up failed: {reason}", False
        return (
            Verdict.FAIL,
            reason if report.when == "call" else f"its tear-down failed: {reason}",
            False,
        )
    if report.passed and report.when == "call":
        return Verdict.PASS, "passed" if expected is None else "passes, though marked xfail", False
    return None


def message(report: pytest.TestReport) -> str:
    """Return the first line of a test's failure message."""
    failure = report.longrepr
    crash = getattr(failure, "reprcrash", None)
    text = (
        failure[2]
        if isinstance(failure, tuple)
        else str(failure if crash is None else crash.message)
    )
    first = next((line.strip() for line in text.splitlines() if line.strip()), "it says nothing")
    return shortened(first, _MAX_LENGTH)


def _next_step(item: pytest.Item, status: Verdict, *, declared: bool) -> str | None:
    if status is Verdict.PASS:
        return None
    if declared:
        return "Let the test run for this variant, or don't ask it for this one"
    return f"Fix the variant, or the test {item.nodeid.partition('[')[0]}"
