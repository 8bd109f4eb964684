from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgeq.config.target_kinds import KINDS, NoSettings, TargetKind, function
from edgeq.errors import SpecError
from edgeq.run.targets import Target
from edgeq.targets.findings import Findings

PLACE = "entry point 'x'"


def row(**changes: object) -> TargetKind:
    fields = {
        "name": "x",
        "summary": "x",
        "measures": frozenset({"predictions"}),
        "start": "edgeq.targets.local:start",
    }
    return TargetKind(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", KINDS.names())
def test_every_row_names_functions_that_there_are(name: str) -> None:
    kind = KINDS.get(name)
    KINDS.check(kind, PLACE)
    for named in (kind.start, kind.examine):
        assert named is None or callable(function(named))


@pytest.mark.parametrize("name", KINDS.names())
def test_only_what_runs_models_measures_more_than_placement(name: str) -> None:
    kind = KINDS.get(name)
    if kind.start is None:
        assert kind.estimates
        assert not kind.measures & {"predictions", "time", "memory"}


class Odd(msgspec.Struct, frozen=True):
    kind: str = ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start": None}, "neither runs a model nor inspects one"),
        ({"measures": frozenset()}, "measures nothing"),
        ({"settings": Odd}, "has a setting called kind"),
        ({"address": "host"}, "has no setting called host"),
    ],
)
def test_a_row_that_does_nothing_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(SpecError, match=problem) as caught:
        KINDS.check(row(**changes), PLACE)
    assert caught.value.where == PLACE


def test_functions_may_be_named_or_given() -> None:
    def start(name: str, settings: NoSettings) -> Target:
        return Target(name, ("true",))

    def examine(settings: NoSettings, path: Path) -> Findings:
        return Findings(())

    assert function(start) is start
    assert function("edgeq.targets.findings:Findings") is Findings
    KINDS.check(row(start=start, examine=examine), PLACE)
