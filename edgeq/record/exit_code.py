"""Whether a run passes, and its exit code. Pure.

Only this module decides that: sentences, JUnit, annotations and the process all call it.
"""

from __future__ import annotations

from edgeq.record.structs import RunRecord

NOTHING_FAILS = 0
FAILS = 1
BAD_INPUT = 2
NO_TESTS = 5
"""Pytest's own code for a session without tests."""
INTERRUPTED = 130


def fails(record: RunRecord) -> bool:
    """Return whether anything in a run makes it fail.

    That is a failing case, a declared case without a verdict that the user did not choose to leave
    out, a case worse than accepted, bad input, a verdict of an undeclared case, or no verdict.
    """
    open_ = record.inconclusive == "fail" and any(change.is_open for change in record.changes)
    undeclared = not record.summary.complete and not record.summary.not_run
    return bool(
        not record.cases
        or record.errors
        or record.lost
        or undeclared
        or open_
        or any(record.stops(case) for case in record.cases)
        or any(change.fails for change in record.changes)
    )


def passes(record: RunRecord) -> bool:
    """Return whether a run is complete and nothing in it fails."""
    return record.summary.complete and not record.interrupted and not fails(record)


def is_open(record: RunRecord) -> bool:
    """Return whether nothing fails in a run that is incomplete on purpose."""
    return not (record.summary.complete or record.interrupted or fails(record))


def exit_code(record: RunRecord) -> int:
    """Return the exit code of a run: 0 only if nothing in it fails."""
    if record.interrupted:
        return INTERRUPTED
    if record.errors:
        return BAD_INPUT
    return FAILS if fails(record) else NOTHING_FAILS


def exit_status(
    session: int, record: RunRecord | None, *, errors: bool = False, interrupted: bool = False
) -> int:
    """Return the exit code of a session: pytest's own, unless the run's is worse.

    Args:
        session: The exit code of pytest and its plugins.
        record: The record of the run. None if there is none: no test of the gate was selected, or
            the session ended before there was a result.
        errors: Whether there was bad input.
        interrupted: Whether Ctrl-C ended the session.
    """
    if record is not None:
        code = exit_code(record)
    elif interrupted:
        code = INTERRUPTED
    else:
        code = BAD_INPUT if errors else NOTHING_FAILS
    if code in {BAD_INPUT, INTERRUPTED}:
        return code
    return code if code and session in {NOTHING_FAILS, NO_TESTS} else session
