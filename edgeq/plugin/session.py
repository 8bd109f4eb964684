"""Collects the cases of a session into one record, including under xdist."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edgeq.errors import EdgeqError
from edgeq.plugin.left_out import LeftOut, by_pytest
from edgeq.plugin.outcomes import ATTRIBUTE, enforce
from edgeq.plugin.parametrize import REFUSED, refuse
from edgeq.plugin.project import is_whole
from edgeq.plugin.state import State

MODELS = "edgeq_models"
LEFT_OUT = "edgeq_left_out"
SEEN = "edgeq_seen"
SKIPPED = "edgeq_skipped"
OWN = "edgeq_own"
SPEC_FILE = "edgeq_spec_file"
STOPPED = "edgeq_stopped"
CASE = "edgeq_case"
SUBJECT = "edgeq_subject"
SUITE = b"edgeq.gate"
RERUN = "rerun"
"""Outcome that pytest-rerunfailures and similar plugins give to a phase that does not count."""


class Collector:
    """The part of the plugin that lives for one session."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._found = state.found
        self._session: pytest.Session | None = None
        self._finished = False
        self._writing = ExitStack()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Refuse a bad spec immediately, before anything is collected."""
        self._session = session
        if self._state.spec_file is None:
            return
        try:
            self._state.cases  # noqa: B018 - reading it checks the whole spec
        except EdgeqError as error:
            self._found.refused = True
            refuse(self._state.config, error)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        """Leave out tests of gates that the spec does not declare."""
        items = yield
        if not isinstance(items, list):
            return items
        return [item for item in items if not _is_undeclared(item)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Refuse tests without a spec or of two projects, and leave out tests stopped by bad input.

        At this point all tests are known and selected, and none has run.
        """
        if self._state.refusal is not None:
            refuse(self._state.config, self._state.refusal)
        self._note(items)
        result = yield
        if not config.option.collectonly:
            chosen = [self._state.cases[name] for item in items if (name := _case_id(item))]
            if chosen:
                self._state.accepted  # noqa: B018 - one that can't be read is said before the tests
                self._leave_out(items, self._state.beforehand.stopped(chosen))
        return result

    def _leave_out(self, items: list[pytest.Item], stopped: Mapping[str, EdgeqError]) -> None:
        """Remove tests of variants that can't be judged from a list, and record the reason once.

        Their cases are MISSING. A user's own test of such a variant has nothing to test.
        """
        if not stopped:
            return
        self._note(items)
        from edgeq.results.judging import unjudged

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

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record that a file of the gate's tests is skipped as a whole."""
        file = self._state.config.rootpath / report.nodeid.partition("::")[0]
        if report.skipped and file.suffix == ".py" and file.is_file():
            self._found.skipped = self._found.skipped or SUITE in file.read_bytes()

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Record which cases the user deselected with pytest's own options, not through a hook."""
        self._note(items)
        if by_pytest(sys._getframe(1)):  # noqa: SLF001 - hooks don't receive their caller
            self._found.left_out |= dict.fromkeys(self._cases(items))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record which cases the collected tests are about."""
        self._note(session.items)

    def _note(self, items: Sequence[pytest.Item]) -> None:
        if self._state.refusal is not None:
            return  # the tests don't run, and there may be no spec that defines their ids
        for name in self._cases(items):
            into = self._found.seen if name in self._state.cases else self._found.own
            into[name] = None

    def _cases(self, items: Sequence[pytest.Item]) -> Iterator[str]:
        """Yield the ids of the cases that tests judge."""
        for item in items:
            if (name := _case_id(item)) is not None:
                yield name
            elif "edgeq_subject" in getattr(item, "fixturenames", ()):
                from edgeq.plugin.own import own_id

                if (name := own_id(item, self._state.root)) is not None:
                    yield name

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Record that the user ended the session, not a test, a plugin or a collection error."""
        by_pytest = isinstance(excinfo.value, pytest.Session.Interrupted)
        self._found.interrupted = excinfo.errisinstance(KeyboardInterrupt) and not by_pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Prepare what the selected cases need, on all cores, before the first case needs it.

        Workers of xdist already run in parallel, so there each case prepares what it needs itself.
        """
        option = session.config.option
        if option.collectonly or session.testsfailed or hasattr(session.config, "workerinput"):
            return
        chosen = dict.fromkeys(_case_id(item) for item in session.items)
        cases = [self._state.cases[name] for name in chosen if name is not None]
        if cases:
            from edgeq.results.judging import without_baseline
            from edgeq.results.prefetch import prefetch

            prefetch(self._state.run, cases)
            self._leave_out(session.items, without_baseline(self._state.run, cases))
            session.testscollected = len(session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Read the verdict from a report. Under xdist, reports arrive here in the controller.

        Runs first because pytest counts failures in the same hook.
        """
        text: str | None = getattr(report, ATTRIBUTE, None)
        if text is None or report.outcome == RERUN:
            return
        from edgeq.plugin.own import worse
        from edgeq.plugin.transport import decode_answer

        answer = decode_answer(text)
        enforce(report, answer)
        case, cases = answer.case, self._found.cases
        own = answer.outcome is None
        cases[case.id] = worse(cases.get(case.id), case) if own else case
        if answer.error is not None:
            self._found.add_error(answer.error)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Merge the model facts of a worker of xdist."""
        sent = getattr(node, "workeroutput", {})
        self._found.left_out |= dict.fromkeys(sent.get(LEFT_OUT, ()))
        self._found.seen |= dict.fromkeys(sent.get(SEEN, ()))
        self._found.own |= dict.fromkeys(sent.get(OWN, ()))
        self._found.skipped = self._found.skipped or sent.get(SKIPPED, False)
        if REFUSED in sent:
            self._found.refused = True
            self._found.add_error(sent[REFUSED])
        if sent.get(SPEC_FILE) is not None:
            self._take(Path(sent[SPEC_FILE]))
        from edgeq.plugin.transport import decode_answer

        for text in sent.get(STOPPED, ()):
            answer = decode_answer(text)
            self._found.stop(answer.case, answer.error or "")
        if MODELS in sent:
            from edgeq.plugin.transport import decode_models
            from edgeq.results.joining import merge_models

            self._found.models = merge_models(self._found.models, decode_models(sent[MODELS]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the record and its report.

        Runs first because JUnit's file, which contains the answers, is written in the same hook.
        """
        if not self._finished:
            self._finished = True
            self._finish(session)

    def release(self) -> None:
        """Release the lock on the reports, so that other processes can write them."""
        self._writing.close()

    def close(self) -> None:
        """Set the exit code that the record requires, once all plugins and hooks have run."""
        try:
            self._close()
        finally:
            self.release()

    def _close(self) -> None:
        session = self._session
        if session is None or hasattr(session.config, "workeroutput"):
            return
        self.pytest_sessionfinish(session)  # in case an earlier hook ended the session
        found, state = self._found, self._state
        # Workers of xdist that refuse their tests look like interrupted ones to the controller.
        refused = found.refused or state.refusal is not None
        interrupted = found.interrupted and state.has_spec and not refused
        if found.record is not None or found.errors or interrupted:
            from edgeq.record.exit_code import exit_status

            session.exitstatus = exit_status(
                int(session.exitstatus),
                found.record,
                errors=bool(found.errors),
                interrupted=interrupted,
            )

    def _finish(self, session: pytest.Session) -> None:
        sent: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        run = self._state.run_if_asked_for()
        recorded = sent is None and self._is_recorded(session, begun=run is not None)
        if self._found.stopped or (recorded and not self._found.models):
            run = self._state.run
        if run is not None:
            for model, why in self._found.stopped_models.items():
                run.inputs(model).refuse(EdgeqError(why))  # the report must not build it either
            from edgeq.results.joining import merge_models
            from edgeq.results.recording import describe_models

            self._found.models = merge_models(self._found.models, describe_models(run))
        if sent is not None:
            self._send(sent)
        elif recorded:
            self._write(session)

    def _send(self, sent: dict[str, object]) -> None:
        """Send the findings of a worker of xdist to the controller."""
        from edgeq.plugin.transport import Answer, encode_answer, encode_models

        sent |= {
            MODELS: encode_models(self._found.models),
            LEFT_OUT: list(self._found.left_out),
            SEEN: list(self._found.seen),
            OWN: list(self._found.own),
            SKIPPED: self._found.skipped,
            STOPPED: [encode_answer(Answer(case, error)) for case, error in self._found.stopped],
        }
        if self._state.spec_file is not None:
            sent[SPEC_FILE] = str(self._state.spec_file)

    def _is_recorded(self, session: pytest.Session, *, begun: bool) -> bool:
        """Return whether there is a gate result to record.

        There is none if the user deselected all of the gate's tests or asked for other tests only.
        """
        found, state = self._found, self._state
        if found.refused or state.refusal is not None or _is_listing(session):
            return False
        if found.cases or (found.interrupted and begun):
            return True
        if found.interrupted or not state.has_spec:
            return False
        if found.skipped or not found.seen.keys() <= found.left_out.keys():
            return True
        return not (found.seen or found.own) and self._is_lost(session)

    def _is_lost(self, session: pytest.Session) -> bool:
        """Return whether the gate's tests should be there, as all of the project's were requested.

        A spec that can't be read was refused earlier.
        """
        state = self._state
        return (
            state.spec_file is not None
            and is_whole(session.config, state.spec_file.parent)
            and not session.config.getoption("lf", default=False)
            and state.spec.suite == "pytest"
        )

    def _take(self, file: Path) -> None:
        """Use the spec that the workers' tests belong to."""
        if file != self._state.spec_file:
            self._state.take(file)

    def _write(self, session: pytest.Session) -> None:
        from edgeq.plugin.writing import note_answers, write
        from edgeq.store.locks import alone_in

        try:
            self._writing.enter_context(alone_in(self._state.reports))
            write(self._state, left_out=_left_out(session, self._state))
        except EdgeqError as error:
            self._found.add_error(str(error))
        if self._found.record is not None:
            note_answers(session.config, self._found.record)


