from __future__ import annotations

import msgspec
import numpy as np
import pytest

from edgeq.io.structs import Json
from edgeq.judge.tensors import COST
from edgeq.judge.verdict import Verdict
from edgeq.measure.beside_control import BesideControl
from edgeq.measure.contrast import Contrast, contrast, paired
from edgeq.record.measured import RecordedControl
from edgeq.record.structs import CaseRecord, ModelRecord, VariantRecord
from edgeq.report.control_view import control_line, costs, scale_costs


def means(label: str) -> Contrast:
    found = contrast(label, np.full(8, 0.3), np.full(8, 0.2))
    assert found is not None
    return found


BESIDE = BesideControl(
    errors=(means("logits"),),
    drift=means("probabilities"),
    agreement=paired(np.arange(8) > 0, np.arange(8) >= 0),
)
MADE = RecordedControl(
    method="int8",
    engine="litert",
    itself=False,
    deduced=False,
    absent="",
    bytes=8_420_000,
    declared=False,
    seconds=12.3,
    beside=BESIDE,
)
DECLARED = msgspec.structs.replace(MADE, declared=True)


def model(*controls: RecordedControl | None) -> ModelRecord:
    return ModelRecord(
        name="net",
        source="net.tflite",
        trained=True,
        baseline=VariantRecord(name="baseline", method="float"),
        variants=tuple(
            VariantRecord(name=str(at), method="int8", control=one)
            for at, one in enumerate(controls)
        ),
    )


def test_what_the_control_reaches_stands_beside_the_file() -> None:
    assert control_line(MADE) == (
        "Control: edgeq's own int8 by litert (8.42 MB, made and run in 12.3 s of work): relative "
        "error of logits 0.200 (0.300), probability drift 0.200 (0.300), agreement 100 % (87.5 %) "
        "(this file's in brackets)"
    )


@pytest.mark.parametrize(
    ("control", "line"),
    [
        (None, ""),
        (
            RecordedControl(method="float16", itself=True, deduced=False, absent=""),
            "Its own control: it is edgeq's own float16 by the default recipe",
        ),
        (
            RecordedControl(
                method="int8", itself=False, deduced=False, absent="there is no calibration set"
            ),
            "No control: there is no calibration set. The variant is judged by its limits alone",
        ),
        (
            msgspec.structs.replace(DECLARED, beside=None),
            "Control: edgeq's own int8 by litert (8.42 MB)",
        ),
    ],
)
def test_every_kind_of_control_is_said(control: RecordedControl | None, line: str) -> None:
    assert control_line(control) == line


def test_a_control_is_paid_once_and_only_if_it_was_made_on_the_side() -> None:
    quick = msgspec.structs.replace(MADE, seconds=0.1)
    (said,) = costs(model(MADE, MADE, DECLARED, quick, None))
    assert said == (
        "edgeq's own int8 by litert was made and run to compare brought files with: 12.3 s of "
        "work, kept for later runs"
    )
    assert costs(model(DECLARED)) == ()
    other = msgspec.structs.replace(MADE, method="int16x8", seconds=7.7)
    (both,) = costs(model(MADE, other))
    assert both.startswith("edgeq's own int8 and int16x8 by litert were made")
    assert "20.0 s of work" in both


def test_what_one_scale_a_layer_costs_is_a_note() -> None:
    cost: dict[str, Json] = {"method": "int8", "own": 0.3, "error": 0.1, "ratio": 3.0}
    case = CaseRecord(
        id="net/mine/relative_error",
        model="net",
        variant="mine",
        gate="relative_error",
        status=Verdict.PASS,
        reason="fine",
        unit="ratio",
        evidence={COST: cost},
    )
    (told,) = scale_costs([case])
    assert told == (
        "mine: one scale for all channels of a layer costs 3.00x the error of a scale for each "
        "(relative error 0.300, int8 0.100)"
    )
    unknown = msgspec.structs.replace(case, evidence={COST: {"method": "int8", "absent": "why"}})
    assert scale_costs([unknown, msgspec.structs.replace(case, evidence={})]) == (
        "mine: what one scale for all channels of a layer costs is not known: why",
    )
