"""A case held against what was accepted, while its test still runs: JUnit then shows the answer."""

from __future__ import annotations

from edgeq.change import Change, ChangeKind
from edgeq.escape import printable
from edgeq.history.compare import compare
from edgeq.history.moment import moment_text
from edgeq.history.side import of_accepted, of_record
from edgeq.pipeline.recording import describe_models, record_run
from edgeq.plugin.state import State
from edgeq.record import CaseRecord


def change_of(state: State, case: CaseRecord) -> Change | None:
    """Return what became of a case since its accepted record, None where there is none."""
    known = [one for one in state.accepted if one.model == case.model]
    if not known:
        return None
    record = record_run(
        state.run,
        (case,),
        describe_models(state.run, only=case.model),
        started=moment_text(state.started),
        duration_s=0.0,
        partial=True,
    )
    changes = compare(of_accepted(known), of_record(record))
    return next((change for change in changes if change.id == case.id), None)


def in_words(change: Change) -> str:
    """Return why a case fails that keeps its own limit."""
    if change.is_open:
        return (
            f"{change.id} is {change.against}: {printable(change.reason)}\n"
            "Next: Where the variant is meant to be fed so, accept its figures: "
            "edgeq accept -k CASE --reason TEXT"
        )
    worse = change.kind is ChangeKind.WORSE
    against = "worse than accepted" if worse else "gone since the accepted record"
    choice = "-k CASE" if worse else "--prune"
    return (
        f"{change.id} is {against}: {printable(change.reason)}\n"
        f"Next: Where that is meant, say why: edgeq accept {choice} --reason TEXT"
    )