class Release:
    """Finishes the collector's work after other plugins, such as JUnit's, wrote their files."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Release the lock on the reports, so that other processes can write them."""
        self._collector.release()


def _is_listing(session: pytest.Session) -> bool:
    """Return whether no test was to be run: tests or fixtures are listed, or the call is invalid.

    The record of the last run then stays, as nothing about it has changed.
    """
    options = ("collectonly", "showfixtures", "show_fixtures_per_test")
    return session.exitstatus == pytest.ExitCode.USAGE_ERROR or any(
        getattr(session.config.option, name, False) for name in options
    )


def _case_id(item: pytest.Item) -> str | None:
    """Return the id of the case that a test judges, None if it judges none."""
    callspec = getattr(item, "callspec", None)
    name = None if callspec is None else callspec.params.get(CASE)
    return name if isinstance(name, str) else None


def _subject_key(item: pytest.Item) -> str:
    """Return the variant that a user's own test uses, empty if it uses none."""
    callspec = getattr(item, "callspec", None)
    return "" if callspec is None else str(callspec.params.get(SUBJECT, ""))


def _is_undeclared(item: object) -> bool:
    """Return whether a test has no case, only the placeholder of an empty parametrization."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and not isinstance(callspec.params.get(CASE, ""), str)


def _left_out(session: pytest.Session, state: State) -> LeftOut:
    """Return the cases without a verdict that the user chose to leave out."""
    found = state.found
    named = any("::" in argument for argument in session.config.args)
    part = named or bool(session.config.getoption("lf", default=False))
    # A run of the user's own tests only is partial too, unless the gate's tests were to be run.
    others = part or bool(found.own and not (found.seen or found.skipped))
    return LeftOut(
        deselected=frozenset(found.left_out),
        collected=frozenset({*found.seen, *found.own}),
        declared=frozenset(state.cases),
        others=others,
    )
