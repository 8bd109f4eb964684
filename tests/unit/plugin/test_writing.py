from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from edgeq.judge.verdict import Verdict
from edgeq.plugin.writing import answers, note_answers, portable
from edgeq.record.structs import RunRecord
from tests.unit.report import records

START = Path("/home/someone/project")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("/home/someone/project/tests", "tests"),
        ("/home/someone/project/tests/test_a.py::test_b[c]", "tests/test_a.py::test_b[c]"),
        ("/home/someone/other/tests", "tests"),
        ("--junitxml=/home/someone/project/out/junit.xml", "--junitxml=out/junit.xml"),
        ("--junitxml=/var/lib/junit.xml", "--junitxml=junit.xml"),
        ("--override-ini=cache_dir=/var/cache", "--override-ini=cache_dir=cache"),
        ("-c/etc/pytest.ini", "-cpytest.ini"),
        ("--benchmark-storage=file:///home/someone/marks", "--benchmark-storage=file://marks"),
        ("--benchmark-storage=file://./marks", "--benchmark-storage=file://./marks"),
        ("--cov-report=html:/home/someone/project/cov", "--cov-report=html:cov"),
        ("/home/someone/my models/net.toml", "net.toml"),
        ("tests/test_a.py", "tests/test_a.py"),
        ("not latency", "not latency"),
        ("-x", "-x"),
        ("https://host.example/a/b", "https://host.example/a/b"),
    ],
)
def test_paths_of_the_machine_are_left_out(word: str, said: str) -> None:
    assert portable(word, START) == said


def of_one(status: Verdict) -> RunRecord:
    """Return the record of a variant whose gate on predictions has a verdict."""
    return records.record(
        [records.variant("int8", 100)], [records.case("int8", "top1_agreement", status)]
    )


@pytest.mark.parametrize(
    ("status", "properties"),
    [
        (Verdict.PASS, ("cleared", "true", "0")),
        (Verdict.INCONCLUSIVE, ("unproven", "false", "0")),
        (Verdict.FAIL, ("rejected", "false", "1")),
    ],
)
def test_every_variant_has_its_answer_and_the_run_its_exit_code(
    status: Verdict, properties: tuple[str, str, str]
) -> None:
    answer, may_ship, code = properties
    assert answers(of_one(status)) == {
        f"edgeq.answer.{records.MODEL}/int8": answer,
        "edgeq.may_ship": may_ship,
        "edgeq.exit_code": code,
    }


def test_an_answer_that_the_record_lacks_is_decided_from_its_cases() -> None:
    undecided = records.variant("int8", 100)
    assert undecided.answer is None
    record = of_one(Verdict.FAIL)
    [model] = record.models
    model = msgspec.structs.replace(model, variants=(undecided,))
    bare = msgspec.structs.replace(record, models=(model,))
    assert answers(bare)[f"edgeq.answer.{records.MODEL}/int8"] == "rejected"


class Suite:
    """A writer of JUnit files."""

    def __init__(self) -> None:
        self.properties: dict[str, object] = {}

    def add_global_property(self, name: str, value: object) -> None:
        self.properties[name] = value


def test_only_a_writer_of_junit_files_gets_them() -> None:
    suite = Suite()
    plugins = SimpleNamespace(get_plugins=lambda: [object(), suite, SimpleNamespace(x=1)])
    note_answers(
        cast("pytest.Config", SimpleNamespace(pluginmanager=plugins)), of_one(Verdict.PASS)
    )
    assert suite.properties == answers(of_one(Verdict.PASS))
