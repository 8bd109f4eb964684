from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Model, Preprocessing, Spec
from edgeq.models.predicted_input import Expected, expected

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(find_spec("keras") is None, reason="the keras extra is not installed"),
]  # not imported here: what edgeq reads of Keras, it reads from the text


def told(root: Path, **keys: object) -> Expected | None:
    model = Model(**keys)  # type: ignore[arg-type]
    return expected("net", model, Spec(root=root, origin="test", models={"net": model}))


@pytest.mark.parametrize(
    ("name", "side", "preset"),
    [
        ("EfficientNetV2B0", 224, "keras-0-255"),
        ("efficientnetv2-b3", 300, "keras-0-255"),
        ("Xception", 299, "keras-tf"),
    ],
)
def test_an_application_has_a_size_and_a_preset(
    tmp_path: Path, name: str, side: int, preset: str
) -> None:
    found = told(tmp_path, source=f"keras:{name}")
    assert found == Expected((side, side), PREPROCESSING.get(preset), "imagenet")


def test_the_spec_is_believed_first(tmp_path: Path) -> None:
    own = Preprocessing(filter="nearest")
    found = told(
        tmp_path,
        source="keras:ResNet50",
        input_size=(96, 64),
        preprocessing=own,
        labels="cifar10",
    )
    assert found == Expected((96, 64), own, "cifar10")


def test_only_an_export_can_tell_of_others(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"")
    assert told(tmp_path, source="net.tflite") is None
    (tmp_path / "module.py").write_text("def function(): ...\n")
    assert told(tmp_path, source="module:function") is None
