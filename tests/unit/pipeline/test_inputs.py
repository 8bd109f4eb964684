from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeq.config.load import parse
from edgeq.config.presets import PREPROCESSING
from edgeq.config.structs import Preprocessing
from edgeq.errors import ImageError, ModelError, SpecError
from edgeq.models.export_request import ArrayInput
from edgeq.pipeline.image_sets import named_images
from edgeq.pipeline.inputs import ModelInputs, input_notes
from edgeq.samples.sets import NamedSet, Role
from edgeq.store.content import Store
from edgeq.tflite.model_file import read_model
from tests.unit.pipeline.project import CALIBRATION, EVALUATION, NAMES, spec
from tests.unit.samples.pictures import save
from tests.unit.tiny_model import Head, Tensor, classifier, heads


def inputs(root: Path, model: dict[str, Any] | None = None, **keys: Any) -> ModelInputs:
    return ModelInputs("net", spec(root, model, **keys), Store(root / ".edgeq"), lambda _: None)


SHARED = {"calibration": "c", "evaluation": "e", "labels": "shared.csv", "max_evaluation": 5}


@pytest.mark.parametrize(
    ("own", "role", "expected"),
    [
        ({}, "evaluation", ("e", "shared.csv", 5, "[images]")),
        ({"evaluation": "mine"}, "evaluation", ("mine", None, 5, "[models.net.images]")),
        ({"evaluation": "mine"}, "calibration", ("c", "shared.csv", None, "[images]")),
        (
            {"evaluation": "mine", "labels": "my.csv"},
            "evaluation",
            ("mine", "my.csv", 5, "[models.net.images]"),
        ),
        ({"labels": "my.csv"}, "evaluation", ("e", "my.csv", 5, "[images]")),
        ({"max_evaluation": 2}, "evaluation", ("e", "shared.csv", 2, "[images]")),
        ({"max_calibration": 2}, "calibration", ("c", "shared.csv", 2, "[images]")),
    ],
    ids=str,
)
def test_every_key_of_a_models_images_falls_back_on_its_own(
    project: Path,
    own: dict[str, Any],
    role: Role,
    expected: tuple[str, str | None, int | None, str],
) -> None:
    found = spec(project, {"images": own} if own else None, images=SHARED)
    source, labels, limit, table = expected
    named = NamedSet(source, role, project, labels=labels, limit=limit, table=table)
    assert named_images(found, "net", role) == named


