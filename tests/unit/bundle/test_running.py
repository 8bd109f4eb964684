from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeq.bundle import running
from edgeq.bundle.running import UnusableError
from edgeq.bundle.select import Chosen
from edgeq.config.structs import Preprocessing
from edgeq.judge.verdict import ShipDecision
from edgeq.record.structs import VariantRecord
from edgeq.tflite.model_file import ModelFile, read_model
from tests.unit.report import records
from tests.unit.tiny_model import classifier


def model_file(tmp_path: Path, data: bytes) -> ModelFile:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    return read_model(path)


def chosen(variant: VariantRecord | None = None, **model: Any) -> Chosen:
    one = variant or VariantRecord(name="int8", method="int8")
    return Chosen(records.record((one,), (), **model).models[0], one, ShipDecision.CLEARED, (), ())


def test_preprocessing_is_complete(tmp_path: Path) -> None:
    facts = running.preprocessing_facts(
        Preprocessing(resize="centre_crop", filter="lanczos", channels="bgr", std=(2.0, 3.0, 4.0)),
        model_file(tmp_path, classifier(size=(6, 8))),
    )
    steps = facts.pop("steps")
    assert facts == {
        "resize": "centre_crop",
        "filter": "lanczos",
        "crop_fraction": 0.875,
        "mean": (0.0, 0.0, 0.0),
        "std": (2.0, 3.0, 4.0),
        "channels": "bgr",
        "channels_first": False,
        "jpeg_scaling": 3.0,
        "height": 6,
        "width": 8,
    }
    assert "LANCZOS" in str(steps)
    assert "BGR" in str(steps)
    assert "0.875" in str(steps)
    assert "24 pixels" in str(steps)


def test_a_jpeg_decoded_in_full_needs_no_word(tmp_path: Path) -> None:
    facts = running.preprocessing_facts(
        Preprocessing(jpeg_scaling=0), model_file(tmp_path, classifier(size=(6, 8)))
    )
    assert "JPEG" not in str(facts["steps"])


def test_other_inputs_than_one_photograph_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="not one photograph"):
        running.preprocessing_facts(
            Preprocessing(), model_file(tmp_path, classifier(channels=6, size=(6, 8)))
        )


def test_grey_and_channels_first_are_steps(tmp_path: Path) -> None:
    facts = running.preprocessing_facts(
        Preprocessing(), model_file(tmp_path, classifier(channels=1, nchw=True, size=(6, 8)))
    )
    assert (facts["channels"], facts["channels_first"]) == ("grey", True)
    assert (facts["height"], facts["width"]) == (6, 8)
    assert "luma" in str(facts["steps"])
    assert "channels before the rows" in str(facts["steps"])


def test_a_float_tensor_has_no_scale(tmp_path: Path) -> None:
    model = model_file(tmp_path, classifier())
    facts = running.tensor_facts(model.tensors[model.inputs[0]])
    assert facts["dtype"] == "float32"
    assert facts["scale"] is None
    assert facts["zero_point"] is None


def test_one_name_per_output(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    four = model_file(tmp_path, classifier(classes=4))
    assert running.output_names(four, names, 0) == names
    five = model_file(tmp_path, classifier(classes=5))
    assert running.output_names(five, names, 0) == ("background", *names)
    assert running.output_names(five, None, 0) is None
    six = model_file(tmp_path, classifier(classes=6))
    with pytest.raises(UnusableError, match="6 outputs but its label set has 4 names"):
        running.output_names(six, names, 0)


def test_the_variants_own_preprocessing_comes_first() -> None:
    own = Preprocessing(filter="nearest", mean=(1.0, 2.0, 3.0))
    variant = VariantRecord(name="v", method="ready-made", preprocessing=own)
    assert running.preprocessing_of(chosen(variant)) is own
    assert running.preprocessing_of(chosen()).filter == "bicubic"


def test_nothing_is_made_up_for_what_the_record_lacks() -> None:
    with pytest.raises(UnusableError, match=r"the record has no preprocessing"):
        running.preprocessing_of(chosen(preprocessing=None))
