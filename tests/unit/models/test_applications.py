from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgeq.config.presets import PREPROCESSING
from edgeq.errors import MissingExtraError, ModelError
from edgeq.models.applications import (
    FAMILIES,
    downloaded_before,
    find_application,
    find_weights,
    known_applications,
    plain,
)

LISTING = """
from keras.applications import mobilenet as mobilenet
from keras.src.applications.efficientnet_v2 import (
    EfficientNetV2B0 as EfficientNetV2B0,
)
from keras.src.applications.future import FutureNet as FutureNet
from keras.src.applications.resnet import ResNet50 as ResNet50
"""


@pytest.fixture
def keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package ``keras`` that must not be imported before any other."""
    folder = tmp_path / "keras" / "applications"
    folder.mkdir(parents=True)
    (tmp_path / "keras" / "__init__.py").write_text("raise AssertionError('imported')")
    (folder / "__init__.py").write_text(LISTING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keras", raising=False)  # from another test of the session


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEQ_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def test_names_come_from_the_installed_keras(keras: None) -> None:
    assert known_applications() == {
        "EfficientNetV2B0": "efficientnet_v2",
        "FutureNet": "future",
        "ResNet50": "resnet",
    }


@pytest.mark.parametrize("name", ["ResNet50", "resnet50", "resnet-50", "RESNET_50"])
def test_spelling_is_forgiven(keras: None, name: str) -> None:
    found = find_application(name, "here")
    assert (found.name, found.family) == ("ResNet50", FAMILIES["resnet"])


def test_a_module_that_is_new_has_no_family(keras: None) -> None:
    assert find_application("FutureNet", "here").family is None


def test_an_unknown_name_is_met_with_the_closest(keras: None) -> None:
    with pytest.raises(ModelError, match=r"here: unknown Keras application 'ResNet5'.*'ResNet50'"):
        find_application("ResNet5", "here")


def test_keras_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"edgeq\[keras\]"):
        known_applications()


def test_every_family_has_a_preset() -> None:
    assert {family.preprocessing for family in FAMILIES.values()} <= set(PREPROCESSING.names())


@pytest.mark.parametrize("file", ["efficientnetv2-b0.weights.h5", "EfficientNetV2B0.weights.h5"])
def test_weights_are_found_in_either_spelling(data: Path, file: str) -> None:
    (data / "efficientnetv2-b1.weights.h5").touch()
    (data / file).touch()
    assert find_weights("EfficientNetV2B0") == (data / file).resolve()


def test_other_weights_are_not_taken(data: Path) -> None:
    (data / "efficientnetv2-b0.tflite").touch()
    (data / "efficientnetv2-b00.weights.h5").touch()
    assert find_weights("EfficientNetV2B0") is None


def test_without_the_variable_no_weights_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEQ_DATA", raising=False)
    assert find_weights("EfficientNetV2B0") is None


def test_the_cache_of_keras_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not downloaded_before("MobileNetV2")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5").touch()
    assert downloaded_before("MobileNetV2")
    assert not downloaded_before("ResNet50")


def test_plain_names() -> None:
    assert plain("EfficientNetV2-B0") == plain("efficientnet_v2b0") == "efficientnetv2b0"
