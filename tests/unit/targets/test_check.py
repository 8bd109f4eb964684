from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edgeq.config.target_kinds import KINDS
from edgeq.run.protocol import AnyArray
from edgeq.run.results import Loaded, MachineState, TensorSpec
from edgeq.run.targets import Target, local_target
from edgeq.targets import check as checking
from edgeq.targets.check import Checked, Sameness, beside_local, check, sameness
from tests.patience import PATIENCE_S
from tests.unit.tiny_model import classifier

LOCAL = KINDS.get("local")
COLD = MachineState(clock_mhz=1500.0, celsius=40.0)


@pytest.fixture(scope="module")
def here() -> Checked:
    return check(LOCAL, local_target())


def test_a_model_is_given_inputs_of_both_usual_ranges_and_of_its_types() -> None:
    def tensor(dtype: str) -> TensorSpec:
        return TensorSpec(
            index=0, name="t", shape=(1, 64), dtype=dtype, channels=0, quantization=(0.0, 0)
        )

    inputs = tuple(map(tensor, ("float32", "int8", "int32", "bool")))
    given = checking.random_inputs(
        Loaded(
            handle=1,
            inputs=inputs,
            outputs=(),
            batch=1,
            init_s=0.0,
            operators=1,
            delegated=0,
            partitions=0,
            kernels="reference",
            threads=1,
        )
    )
    floats, bytes_, tokens, flags = zip(*given, strict=True)
    ends = [(values.min(), values.max()) for values in floats]
    assert [low < 0 for low, _ in ends] == [False, True, False, True]
    assert [high > 1 for _, high in ends] == [True, False, True, False]
    assert all(values.min() < -64 and values.max() > 64 for values in bytes_)
    assert {int(value) for values in tokens for value in values.ravel()} == {0, 1}
    assert {values.dtype.name for values in flags} == {"bool"}


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


@pytest.mark.parametrize("local_files", [True, False])
def test_a_machine_whose_proc_can_not_be_read_is_wrong(local_files: bool) -> None:
    """The runtime then does without XNNPACK and does not say so."""
    script = 'mount -t tmpfs none /proc && exec "$@"'
    unshared = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh")
    try:
        able = subprocess.run([*unshared, "true"], check=False, timeout=PATIENCE_S).returncode == 0
    except OSError:
        able = False
    if not able:
        pytest.skip("this user may not hide /proc")
    dark = Target("dark", (*unshared, *local_target().command), local_files=local_files)
    checked = check(LOCAL, dark)
    assert [run.loaded.partitions for run in checked.runs] == [0, 0]
    assert len(checked.problems) == 2


def test_a_kind_without_xnnpack_needs_none(here: Checked) -> None:
    micro = dataclasses.replace(LOCAL, kernels="reference")
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
    beside = beside_local(LOCAL, local_target(), path)
    assert (beside.sameness.differing, beside.sameness.largest) == (0, 0.0)
    assert beside.sameness.values > 0
    assert "bit by bit" in "\n".join(checking.beside_lines(beside))


def arrays(*values: list[float]) -> list[AnyArray]:
    return [np.array(row, np.float32) for row in values]


def test_differences_are_counted() -> None:
    ours = arrays([1.0, 2.0, np.nan], [0.0])
    found = sameness(ours, arrays([1.0, 2.5, np.nan], [0.0]))
    assert found == Sameness(values=4, differing=1, largest=0.5)
    assert str(found) == "1 of 4 values differ from here, by 0.5 at most"


def test_the_largest_is_that_of_all_outputs() -> None:
    assert sameness(arrays([3.0], [1.0]), arrays([1.0], [0.0])).largest == 2.0
    assert sameness(arrays([1.0], [3.0]), arrays([0.0], [1.0])).largest == 2.0


def test_the_same_is_the_same() -> None:
    assert str(sameness(arrays([1.0]), arrays([1.0]))) == "the same as here, bit by bit (1 values)"


def test_nan_on_one_side_is_not_hidden() -> None:
    found = sameness(arrays([np.nan, 1.0], [0.0]), arrays([1.0, 3.0], [1.0]))
    assert found.differing == 3
    assert np.isnan(found.largest)


def test_large_integers_are_compared_exactly() -> None:
    ours, theirs = np.array([2**24 + 1], np.int32), np.array([2**24], np.int32)
    assert sameness([ours], [theirs]).differing == 1
