"""Ranges whose correction brings back the class probabilities, though not the logits."""

from __future__ import annotations

import msgspec
import pytest

from edgeq.diagnosis.ranges import explain, explain_drift
from edgeq.measure.ranges import RangeFit, Ranges, Trial
from edgeq.measure.scales import Scale


def fit(name: str, place: str = "inner") -> RangeFit:
    return RangeFit(
        name=name,
        tensor=1,
        place="last" if place == "last" else "inner",
        scale=Scale("int8", 0.1, 0),
        values=(-4.8, 16.0),
        clipped=0.002,
        error=0.06,
        fitting=Scale("int8", 0.1, -60),
        best=0.02,
    )


def trial(left: float, *names: str) -> Trial:
    return Trial(
        tensors=names,
        gross=False,
        agreeing=(7, 7),
        before=(0.14,),
        after=(0.137,),
        nearer=(0.6,),
        drift=(0.15, left),
    )


def ranges(*trials: Trial) -> Ranges:
    return Ranges(
        samples=8,
        fitted=24,
        activations=62,
        groups=62,
        unmatched=(),
        suspicious=(fit("relu"), fit("logits", "last")),
        trials=trials,
        problems=(),
        stale=(),
    )


@pytest.mark.parametrize(
    ("trials", "cause"),
    [
        ([trial(0.036, "logits")], "output_quantization"),
        ([trial(0.036, "relu", "logits"), trial(0.039, "logits")], "output_quantization"),
        ([trial(0.036, "relu", "logits"), trial(0.048, "logits")], "calibration"),
        ([trial(0.036, "relu", "logits"), trial(0.14, "relu")], "calibration"),
        ([trial(0.08, "logits")], None),
        ([], None),
    ],
)
def test_ranges_that_bring_probabilities_back_are_named(
    trials: list[Trial], cause: str | None
) -> None:
    assert explain(ranges(*trials)) is None
    found = explain_drift(ranges(*trials))
    assert (found.name if found else None) == cause
    if found is not None:
        assert "the probabilities' distance from the baseline's is 0.03" in found.sentence


@pytest.mark.parametrize(
    ("runs", "cause"), [(True, "saturated_activations"), (False, "damaged_tensor")]
)
def test_one_range_that_keeps_a_file_from_running_is_not_due_to_calibration(
    runs: bool, cause: str
) -> None:
    """A softmax, for example, takes a single scale."""
    before = (0.9,) if runs else (None,)
    alone = msgspec.structs.replace(
        trial(0.036, "relu"), before=before, after=(0.01,), nearer=(1.0,), drift=None
    )
    found = explain(msgspec.structs.replace(ranges(alone), runs=runs))
    assert found is not None
    assert found.name == cause
