from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgeq.config.load import spec_sha256
from edgeq.config.structs import DeclaredTarget, Targets
from edgeq.config.target_kinds import KINDS, Emulated, NoSettings, Ssh, TargetKind, function
from edgeq.errors import SpecError
from edgeq.run.targets import Target
from edgeq.targets.findings import Findings
from tests.unit.config.writing import refusal, spec

PLACE = "entry point 'x'"


def row(**changes: object) -> TargetKind:
    fields = {
        "name": "x",
        "summary": "x",
        "measures": frozenset({"predictions"}),
        "start": "edgeq.targets.starting:start_here",
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


PI = {"kind": "ssh", "host": "pi@board"}


def test_without_a_word_about_targets_this_machine_is_meant() -> None:
    assert spec().targets == Targets(use=("local",), declared={})


def test_a_table_becomes_its_kinds_own_settings() -> None:
    targets = spec(targets={"pi": {**PI, "port": 2222}}).targets
    assert targets.declared == {
        "pi": DeclaredTarget(kind="ssh", settings=Ssh(host="pi@board", port=2222))
    }
    assert targets.use == ("local",), "declaring a target uses none"


def test_a_list_of_addresses_declares_several_boards_that_are_else_the_same() -> None:
    declared = spec(targets={"pi": {**PI, "host": ["one", "two"], "port": 2222}}).targets.declared
    assert declared["pi"] == DeclaredTarget(
        kind="ssh", settings=Ssh(host="one", port=2222), helpers=(Ssh(host="two", port=2222),)
    )


@pytest.mark.parametrize("value", [["local"], {"use": ["local"]}, {"use": ["local"], "pi": PI}])
def test_targets_are_used_by_name(value: object) -> None:
    assert spec(targets=value).targets.use == ("local",)


def test_a_declared_target_can_be_used() -> None:
    assert spec(targets={"use": ["pi", "local"], "pi": PI}).targets.use == ("pi", "local")


@pytest.mark.parametrize("name", ["arm64", "edge-tpu", "gpu", "tflite-micro"])
def test_a_target_that_needs_no_settings_needs_no_table(name: str) -> None:
    assert spec(targets=[name]).targets.use == (name,)


def test_a_built_in_target_can_have_a_table_of_its_own() -> None:
    targets = spec(targets={"arm64": {"kind": "emulated", "cpu": "neoverse-n1"}}).targets
    assert targets.declared["arm64"].settings == Emulated(cpu="neoverse-n1")


def test_what_a_target_sets_is_part_of_the_specs_hash() -> None:
    hashes = {
        spec_sha256(spec(targets=targets))
        for targets in ({}, {"pi": PI}, {"pi": {**PI, "port": 1}}, {"use": ["pi"], "pi": PI})
    }
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"pi": {**PI, "kind": "shh"}}, "targets.pi: unknown target kind 'shh'. Did you mean"),
        ({"pi": {**PI, "kind": "local"}}, "targets.pi: unknown target kind 'local'"),
        ({"pi": {"host": "a"}}, "targets.pi: kind is missing. Valid: "),
        ({"pi": {"kind": ["ssh"]}}, "targets.pi: kind is not a string"),
        ({"pi": {"kind": "ssh"}}, "targets.pi: host is missing. Add the key"),
        ({"pi": {**PI, "host": []}}, "targets.pi: host names no board. List each board once"),
        ({"pi": {**PI, "host": ["a", "a"]}}, "targets.pi: host names a board twice"),
        ({"pi": {**PI, "host": ["a", "-b"]}}, "targets.pi: host = '-b' is not the name of a host"),
        ({"pi": {**PI, "python": ["a"]}}, "targets.pi: python: expected a string"),
        ({"pi": {**PI, "hots": "b"}}, "targets.pi: unknown key 'hots'. Did you mean 'host'?"),
        ({"pi": {**PI, "port": "22"}}, "targets.pi: port: expected a whole number"),
        ({"pi": {**PI, "port": 0}}, "targets.pi: port = 0 is outside its range, 1 to 65535"),
        ({"pi": {**PI, "host": "-oProxyCommand=x"}}, "targets.pi: host = '-oProxyCommand=x' is"),
        ({"pi": {**PI, "host": "a b"}}, "targets.pi: host = 'a b' is not the name of a host"),
        ({"pi": {**PI, "host": ""}}, "targets.pi: host = '' is not the name of a host"),
        ({"pi": {**PI, "python": "-c"}}, "targets.pi: python = '-c' is not a command"),
        ({"x": {"kind": "emulated", "cpu": "-h"}}, "targets.x: cpu = '-h' is not the name of"),
        ({"x": {"kind": "emulated", "machine": "mips"}}, "unknown value 'mips'. Valid: aarch64"),
        ({"pi": "ssh"}, "targets.pi: is not a table. Write [targets.pi]"),
        ({"a@b": PI}, "target name 'a@b' is not valid"),
        ({"con": PI}, "targets.con: is not a valid file name on every system"),
        ({"pi": PI, "Pi": PI}, "'Pi'"),
        ({"local": PI}, "targets.local: the name 'local' is taken"),
        ({"use": ["board"], "boards": PI}, "unknown target 'board'. Did you mean 'boards'?"),
        ({"use": 3}, "targets: use: expected a list"),
        (["pi"], "targets: unknown target 'pi'. Valid: arm64, edge-tpu, gpu, local, tflite-micro"),
        (["ssh"], "'ssh' is a kind of target that needs a table. Declare [targets.NAME] with kind"),
        (["local", "local"], "targets: a target is named twice"),
        ([], "targets: no target is named"),
        (3, "targets: is not a table. Write [targets.NAME]"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(targets: Any, message: str) -> None:
    assert message in refusal(targets=targets)
