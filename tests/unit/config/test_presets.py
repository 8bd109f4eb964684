from __future__ import annotations

from pathlib import Path

import pytest

from edgeq.config.check import check
from edgeq.config.gate_table import parse_gates
from edgeq.config.gates import limits as limited
from edgeq.config.methods import METHODS
from edgeq.config.presets import (
    DEFAULT_LIMITS,
    PREPROCESSING,
    UNCLAIMED_LIMITS,
    built_in,
    data_folder,
    find_preprocessing,
)
from edgeq.config.structs import Preprocessing
from edgeq.errors import SpecError
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


@pytest.mark.parametrize(
    ("name", "darkest", "brightest"),
    [
        ("efficientnet-lite", (-127 / 128,) * 3, (1.0,) * 3),
        ("keras-0-255", (0.0,) * 3, (255.0,) * 3),
        ("keras-tf", (-1.0,) * 3, (1.0,) * 3),
        ("keras-torch", (-2.1179, -2.0357, -1.8044), (2.2489, 2.4286, 2.6400)),
        ("keras-caffe", (-123.68, -116.779, -103.939), (131.32, 138.221, 151.061)),
        ("unit", (0.0,) * 3, (1.0,) * 3),
    ],
)
def test_presets_map_black_and_white_as_published(
    name: str, darkest: tuple[float, ...], brightest: tuple[float, ...]
) -> None:
    """ImageNet's usual numbers: (0 - 0.485) / 0.229 = -2.1179 and (1 - 0.485) / 0.229 = 2.2489."""
    preset = PREPROCESSING.get(name)
    pairs = list(zip(preset.mean, preset.std, strict=True))
    assert [(0 - mean) / std for mean, std in pairs] == pytest.approx(darkest, abs=1e-4)
    assert [(255 - mean) / std for mean, std in pairs] == pytest.approx(brightest, abs=1e-4)
    assert preset.channels == ("bgr" if name == "keras-caffe" else "rgb")


def test_a_preset_or_a_table_may_be_asked_for() -> None:
    own = Preprocessing(std=(2.0, 2.0, 2.0))
    assert find_preprocessing(own, where="net") is own
    assert find_preprocessing("unit", where="net") is PREPROCESSING.get("unit")
    with pytest.raises(SpecError, match="net: unknown preprocessing 'unti'"):
        find_preprocessing("unti", where="net")
