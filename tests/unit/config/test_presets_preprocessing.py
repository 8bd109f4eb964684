from __future__ import annotations

import pytest

from edgeq.config.presets_preprocessing import PREPROCESSING, find_preprocessing
from edgeq.config.structs import Preprocessing
from edgeq.errors import SpecError


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
