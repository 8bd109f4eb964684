"""JUnit output: the answers about the variants as properties of the test suite."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pytest

from edgeq.record.exit_code import exit_code
from edgeq.record.ship_decision import answer
from edgeq.record.structs import RunRecord


@runtime_checkable
class _Suite(Protocol):
    """Pytest's writer of JUnit files, which is registered only with ``--junitxml``."""

    def add_global_property(self, name: str, value: object) -> None: ...


def note_answers(config: pytest.Config, record: RunRecord) -> None:
    """Add the answers, whether all variants may ship, and the exit code to the suite properties."""
    for plugin in config.pluginmanager.get_plugins():
        if isinstance(plugin, _Suite):
            for name, value in answers(record).items():
                plugin.add_global_property(name, value)


def answers(record: RunRecord) -> dict[str, str]:
    """Return the answers as properties of a suite."""
    found = {
        f"edgeq.answer.{model.name}/{one.name}": answer(record, model.name, one).value
        for model in record.models
        for one in model.variants
    }
    return {
        **found,
        "edgeq.may_ship": "true" if record.summary.may_ship else "false",
        "edgeq.exit_code": str(exit_code(record)),
    }