def test_a_model_with_its_own_evaluation_is_calibrated_on_the_shared_set(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(classifier(classes=len(NAMES)))
    (tmp_path / "labels.txt").write_text("\n".join(NAMES), "utf-8")
    save(tmp_path / "calibration" / "a.png", seed=1)
    for seed in (2, 3):
        save(tmp_path / "mine" / "3" / f"{seed}.png", seed=seed)
    found = inputs(tmp_path, {"images": {"evaluation": "mine", "max_evaluation": 1}})
    assert found.images.evaluation is not None
    assert found.images.calibration_set is not None
    assert found.images.evaluation.source == "mine"
    assert len(found.images.evaluation.photos) == 1
    assert found.images.calibration_set.source == "calibration"


@pytest.mark.parametrize("named", [False, True])
def test_boxes_of_other_classes_are_refused_only_if_they_are_named(
    tmp_path: Path, *, named: bool
) -> None:
    head = Head("out", 21 * 3 * 7, last="LOGISTIC", shape=(1, 21 * 3, 7))
    (tmp_path / "net.tflite").write_bytes(heads(head, size=(32, 32)))
    save(tmp_path / "images" / "a.png", seed=1)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .1 .1\n2 .5 .5 .1 .1\n")
    sets = {"evaluation": "images", **({"labels": "labels"} if named else {})}
    table = {"source": "net.tflite", "preprocessing": "unit"}
    text = {"models": {"net": table}, "methods": ["float16"], "images": sets}
    loaded = parse(text, root=tmp_path, origin=tmp_path / "edgeq.toml")
    images = ModelInputs("net", loaded, Store(tmp_path / ".edgeq"), lambda _: None).images
    if named:
        with pytest.raises(ImageError, match=r"class 2 is labelled, but the model has 2 classes"):
            _ = images.has_box_labels
    else:
        assert not images.has_box_labels
        assert "class 2 is labelled" in images.notes[-1]
    (tmp_path / "labels" / "a.txt").write_text("0 .5 .5 .1 .1\n1 .5 .5 .1 .1\n")
    assert ModelInputs(
        "net", loaded, Store(tmp_path / ".edgeq"), lambda _: None
    ).images.has_box_labels


def test_the_baseline_and_its_classes(project: Path) -> None:
    found = inputs(project)
    assert found.known_baseline() is None
    baseline = found.baseline
    assert baseline.original is not None
    assert (baseline.original.path, baseline.input_size) == (project / "net.tflite", (4, 4))
    assert found.known_baseline() is found.baseline is baseline
    assert found.labels is not None
    assert found.labels.names == NAMES


def test_a_baseline_that_can_not_be_used_is_tried_once(project: Path) -> None:
    said: list[str] = []
    found = ModelInputs(
        "net", spec(project, {"source": "cut.tflite"}), Store(project / ".edgeq"), said.append
    )
    for _ in range(2):
        with pytest.raises(ModelError):
            _ = found.baseline
    assert said == ["net: preparing the baseline"]


def test_sets_are_loaded_once_and_known_then(project: Path) -> None:
    found = inputs(project)
    assert found.images.known_sets() == ()
    evaluation = found.images.evaluation
    assert evaluation is not None
    assert found.images.evaluation is evaluation
    assert len(evaluation.photos) == EVALUATION
    assert evaluation.labelled
    assert [one.role for one in found.images.known_sets()] == ["evaluation"]
    assert found.images.calibration_set is not None
    assert len(found.images.calibration_set.photos) == CALIBRATION
    assert [one.role for one in found.images.known_sets()] == ["calibration", "evaluation"]


def test_sets_that_the_spec_does_not_name(project: Path) -> None:
    found = inputs(project, images={})
    assert found.images.evaluation is None
    assert found.images.calibration_set is None
    assert found.images.calibration is None
    with pytest.raises(ImageError, match="no evaluation set is named"):
        found.images.stream(Preprocessing())


def test_an_image_in_both_sets_is_refused(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "evaluation" / "5" / "5.png", tmp_path / "calibration" / "copy.png")
    with pytest.raises(ImageError) as caught:
        _ = inputs(tmp_path).images.calibration
    assert "1 of 4 calibration images are evaluation images too" in caught.value.what
    assert "copy.png" in caught.value.what
    assert caught.value.remedy


def test_photographs_are_decoded_at_the_baselines_size(project: Path) -> None:
    said: list[str] = []
    found = ModelInputs("net", spec(project), Store(project / ".decoding"), said.append)
    photographs = found.images.stream(Preprocessing(filter="nearest"))
    assert photographs.every(1).shape == photographs.shape == (EVALUATION, 4, 4, 3)
    assert f"net: decoding evaluation images, {EVALUATION} of {EVALUATION}" in said
    said.clear()
    again = found.images.stream(Preprocessing(filter="nearest"))
    assert np.array_equal(again.every(1), photographs.every(1))
    assert said == []


def test_near_copies_among_evaluation_images_are_noted_once_they_are_decoded(
    project: Path, tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "evaluation").rglob("*.png"):
        Image.open(path).save(path.with_suffix(".bmp"))  # the same pixels in another file
    net = inputs(tmp_path)
    assert net.images.copies_note() is None  # nothing was looked at
    _ = net.images.require_evaluation(), net.baseline
    stream = net.images.stream(net.baseline.preprocessing)
    assert net.images.copies_note() is None  # nothing is decoded for a note alone
    stream.decode_all()
    note = net.images.copies_note()
    assert note is not None
    assert note.startswith("10 of 20 evaluation images are nearly the same as others (0/0.png, ")
    again = inputs(project)
    again.images.stream(again.baseline.preprocessing).decode_all()
    assert again.images.copies_note() is None


def test_calibration_takes_the_baselines_preprocessing(project: Path) -> None:
    found = inputs(project, {"preprocessing": "unit"})
    calibration = found.images.calibration
    assert calibration is not None
    assert calibration.preprocessing == PREPROCESSING.get("unit")
    assert calibration.pixels.shape == (CALIBRATION, 4, 4, 3)


def test_a_ready_made_variant_may_see_and_answer_otherwise(project: Path) -> None:
    (project / "six.txt").write_text("background\n" + "\n".join(NAMES), "utf-8")
    ready = {"model": "net", "file": "same.tflite"}
    variants = {
        "plain": ready,
        "preset": {**ready, "preprocessing": "unit", "labels": "six.txt"},
        "full": {**ready, "preprocessing": {"std": [2, 2, 2]}},
    }
    found = inputs(project, variants=variants)
    assert found.preprocessing_of("plain") == found.baseline.preprocessing
    assert found.preprocessing_of("preset") == PREPROCESSING.get("unit")
    assert found.preprocessing_of("full") == Preprocessing(std=(2.0, 2.0, 2.0))
    plain, preset = found.labels_of("plain"), found.labels_of("preset")
    assert plain == found.labels
    assert preset is not None
    assert (preset.background, preset.names) == (True, NAMES)


def test_an_unknown_preset_is_refused_before_anything_runs(project: Path) -> None:
    with pytest.raises(SpecError, match="unknown preprocessing 'untit'"):
        inputs(project, {"preprocessing": "untit"})


def test_other_labels_can_be_put_on_the_evaluation_set(project: Path) -> None:
    before = inputs(project).images.evaluation
    found = inputs(project)
    found.images.relabel(np.arange(EVALUATION)[::-1])
    assert before is not None
    assert found.images.evaluation is not None
    assert [photo.label for photo in found.images.evaluation.photos] == list(range(EVALUATION))[
        ::-1
    ]
    assert found.images.evaluation.content_sha256 == before.content_sha256
    assert found.images.evaluation.sha256 != before.sha256


def test_where_no_evaluation_set_is_named_there_is_nothing_to_label(project: Path) -> None:
    found = inputs(project, images={"calibration": "calibration"})
    with pytest.raises(ImageError, match="no evaluation set"):
        found.images.relabel(np.arange(EVALUATION))


def test_the_arrays_of_a_module_are_those_of_its_samples(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        tokens=np.zeros((3, 8), np.int64),
        levels=np.zeros((3, 4, 2), np.int8),
        window=np.zeros((3, 6), np.float64),
    )
    model = {"source": "torch:nets:net", "samples": {"evaluation": "a.npz"}}
    declared = parse({"models": {"net": model}}, root=tmp_path, origin=tmp_path / "edgeq.toml")
    found = ModelInputs("net", declared, Store(tmp_path / ".edgeq"), lambda _: None)
    assert found.images.array_inputs == (
        ArrayInput("tokens", (8,), "int64"),
        ArrayInput("levels", (4, 2)),
        ArrayInput("window", (6,)),
    )


@pytest.mark.parametrize(
    ("shape", "notes"),
    [
        ({}, []),
        ({"channels": 1}, ["The input has one channel: it gets the photographs' luma"]),
        ({"nchw": True}, ["The input has the channels first"]),
        ({"batch": 4}, ["The input has a batch of 4: as many photographs are run at a time"]),
    ],
    ids=str,
)
def test_what_photographs_become_is_said(
    tmp_path: Path, shape: dict[str, Any], notes: list[str]
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier(size=(6, 8), **shape))
    lines = list(input_notes(read_model(path), Preprocessing(), where="models.net"))
    assert [line[: len(start)] for line, start in zip(lines, notes, strict=True)] == notes


def test_one_channel_is_scaled_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier(channels=1))
    torch = Preprocessing(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    with pytest.raises(SpecError, match="mean and std differ between channels"):
        list(input_notes(read_model(path), torch, where="models.net"))


def test_a_variant_that_takes_integers_gets_pixels_as_they_are(project: Path) -> None:
    def written(name: str, dtype: str, *scales: Any) -> dict[str, str]:
        entry = Tensor("pixels", (1, 4, 4, 3), dtype, None, *scales)
        (project / name).write_bytes(classifier(classes=len(NAMES), entry=entry))
        return {"model": "net", "file": name}

    raw = written("raw.tflite", "uint8")
    scaled = written("scaled.tflite", "uint8", (1 / 127.5,), (127,))
    variants = {"raw": raw, "scaled": scaled, "wrong": {**raw, "preprocessing": "unit"}}
    normalized = inputs(project, {"preprocessing": "keras-tf"}, variants=variants)
    assert normalized.preprocessing_of("raw") == Preprocessing()
    assert normalized.preprocessing_of("scaled") == PREPROCESSING.get("keras-tf")
    with pytest.raises(SpecError, match="is uint8 without a scale and can't hold"):
        normalized.preprocessing_of("wrong")
    note = "raw: The input is uint8: pixels from 0 to 255 go in as they are"
    assert [line for line in normalized.assumptions() if "uint8" in line] == [note]
    unsaid = inputs(project, {"preprocessing": None}, variants=variants)
    assert unsaid.preprocessing_of("raw") == unsaid.baseline.preprocessing
    assert unsaid.preprocessing_of("scaled").mean == (127.0,) * 3
