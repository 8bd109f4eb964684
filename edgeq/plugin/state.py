"""What the plugin remembers during one session."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeq.errors import RecordError

if TYPE_CHECKING:
    from edgeq.history.accepted import Accepted
    from edgeq.pipeline.plan import Case, Subject
    from edgeq.pipeline.run import Run
    from edgeq.record import CaseRecord, ModelRecord, RunRecord
    from edgeq.spec.structs import Spec

OWN_FILE = "edgeq.toml"
SHARED_FILE = "pyproject.toml"
SHARED_TABLE = b"[tool.edgeq"


@dataclass
class Collected:
    """What the tests found, in this process or, under xdist, in its workers.

    Attributes:
        cases: Verdicts by case id.
        models: What is known about models and variants.
        errors: Bad input, each once, in order.
        deselected: Whether tests were deselected.
        interrupted: Whether Ctrl-C ended the session.
        record: The session's record, once it is made.
        folder: Where the report was written.
        damaged: Files of history that could not be read, one sentence each.
    """

    cases: dict[str, CaseRecord] = field(default_factory=dict)
    models: tuple[ModelRecord, ...] = ()
    errors: list[str] = field(default_factory=list)
    deselected: bool = False
    interrupted: bool = False
    record: RunRecord | None = None
    folder: Path | None = None
    damaged: tuple[str, ...] = ()

    def add_error(self, text: str) -> None:
        """Note bad input, once."""
        if text not in self.errors:
            self.errors.append(text)


class State:
    """The session's spec, run and findings; the first two are made when they are asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.started = datetime.now(UTC)
        self.clock = time.monotonic()
        self.found = Collected()

    @property
    def start(self) -> Path:
        """The folder that the spec is searched from: where pytest was called."""
        return Path(self.config.invocation_params.dir)

    @cached_property
    def spec_file(self) -> Path | None:
        """The spec's file, None where there is none.

        A look at the bytes keeps the readers unloaded in projects that do not use edgeq.

        Raises:
            SpecError: A ``pyproject.toml`` that speaks of edgeq can't be read.
        """
        given: Path | None = self.config.getoption("edgeq_config", None)
        if given is not None:
            return self.start / given
        for folder in (self.start, *self.start.parents):
            shared = folder / SHARED_FILE
            if (folder / OWN_FILE).is_file() or (
                shared.is_file() and SHARED_TABLE in shared.read_bytes()
            ):
                from edgeq.spec.load import find_spec_file

                return find_spec_file(folder)
        return None

    @cached_property
    def spec(self) -> Spec:
        """The spec.

        Raises:
            SpecError: It is not valid.
        """
        from edgeq.spec.load import load_spec

        return load_spec(self.start, file=self.spec_file)

    @cached_property
    def run(self) -> Run:
        """The run, with progress shown on a terminal.

        Raises:
            SpecError: The spec is not valid.
        """
        from edgeq.pipeline.run import Run
        from edgeq.plugin.progress import Progress

        return Run(self.spec, say=Progress(self.config).say)

    def run_if_asked_for(self) -> Run | None:
        """Return the run where a test needed it."""
        run: Run | None = self.__dict__.get("run")
        return run

    @property
    def reports(self) -> Path:
        """The folder of the reports.

        Raises:
            SpecError: The spec is not valid.
        """
        given: Path | None = self.config.getoption("edgeq_reports", None)
        return self.start / given if given is not None else self.spec.path(self.spec.reports)

    @cached_property
    def accepted(self) -> tuple[Accepted, ...]:
        """The accepted records; none where one can't be read, which the session's end says."""
        from edgeq.history.accepted import FOLDER, read_all

        try:
            return read_all(self.spec.path(self.spec.reports) / FOLDER)
        except RecordError:
            return ()

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Every declared case by id."""
        from edgeq.pipeline.plan import cases

        return {case.id: case for case in cases(self.spec)}

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """Every declared variant by key."""
        from edgeq.pipeline.plan import subjects

        return {subject.key: subject for subject in subjects(self.spec)}


STATE: pytest.StashKey[State] = pytest.StashKey()


def state_of(config: pytest.Config) -> State:
    """Return the session's state."""
    return config.stash[STATE]
