from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.check import check
from edgeq.config.gate_table import parse_gates
from edgeq.config.gates import limits as limited
from edgeq.config.methods import METHODS
from edgeq.config.presets import DEFAULT_LIMITS, UNCLAIMED_LIMITS, built_in, data_folder
from edgeq.pipeline.run import Run


def test_every_method_has_default_limits_that_are_valid() -> None:
    assert set(DEFAULT_LIMITS) == set(METHODS.names())
    for limits in (*DEFAULT_LIMITS.values(), UNCLAIMED_LIMITS):
        assert parse_gates(dict(limits), where="presets").every == limits
        assert set(limits) <= set(limited())


def test_without_data_the_built_in_spec_uses_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    assert data_folder() is None
    found = built_in(tmp_path)
    check(found)
    assert found.images.evaluation == found.images.calibration == "sample:imagenet"
    assert Run(found).cases


def test_with_data_the_built_in_spec_uses_its_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagenet").mkdir()
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))
    assert data_folder() == tmp_path.resolve()
    found = built_in(tmp_path)
    check(found)
    assert found.images.evaluation == found.images.calibration == "data:imagenet"
    lite0 = found.models["efficientnet-lite0"].images
    assert lite0 is not None
    assert lite0.evaluation == "sample:imagenet"


@pytest.mark.parametrize("value", ["", "nowhere"])
def test_data_that_is_not_there_is_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path / value) if value else "")
    assert data_folder() is None
    assert built_in(tmp_path).images.evaluation == "sample:imagenet"


def test_data_without_photographs_leaves_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))
    assert built_in(tmp_path).images.evaluation == "sample:imagenet"
