"""Collecting the cases of a session into one record, under xdist too."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.outcomes import ATTRIBUTE, OWN_ATTRIBUTE
from edgeq.plugin.parametrize import REFUSED, refuse
from edgeq.plugin.state import State

if TYPE_CHECKING:
    from edgeq.record.structs import RunRecord

MODELS = "edgeq_models"
DESELECTED = "edgeq_deselected"
GATED = "edgeq_gated"
OWN = "edgeq_own"
SPEC_FILE = "edgeq_spec_file"
STOPPED = "edgeq_stopped"
CASE = "edgeq_case"
SUBJECT = "edgeq_subject"
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class Collector:
    """The plugin's part that lives for one session.

    Args:
        state: Where findings are noted.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._found = state.found

    def pytest_sessionstart(self) -> None:
        """Refuse a bad spec at once, before anything is collected."""
        if self._state.spec_file is None:
            return
        try:
            self._state.cases  # noqa: B018 - reading it checks the whole spec
        except EdgeqError as error:
            refuse(self._state.config, error)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        """Leave out the tests of gates that the spec does not declare."""
        found = yield
        if not isinstance(found, list):
            return found
        return [item for item in found if not _is_undeclared(item)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Refuse tests without a spec, or of two; leave out those that bad input stops.

        All tests are known then, the others have been chosen, and none has run.
        """
        if self._state.refusal is not None:
            refuse(self._state.config, self._state.refusal)
        result = yield
        if not config.option.collectonly:
            chosen = [self._state.cases[name] for item in items if (name := _case_id(item))]
            if chosen:
                self._leave_out(items, self._state.beforehand.stopped(chosen))
        return result

    def _leave_out(self, items: list[pytest.Item], stopped: Mapping[str, EdgeqError]) -> None:
        """Take the tests of variants that can't be judged out of a list; note why, once.

        Their cases are MISSING. A test of the user's own that uses such a variant has nothing to
        look at.
        """
        if not stopped:
            return
        self._note(items)
        from edgeq.results.beforehand import unjudged

        left = []
        for item in items:
            name = _case_id(item)
            case = None if name is None else self._state.cases[name]
            error = stopped.get(_subject_key(item) if case is None else case.variant.name)
            if error is None:
                left.append(item)
            elif case is not None:
                self._found.stop(unjudged(case, error, self._state.spec), str(error))
        items[:] = left

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note that the user asked for a part only."""
        self._found.deselected = self._found.deselected or bool(items)
        self._note(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what the tests are about."""
        self._note(session.items)

    def _note(self, items: Sequence[pytest.Item]) -> None:
        if self._state.refusal is not None:
            return  # they are not run, and there may be no spec that they could be named by
        for item in items:
            names = getattr(item, "fixturenames", ())
            self._found.gated = self._found.gated or "edgeq_case" in names
            if "edgeq_subject" in names:
                from edgeq.plugin.own import own_id

                name = own_id(item, self._state.root)
                self._found.own |= {} if name is None else {name: None}

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the user, and no test, plugin or error of collection, ended the session."""
        by_pytest = isinstance(excinfo.value, pytest.Session.Interrupted)
        self._found.interrupted = excinfo.errisinstance(KeyboardInterrupt) and not by_pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Do what the selected cases need, on all cores, before the first of them asks.

        Workers of xdist are many already, and each does what its own cases need when they ask.
        """
        option = session.config.option
        if option.collectonly or session.testsfailed or hasattr(session.config, "workerinput"):
            return
        chosen = dict.fromkeys(_case_id(item) for item in session.items)
        cases = [self._state.cases[name] for name in chosen if name is not None]
        if cases:
            from edgeq.results.beforehand import without_baseline
            from edgeq.results.prefetch import prefetch

            prefetch(self._state.run, cases)
            self._leave_out(session.items, without_baseline(self._state.run, cases))
            session.testscollected = len(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdict off a report. In xdist's controller this is where they arrive."""
        own: str | None = getattr(report, OWN_ATTRIBUTE, None)
        if own is not None:
            self._take_own(own)
        text: str | None = getattr(report, ATTRIBUTE, None)
        if text is None:
            return
        from edgeq.plugin.transport import decode_answer

        case, error = decode_answer(text)
        self._found.cases[case.id] = case
        if error is not None:
            self._found.add_error(error)

    def _take_own(self, text: str) -> None:
        from edgeq.plugin.own import worse
        from edgeq.plugin.transport import decode_answer

        case, _ = decode_answer(text)
        self._found.cases[case.id] = worse(self._found.cases.get(case.id), case)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist knows about the models."""
        sent = getattr(node, "workeroutput", {})
        self._found.deselected = self._found.deselected or sent.get(DESELECTED, False)
        self._found.gated = self._found.gated or sent.get(GATED, False)
        self._found.own |= dict.fromkeys(sent.get(OWN, ()))
        if REFUSED in sent:
            self._found.refused = True
            self._found.add_error(sent[REFUSED])
        if sent.get(SPEC_FILE) is not None:
            self._take(Path(sent[SPEC_FILE]))
        from edgeq.plugin.transport import decode_answer

        for text in sent.get(STOPPED, ()):
            case, error = decode_answer(text)
            self._found.stop(case, error or "")
        if MODELS in sent:
            from edgeq.plugin.transport import decode_models
            from edgeq.results.merging import merge_models

            self._found.models = merge_models(self._found.models, decode_models(sent[MODELS]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record and its report; set the exit code that bad input asks for.

        First of all, because JUnit's file is written at the same point and holds the answers.
        """
        run = self._state.run if self._found.stopped else self._state.run_if_asked_for()
        if run is not None:
            for model, why in self._found.stopped_models.items():
                run.inputs(model).refuse(EdgeqError(why))  # the report makes nothing either
            from edgeq.results.merging import merge_models
            from edgeq.results.recording import describe_models

            self._found.models = merge_models(self._found.models, describe_models(run))
        if hasattr(session.config, "workeroutput"):
            from edgeq.plugin.transport import encode_answer, encode_models

            session.config.workeroutput[MODELS] = encode_models(self._found.models)
            session.config.workeroutput[DESELECTED] = self._found.deselected
            session.config.workeroutput[GATED] = self._found.gated
            session.config.workeroutput[OWN] = list(self._found.own)
            if self._state.spec_file is not None:
                session.config.workeroutput[SPEC_FILE] = str(self._state.spec_file)
            session.config.workeroutput[STOPPED] = [
                encode_answer(case, error) for case, error in self._found.stopped
            ]
            return
        if self._found.refused:
            return
        interrupted = self._found.interrupted and self._state.spec_file is not None
        if self._found.cases or (interrupted and run is not None):
            self._finish(session)
        if interrupted:
            session.exitstatus = EXIT_INTERRUPTED

    def _take(self, file: Path) -> None:
        """Take the spec that the workers' tests showed."""
        if file != self._state.spec_file:
            self._state.take(file)

    def _finish(self, session: pytest.Session) -> None:
        from edgeq.plugin.junit import note_answers
        from edgeq.plugin.writing import write

        try:
            write(self._state, partial=_is_partial(session, self._state))
        except EdgeqError as error:
            self._found.add_error(str(error))
        if self._found.record is not None:
            note_answers(session.config, self._found.record)
        if self._found.errors:
            session.exitstatus = EXIT_BAD_INPUT
        elif _is_stopped(self._found.record) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _case_id(item: pytest.Item) -> str | None:
    """Return the case that a test answers, None where it answers none."""
    callspec = getattr(item, "callspec", None)
    name = None if callspec is None else callspec.params.get(CASE)
    return name if isinstance(name, str) else None


def _subject_key(item: pytest.Item) -> str:
    """Return the variant that a test of the user's own uses, empty if it uses none."""
    callspec = getattr(item, "callspec", None)
    return "" if callspec is None else str(callspec.params.get(SUBJECT, ""))


def _is_undeclared(item: object) -> bool:
    """Return whether a test has no case: pytest left a place holder where it had none to give."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and not isinstance(callspec.params.get(CASE, ""), str)


def _is_partial(session: pytest.Session, state: State) -> bool:
    """Return whether the user asked for a part of the gate, or for tests of their own alone."""
    if not state.found.gated:
        return True
    named = any("::" in argument for argument in session.config.args)
    return state.found.deselected or named or bool(session.config.getoption("lf", default=False))


def _is_stopped(record: RunRecord | None) -> bool:
    """Return whether a run fails for what no test can say.

    Declared cases went without a test that nobody chose to leave out, an earlier run that this one
    is joined with found a case that fails, or a case is worse than its accepted record, or can't be
    compared with it and the spec lets that fail.
    """
    if record is None:
        return False
    left_out = bool(record.summary.not_run) and not record.partial
    open_ = record.inconclusive == "fail" and any(change.is_open for change in record.changes)
    earlier = any(case.as_of is not None and record.stops(case) for case in record.cases)
    return left_out or open_ or earlier or any(change.fails for change in record.changes)
