from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.target_kinds import KINDS
from edgeq.run.protocol import AnyArray
from edgeq.run.results import MachineState
from edgeq.run.targets import local_target
from edgeq.targets import check as checking
from edgeq.targets.check import Checked, beside_local, check, compare
from tests.unit.tiny_model import classifier

LOCAL = KINDS.get("local")
COLD = MachineState(clock_mhz=1500.0, celsius=40.0)


@pytest.fixture(scope="module")
def here() -> Checked:
    return check(LOCAL, local_target())


def text(checked: Checked) -> str:
    return "\n".join(checking.lines(checked))


def test_this_machine_is_right(here: Checked) -> None:
    assert here.problems == ()
    assert [run.arithmetic for run in here.runs] == ["float32", "int8"]
    assert all(run.loaded.partitions == 1 and run.median_s > 0 for run in here.runs)
    assert "answers as known" in text(here)
    assert "ms an inference" in text(here)


def test_a_target_without_our_files_is_checked_too(here: Checked) -> None:
    far = dataclasses.replace(local_target(), name="far", local_files=False)
    assert check(LOCAL, far).problems == ()


def changed(checked: Checked, *, differing: int = 0, partitions: int = 1) -> Checked:
    """Return a check whose int8 run differs."""
    first, run = checked.runs
    loaded = msgspec.structs.replace(run.loaded, partitions=partitions)
    other = dataclasses.replace(run, loaded=loaded, differing=differing)
    return dataclasses.replace(checked, runs=(first, other))


def test_xnnpack_that_is_not_applied_is_wrong(here: Checked) -> None:
    (problem,) = changed(here, partitions=0).problems
    assert "XNNPACK is not applied to the int8 model" in problem


def test_a_kind_without_xnnpack_needs_none(here: Checked) -> None:
    micro = dataclasses.replace(LOCAL, xnnpack=False)
    assert dataclasses.replace(changed(here, partitions=0), kind=micro).problems == ()


def test_other_answers_are_wrong(here: Checked) -> None:
    (problem,) = changed(here, differing=3).problems
    assert problem == "3 answers of the int8 model are not the known ones"
    assert "3 answers differ" in text(changed(here, differing=3))


@pytest.mark.parametrize(
    ("governor", "after", "words"),
    [
        ("powersave", COLD, "governor is 'powersave'"),
        ("", MachineState(clock_mhz=1500, celsius=85), "it is hot (85 °C)"),
        ("", MachineState(clock_mhz=600, celsius=40), "its clock fell"),
        ("performance", COLD, ""),
        ("", MachineState(clock_mhz=-1, celsius=-1), ""),
    ],
)
def test_what_spoils_times_is_said(
    here: Checked, governor: str, after: MachineState, words: str
) -> None:
    facts = msgspec.structs.replace(here.facts, governor=governor)
    seen = dataclasses.replace(here, facts=facts, before=COLD, after=after)
    assert len(seen.warnings) == bool(words)
    assert words in " ".join(seen.warnings)
    untimed = dataclasses.replace(LOCAL, measures=frozenset({"predictions"}))
    elsewhere = dataclasses.replace(seen, kind=untimed)
    assert elsewhere.warnings == ()
    assert "time not applicable" in text(elsewhere)


def test_a_file_answers_alike_here_and_here(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier())
    beside = beside_local(local_target(), path)
    assert (beside.differing, beside.largest) == (0, 0.0)
    assert beside.values > 0
    assert "bit by bit" in "\n".join(checking.beside_lines(beside))


def arrays(*values: list[float]) -> list[AnyArray]:
    return [np.array(row, np.float32) for row in values]


def test_differences_are_counted(here: Checked) -> None:
    loaded = here.runs[0].loaded
    ours = arrays([1.0, 2.0, np.nan], [0.0])
    beside = compare(loaded, loaded, ours, arrays([1.0, 2.5, np.nan], [0.0]))
    assert (beside.values, beside.differing, beside.largest) == (4, 1, 0.5)
    assert "1 of 4 values differ" in "\n".join(checking.beside_lines(beside))


def test_nan_on_one_side_is_not_hidden(here: Checked) -> None:
    loaded = here.runs[0].loaded
    beside = compare(loaded, loaded, arrays([np.nan, 1.0]), arrays([1.0, 3.0]))
    assert beside.differing == 2
    assert np.isnan(beside.largest)
