"""State of the plugin during one session."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeq.errors import EdgeqError, RecordError
from edgeq.plugin.project import no_spec, spec_of_session, spec_of_test, two_specs

if TYPE_CHECKING:
    from edgeq.config.structs import Spec
    from edgeq.history.accepted import Accepted
    from edgeq.pipeline.plan import Case
    from edgeq.pipeline.run import Run
    from edgeq.pipeline.variant import VariantUnderTest
    from edgeq.plugin.case import Held
    from edgeq.record.structs import CaseRecord, ModelRecord, RunRecord
    from edgeq.report.view import ReportView
    from edgeq.results.judging import Beforehand


@dataclass
class Collected:
    """Findings of the tests, in this process or, under xdist, in its workers.

    Attributes:
        cases: Verdicts by case id.
        models: Facts about models and variants.
        errors: Distinct bad-input errors, in order.
        own: Ids of the cases of the user's own tests, whether they ran or not.
        seen: Ids of the cases whose tests were collected, whether they ran or not.
        left_out: Ids of the cases, of both kinds, whose tests the user deselected.
        skipped: Whether a file of the gate's tests was skipped as a whole.
        interrupted: Whether Ctrl-C ended the session.
        refused: Whether a worker of xdist refused the session's spec.
        record: Record of the session, once it exists.
        view: The view of the record that the report shows, once that is written.
        folder: Folder to which the report was written.
        damaged: Sentences about files of the history that could not be read, one per file.
        carriers: Ids of the cases that carry a reason why cases are not judged, by what the reason
            is about and its text.
    """

    cases: dict[str, CaseRecord] = field(default_factory=dict)
    models: tuple[ModelRecord, ...] = ()
    errors: list[str] = field(default_factory=list)
    own: dict[str, None] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    skipped: bool = False
    interrupted: bool = False
    refused: bool = False
    record: RunRecord | None = None
    view: ReportView | None = None
    folder: Path | None = None
    damaged: tuple[str, ...] = ()
    _stopped: dict[str, tuple[CaseRecord, str]] = field(default_factory=dict)
    carriers: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def stopped(self) -> list[tuple[CaseRecord, str]]:
        """The cases that bad input stopped before their tests ran, each with the reason."""
        return list(self._stopped.values())

    @property
    def stopped_models(self) -> dict[str, str]:
        """The models without any judged case due to bad input, with the reason."""
        judged = {case.model for case in self.cases.values() if case.id not in self._stopped}
        return {case.model: error for case, error in self.stopped if case.model not in judged}

    def stop(self, case: CaseRecord, error: str) -> None:
        """Record a case that bad input stops, and the reason once."""
        self._stopped[case.id] = (case, error)
        self.cases[case.id] = case
        self.add_error(error)

    def add_error(self, text: str) -> None:
        """Record a bad-input error once."""
        if text not in self.errors:
            self.errors.append(text)


class State:
    """The session's spec, run and findings; spec and run are created on first access.

    Attributes:
        built_in: Whether the built-in models replace a missing spec. Only ``edgeq gate`` does
            this; for a test suite, a missing spec is a mistake.
        refusal: Why the collected tests can't run, once that is known.
        accepted_error: Why the accepted records can't be read, once that is known.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        self.found = Collected()
        self.built_in = False
        self.refusal: EdgeqError | None = None
        self.accepted_error: str | None = None
        self._settled: set[Path] = set()
        self._is_needed = False

    @property
    def start(self) -> Path:
        """The folder where pytest was called."""
        return Path(self.config.invocation_params.dir)

    @cached_property
    def spec_file(self) -> Path | None:
        """The spec's file, None if there is none or if the tests have yet to determine it.

        Raises:
            SpecError: A ``pyproject.toml`` that mentions edgeq can't be read.
        """
        given: Path | None = self.config.getoption("edgeq_config", None)
        return self.start / given if given is not None else spec_of_session(self.config)

    def settle(self, test: Path) -> bool:
        """Ensure that the session's spec is that of a test; the first test determines it.

        Args:
            test: File of a test that uses edgeq.

        Returns:
            Whether the session's spec changed.

        Raises:
            SpecError: There is no spec for the test, or it belongs to another project than earlier
                tests.
        """
        if self.built_in or self.config.getoption("edgeq_config", None) is not None:
            return False
        if test in self._settled:
            return False
        file = spec_of_test(self.config, test)
        if file is None:
            raise no_spec(self.config, test)
        before = self.spec_file
        if file != before and self._settled:
            raise two_specs(self.config, before, file)
        self._settled.add(test)
        if file == before:
            return False
        self.take(file)
        return True

    def take(self, file: Path) -> None:
        """Use another spec, before anything was built for the previous one."""
        for name in ("written", "spec", "inventory", "accepted", "cases", "set_aside"):
            self.__dict__.pop(name, None)
        self.__dict__["spec_file"] = file

    @property
    def has_spec(self) -> bool:
        """Whether there is anything to validate."""
        return self.built_in or self.spec_file is not None

    @cached_property
    def written(self) -> Spec:
        """The spec as it is written.

        Raises:
            SpecError: It is invalid, or there is none and the session is not ``edgeq gate``'s.
        """
        from edgeq.config.load import load_spec

        if self.spec_file is None and not self.built_in:
            raise no_spec(self.config, self.start / "tests")
        return load_spec(self.start, file=self.spec_file)

    @cached_property
    def spec(self) -> Spec:
        """The spec with the targets and kinds of gates that the session's options leave of it.

        Raises:
            SpecError: See ``written``; or an option names a target that is not declared.
        """
        spec = self.written
        targets: list[str] = self.config.getoption("edgeq_target", [])
        if targets:
            from edgeq.config.check import using

            spec = using(spec, targets)
        import msgspec

        left_out = dict.fromkeys([*spec.without, *self.config.getoption("edgeq_without", ())])
        return msgspec.structs.replace(spec, without=tuple(left_out)) if left_out else spec

    @property
    def root(self) -> Path:
        """The folder of the spec, with links resolved."""
        return self.spec.root.resolve()

    @cached_property
    def inventory(self) -> Run:
        """The run, with progress on a terminal, for looking at its declarations only.

        Raises:
            SpecError: The spec is invalid.
        """
        from edgeq.pipeline.run import Run
        from edgeq.plugin.progress import Progress

        return Run(self.spec, say=Progress(self.config).say)

    @property
    def run(self) -> Run:
        """The run, for a test that uses it; see ``inventory`` for the errors."""
        self._is_needed = True
        return self.inventory

    def run_if_asked_for(self) -> Run | None:
        """Return the run if a test used it, else None."""
        return self.inventory if self._is_needed else None

    @property
    def reports(self) -> Path:
        """The folder of the reports.

        Raises:
            SpecError: The spec is invalid.
        """
        given: Path | None = self.config.getoption("edgeq_reports", None)
        return self.start / given if given is not None else self.spec.path(self.spec.reports)

    @cached_property
    def accepted(self) -> tuple[Accepted, ...]:
        """The accepted records; empty if one can't be read, which is bad input of the session."""
        from edgeq.history.accepted import FOLDER, read_all

        try:
            return read_all(self.spec.path(self.spec.reports) / FOLDER)
        except RecordError as error:
            self.accepted_error = str(error)
            self.found.add_error(self.accepted_error)
            return ()

    @cached_property
    def held(self) -> Held:
        """The accepted state that cases are compared with."""
        from edgeq.plugin.case import Held

        return Held(self)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Every declared case by id."""
        return {case.id: case for case in self.inventory.cases}

    @cached_property
    def beforehand(self) -> Beforehand:
        """The check of the models' needs before anything is built."""
        from edgeq.results.judging import Beforehand

        return Beforehand(self.spec)

    @cached_property
    def set_aside(self) -> frozenset[str]:
        """Ids of the cases that the spec declares and the session's options leave out."""
        if self.spec is self.written:
            return frozenset()
        from edgeq.pipeline.run import Run

        return frozenset(case.id for case in Run(self.written).cases) - self.cases.keys()

    @property
    def variants(self) -> tuple[VariantUnderTest, ...]:
        """Every declared variant."""
        return self.inventory.variants


STATE: pytest.StashKey[State] = pytest.StashKey()


def state_of(config: pytest.Config) -> State:
    """Return the state of the session."""
    return config.stash[STATE]
